-- change_sale: when a sale is on, its terms and its state, as they are from now on. Its epoch is raised
-- with it.
--
-- ?1 sale_id   ?2 starts_at   ?3 ends_at   ?4 hold_ms   ?5 stock   ?6 per_user_limit   ?7 state

UPDATE sales
SET starts_at = ?2, ends_at = ?3, hold_ms = ?4, stock = ?5, per_user_limit = ?6, state = ?7
WHERE id = ?1
