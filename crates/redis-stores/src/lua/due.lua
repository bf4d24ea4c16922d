-- due: the codes whose holds are due, the longest due first.
--
-- KEYS     the six keys of the sale
--
-- ARGV[1]  limit   codes
--
-- Replies 'not_loaded', or 'served' code code ... Changes nothing.

local function due(keys, args)
  local sale, why = terms_of(keys[1], table.remove(args))
  if not sale then
    return why
  end
  local now = whole(ledger_now(sale.clock_offset))
  local codes = redis.call('ZRANGE', keys[4], '-inf', now, 'BYSCORE', 'LIMIT', 0, args[1])
  table.insert(codes, 1, 'served')
  return table.concat(codes, ' ')
end

redis.register_function{
  function_name = 'flashsale_v4_due', callback = due, flags = { 'no-writes' }
}
