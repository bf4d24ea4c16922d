-- turn: takes the turn of a duty of the upkeep, or keeps it.
--
-- KEYS     the six keys of the sale, none of which is looked at: it need not be here
--
-- ARGV[1]  duty        a word
-- ARGV[2]  process     who asks, a word
-- ARGV[3]  for_ms      for how long nobody else has it
-- ARGV[4]  how         'well', or 'failed' if the process could not do it the last time
--
-- Replies 'yours' or 'others'. Changes nothing but the memory of this server process. Who failed gives the
-- turn up if another process wants it, which has asked for it since.

local function turn(keys, args)
  local name = name_of(table.remove(args), keys[1])
  local duty, process, for_ms, how = unpack(args)
  local now = ledger_now(0)
  local of_sale = turns[name] or {}
  local last = of_sale[duty]
  local age = last and now - last.at

  turns[name] = of_sale
  if last and last.process == process then
    if how == 'failed' and last.is_wanted then
      of_sale[duty] = nil
      return redis.status_reply('others')
    end
  -- A negative age is a clock that was set back.
  elseif last and age >= 0 and age < last.for_ms then
    last.is_wanted = true
    return redis.status_reply('others')
  end
  of_sale[duty] = { process = process, at = now, for_ms = tonumber(for_ms), is_wanted = false }
  return redis.status_reply('yours')
end

redis.register_function{
  function_name = 'flashsale_v4_turn', callback = turn, flags = { 'no-writes' }
}
