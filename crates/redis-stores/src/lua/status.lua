-- status: what is served of a sale, at one moment.
--
-- KEYS     the six keys of the sale
--
-- Replies 'not_loaded'; 'newer_library' when a newer version of this library has loaded the
-- sale, so that whoever asks does not rebuild it; or 'served' epoch now starts_at ends_at stock per_user_limit hold_ms
-- state free held sold: times in ms since the Unix epoch, by the ledger's clock. Changes
-- nothing.

local function status(keys)
  local sale = terms_of(keys[1])
  if not sale then
    return is_of_newer_library(keys[1]) and 'newer_library' or 'not_loaded'
  end
  return table.concat({
    'served', sale.epoch, whole(ledger_now(sale.clock_offset)), whole(sale.starts_at),
    whole(sale.ends_at), sale.stock, whole(sale.per_user_limit), whole(sale.hold_ms), sale.state,
    whole(redis.call('LLEN', keys[3])), whole(redis.call('HLEN', keys[5])),
    redis.call('GET', keys[2])
  }, ' ')
end

redis.register_function{
  function_name = 'flashsale_v1_status', callback = status, flags = { 'no-writes' }
}
