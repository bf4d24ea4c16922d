-- write_purchase: writes the receipt of a unit that was just sold.
--
-- ?1 code   ?2 sale_id   ?3 user_id   ?4 unit   ?5 slot   ?6 item_name   ?7 item_image   ?8 now

INSERT INTO purchases (code, sale_id, user_id, unit, slot, item_name, item_image, purchased_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
