-- next_sales: the next ten sales of a long day, back to back, a few seconds ahead.

INSERT INTO sales (starts_at, ends_at, hold_ms, stock, per_user_limit)
SELECT
    first.starts_at + number * interval '150 ms',
    first.starts_at + (number + 1) * interval '150 ms',
    500,
    50,
    10
FROM
    (
        SELECT
            greatest(max(sale.ends_at), clock_timestamp() + interval '2 seconds') AS starts_at
        FROM sales AS sale
        -- The timetable's have another stock.
        WHERE sale.stock = 50
    ) AS first,
    generate_series(0, 9) AS number
