-- record_purchase: writes the receipt of a unit that was just sold.
--
-- ?1 id   ?2 sale_id   ?3 unit   ?4 slot   ?5 now   ?6 code   ?7 user_id   ?8 item_name
-- ?9 item_image   ?10 product_version   null of a generated item

INSERT INTO purchases
    (id, sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image,
     product_version)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
