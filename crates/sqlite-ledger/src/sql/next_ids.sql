-- next_ids: the numbers of the next attempt and the next purchase.

SELECT
    (SELECT coalesce(max(id), 0) + 1 FROM checkout_attempts) AS attempt,
    (SELECT coalesce(max(id), 0) + 1 FROM purchases) AS purchase
