-- settle: carries out what the ledger decided of codes.
--
-- KEYS     the six keys of the sale
--
-- ARGV     code verdict left_ms   for each code; of a code that comes twice the first counts:
--          'sold'   the unit is sold, the slot bought
--          'free'   the unit and the slot are free again
--          'held'   the hold is live for `left_ms` more
--
-- Replies 'settled' or 'not_loaded'. Acts only on codes that are here, so a verdict may come
-- twice or late. Keeps free + held + sold as it was.

local function settle(keys, args)
  local sale_key, total, free, holds, codes, users = unpack(keys)
  local sale = terms_of(sale_key)
  if not sale then
    return redis.status_reply('not_loaded')
  end
  local asked = {}
  for argument = 1, #args, 3 do
    asked[#asked + 1] = args[argument]
  end
  local found = redis.call('HMGET', codes, unpack(asked))

  local gone, units, owners, live, seen = {}, {}, {}, {}, {}
  local sold = 0
  for index, what in ipairs(found) do
    local code, verdict, left_ms = unpack(args, index * 3 - 2, index * 3)
    what = not seen[code] and what
    seen[code] = true
    if what and verdict == 'held' then
      live[#live + 1] = whole(ledger_now(sale.clock_offset) + left_ms)
      live[#live + 1] = code
    elseif what then
      local unit, slot, user = what:match('^(%d+) (%d+) (.+)$')
      gone[#gone + 1] = code
      owners[#owners + 1] = { user = user, slot = tonumber(slot), verdict = verdict }
      if verdict == 'sold' then
        sold = sold + 1
      else
        units[#units + 1] = unit
      end
    end
  end

  if #live > 0 then
    redis.call('ZADD', holds, 'XX', unpack(live))
  end
  if #gone == 0 then
    return redis.status_reply('settled')
  end
  local names, marks_of = {}, {}
  for index, owner in ipairs(owners) do
    names[index] = owner.user
  end
  for index, marks in ipairs(redis.call('HMGET', users, unpack(names))) do
    marks_of[names[index]] = marks or ''
  end
  for _, owner in ipairs(owners) do
    local mark = owner.verdict == 'sold' and 'b' or '.'
    marks_of[owner.user] = with_mark(marks_of[owner.user], owner.slot, mark)
  end
  local kept, idle = {}, {}
  for user, marks in pairs(marks_of) do
    if marks == '' then
      idle[#idle + 1] = user
    else
      kept[#kept + 1] = user
      kept[#kept + 1] = marks
    end
  end

  if #kept > 0 then
    redis.call('HSET', users, unpack(kept))
  end
  if #idle > 0 then
    redis.call('HDEL', users, unpack(idle))
  end
  redis.call('HDEL', codes, unpack(gone))
  redis.call('ZREM', holds, unpack(gone))
  if sold > 0 then
    redis.call('INCRBY', total, sold)
  end
  if #units > 0 then
    redis.call('RPUSH', free, unpack(units))
  end
  return redis.status_reply('settled')
end

-- allow-oom: stock must be able to come back when memory is short.
redis.register_function{
  function_name = 'flashsale_v1_settle', callback = settle, flags = { 'allow-oom' }
}
