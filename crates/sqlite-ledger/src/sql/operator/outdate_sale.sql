-- outdate_sale: raises the epoch of a sale, so that whatever the live store has of it is out of date. Nobody loads this
-- epoch, so it is not noted when it was raised: no rebuild is kept waiting for it.
--
-- ?1 sale_id   ?2 epoch, above the one that stands

UPDATE sales SET epoch = ?2 WHERE id = ?1
