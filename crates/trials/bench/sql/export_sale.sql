-- export_sale: a closed sale that so many attempts can be at.

INSERT INTO sales (
    starts_at, ends_at, hold_ms, epoch, epoch_at, closed_at, stock, per_user_limit, state
)
SELECT
    hour, hour + interval '1 hour', 300000, 1, hour, hour + interval '66 minutes', 1000000, 10,
    'closed'
FROM (SELECT date_trunc('hour', now()) - interval '3 hours') AS three_ago (hour)
