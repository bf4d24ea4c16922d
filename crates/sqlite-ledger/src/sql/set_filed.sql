-- set_filed: says that all codes of a closed sale are filed.
--
-- ?1 sale_id

UPDATE sales SET filed = 1 WHERE id = ?1 AND closed_at IS NOT NULL
