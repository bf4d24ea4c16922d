-- schedule: makes a sale, unless it is one of the timetable and overlaps another of those.
--
-- ?1 starts_at   ?2 ends_at   ?3 stock   ?4 per_user_limit   ?5 hold_ms
-- ?6 on_timetable   ?7 salt   or null to draw one   ?8 product_id   or null
--
-- Returns the sale, or nothing. Those of the timetable that are there do not overlap, so of all
-- that start before this one ends only the last can reach into it.

INSERT INTO sales
    (starts_at, ends_at, stock, per_user_limit, hold_ms, on_timetable, salt, product_id,
     first_attempt, first_purchase)
SELECT
    ?1, ?2, ?3, ?4, ?5, ?6, coalesce(?7, randomblob(32)), ?8,
    (SELECT coalesce(max(id), 0) + 1 FROM checkout_attempts),
    (SELECT coalesce(max(id), 0) + 1 FROM purchases)
WHERE NOT ?6 OR ?1 >= coalesce(
    (
        SELECT ends_at FROM sales
        WHERE on_timetable AND starts_at < ?2
        ORDER BY starts_at DESC
        LIMIT 1
    ),
    ?1
)
RETURNING id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable, state,
    salt, product_id
