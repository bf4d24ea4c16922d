-- next_sales: the next ten sales of a long day, back to back, a few seconds ahead.

WITH RECURSIVE first AS (
    SELECT
        max(
            -- The timetable's have another stock.
            coalesce((SELECT max(ends_at) FROM sales WHERE stock = 50), 0),
            CAST(unixepoch('subsec') * 1000 AS INTEGER) + 2000
        ) AS starts_at
),
place (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM place WHERE number < 9)
INSERT INTO sales
    (starts_at, ends_at, hold_ms, stock, per_user_limit, first_attempt, first_purchase)
SELECT
    first.starts_at + number * 150, first.starts_at + (number + 1) * 150, 500, 50, 10,
    (SELECT coalesce(max(id), 0) + 1 FROM checkout_attempts),
    (SELECT coalesce(max(id), 0) + 1 FROM purchases)
FROM first, place
