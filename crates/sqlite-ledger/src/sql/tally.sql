-- tally: how many units of a sale are held and sold, and its epoch.
--
-- ?1 sale_id

SELECT epoch, held, sold FROM sales WHERE id = ?1
