-- old_sale: an hourly sale that is closed.
--
-- ?1 starts_at   ms since the Unix epoch

INSERT INTO sales
    (starts_at, ends_at, hold_ms, epoch, epoch_at, closed_at, stock, per_user_limit, state, sold,
     first_attempt, first_purchase, filed)
SELECT
    ?1, ?1 + 3600000, 300000, 1, ?1, ?1 + 3960000, 10000, 10, 'closed', 10000,
    (SELECT coalesce(max(id), 0) + 1 FROM checkout_attempts),
    (SELECT coalesce(max(id), 0) + 1 FROM purchases),
    1
