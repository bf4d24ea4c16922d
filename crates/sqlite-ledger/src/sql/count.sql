-- count: keeps the counters of a sale.
--
-- ?1 sale_id   ?2 held, ?3 sold   how many more, or fewer if negative

UPDATE sales SET held = held + ?2, sold = sold + ?3 WHERE id = ?1
