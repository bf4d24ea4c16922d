-- sell: sells the unit of a hold. Looks at no clock: a hold that is live is sold.
--
-- ?1 code   ?2 unit   the unit it is believed to hold   ?3 now
--
-- Returns whose it is; nothing if the code is not held, or holds another unit.

UPDATE checkout_attempts
SET state = 'sold', resolved_at = ?3
WHERE code = ?1 AND unit = ?2 AND state = 'held'
RETURNING sale_id, user_id, slot
