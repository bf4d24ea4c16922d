-- old_sales: 200 hourly sales that are closed, the last of them two hours ago.

INSERT INTO sales (
    starts_at, ends_at, hold_ms, epoch, epoch_at, closed_at, stock, per_user_limit, state
)
SELECT
    hour, hour + interval '1 hour', 300000, 1, hour, hour + interval '66 minutes', 10000, 10,
    'closed'
FROM generate_series(
    date_trunc('hour', now()) - interval '202 hours',
    date_trunc('hour', now()) - interval '3 hours',
    interval '1 hour'
) AS hour
