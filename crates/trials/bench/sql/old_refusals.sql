-- old_refusals: 40,000 attempts at each closed sale that got nothing, most of them too late.
-- Eight million attempts.

INSERT INTO checkout_attempts (sale_id, attempted_at, outcome, user_id)
SELECT
    sale.id,
    sale.starts_at + number * interval '1 ms',
    (
        CASE
            WHEN number % 50 = 0 THEN 'user_limit'
            WHEN number % 100 = 1 THEN 'not_open'
            WHEN number % 100 = 3 THEN 'ended'
            ELSE 'sold_out'
        END
    )::attempt_outcome,
    'user-' || (number::bigint * 7907 + sale.id * 104723) % 1000000
FROM sales AS sale, generate_series(1, 40000) AS number
