-- raise_epoch: starts the next generation of a sale's live state. Before the first there is no code
-- of the sale, so a process that starts need not look for one among older attempts, however long
-- before the sale was made.
--
-- ?1 sale_id   ?2 now   ?3 epoch, above the one that stands

UPDATE sales
SET
    epoch = ?3,
    epoch_at = ?2,
    first_attempt = CASE
        WHEN epoch > 0 THEN first_attempt
        ELSE (SELECT coalesce(max(id), 0) + 1 FROM checkout_attempts)
    END,
    first_purchase = CASE
        WHEN epoch > 0 THEN first_purchase
        ELSE (SELECT coalesce(max(id), 0) + 1 FROM purchases)
    END
WHERE id = ?1
