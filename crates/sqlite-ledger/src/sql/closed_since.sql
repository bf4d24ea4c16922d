-- closed_since: the numbers of the sales closed after a moment.
--
-- ?1 moment

SELECT id FROM sales WHERE closed_at > ?1 ORDER BY closed_at
