-- export_rows: a million attempts more at a closed sale. Each tenth is granted and sold.
--
-- ?1 sale_id   ?2 attempts so far   ?3 starts_at   ms since the Unix epoch

WITH RECURSIVE numbers (number) AS (
    SELECT ?2 + 1
    UNION ALL
    SELECT number + 1 FROM numbers WHERE number < ?2 + 1000000
),
attempts AS (
    SELECT number, number % 10 = 0 AS is_granted, ?3 + number / 10 AS at FROM numbers
)
INSERT INTO checkout_attempts
    (sale_id, outcome, state, unit, slot, epoch, attempted_at, expires_at, changed_at, code, user_id)
SELECT
    ?1,
    iif(is_granted, 'granted', 'sold_out'),
    iif(is_granted, 'sold', NULL),
    iif(is_granted, number / 10, NULL),
    iif(is_granted, 0, NULL),
    iif(is_granted, 1, NULL),
    at,
    iif(is_granted, at + 300000, NULL),
    iif(is_granted, at + 10000, NULL),
    -- A code as the service makes them: version 8, led by the sale's number in 40 bits.
    iif(is_granted, unhex(format('%010x0080008000%012x', ?1, number)), NULL),
    iif(is_granted, 'buyer-' || number, 'user-' || number * 7907 % 1000003)
FROM attempts
