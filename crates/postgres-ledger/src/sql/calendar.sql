-- calendar: the sales that are not closed, and those closed in the last ten minutes.

SELECT id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, state::text AS state
FROM sales
WHERE closed_at IS NULL OR closed_at > clock_timestamp() - interval '10 minutes'
ORDER BY starts_at
