-- status: what is served of a sale, at one moment.
--
-- KEYS     the six keys of the sale
--
-- Replies 'not_loaded'; 'loading' when that is under way, or 'newer_library' when a newer version
-- of this library has loaded the sale, so that whoever asks does not rebuild it; or 'served' epoch
-- now starts_at ends_at stock per_user_limit hold_ms state free held sold changes: times in ms
-- since the Unix epoch, by the ledger's clock; `changes` counts on while this process lives.
-- Changes nothing.

-- Whether a load that was begun may go on: what it brought is there still, and it was not long ago.
local function is_under_way(load, sale_key)
  local age = load and ledger_now(0) - load.at
  -- A negative age is a clock that was set back, and proves no life.
  return age and age >= 0 and age < LOAD_PAUSE_MAX
    and tonumber(redis.call('HGET', sale_key, 'epoch') or -1) == load.epoch
end

local function status(keys, args)
  local ledger = table.remove(args)
  local sale, why = terms_of(keys[1], ledger)
  if not sale and why == 'not_loaded' then
    if is_of_newer_library(keys[1]) then
      why = 'newer_library'
    elseif is_under_way(loading[name_of(ledger, keys[1])], keys[1]) then
      why = 'loading'
    end
  end
  if not sale then
    return why
  end
  return table.concat({
    'served', sale.epoch, whole(ledger_now(sale.clock_offset)), whole(sale.starts_at),
    whole(sale.ends_at), sale.stock, whole(sale.per_user_limit), whole(sale.hold_ms), sale.state,
    whole(redis.call('LLEN', keys[3])), whole(redis.call('HLEN', keys[5])),
    redis.call('GET', keys[2]), whole(changes[sale.name] or 0)
  }, ' ')
end

redis.register_function{
  function_name = 'flashsale_v4_status', callback = status, flags = { 'no-writes' }
}
