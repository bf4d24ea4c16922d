-- settle: carries out what the ledger decided of codes.
--
-- KEYS     the six keys of the sale
--
-- ARGV     code verdict left_ms unit   for each code; of a code that comes twice the first counts:
--          'sold'   the unit is sold, the slot bought
--          'free'   whatever is there under the code is free again; its unit is '-'
--          'held'   the hold is live for `left_ms` more
--          'only'   whatever is there beside the unit is free again
--
-- `unit` is the one that the ledger has under the code, for ever. A code that left and came back may
-- be here with another: that one is nobody's, and is free again whatever the verdict.
--
-- Replies 'settled' or 'not_loaded'. Acts only on codes that are here, so a verdict may come
-- twice or late. Keeps free + held + sold as it was.

local function settle(keys, args)
  local call = redis.call
  local sale_key, total, free, holds, codes, users = unpack(keys)
  local sale, why = terms_of(sale_key, table.remove(args))
  if not sale then
    return redis.status_reply(why)
  end
  local asked = {}
  for index = 1, #args / 4 do
    asked[index] = args[index * 4 - 3]
  end

  -- What to change, code by code: the holds that live on, and those that are gone with the
  -- user, the slot and the mark that is to be put there.
  local live, gone, names, slots, marks, units, seen = {}, {}, {}, {}, {}, {}, {}
  for index, what in ipairs(call('HMGET', codes, unpack(asked))) do
    local code, verdict = asked[index], args[index * 4 - 2]
    if what and not seen[code] then
      seen[code] = true
      local unit, slot, user = what:match('^(%d+) (%d+) (.+)$')
      if verdict ~= 'free' and args[index * 4] ~= unit then
        verdict = 'free'
      end
      if verdict == 'held' then
        live[#live + 1] = whole(ledger_now(sale.clock_offset) + args[index * 4 - 1])
        live[#live + 1] = code
      elseif verdict ~= 'only' then
        local last = #gone + 1
        gone[last], names[last], slots[last] = code, user, slot
        if verdict == 'sold' then
          marks[last] = 'b'
        else
          marks[last] = '.'
          units[#units + 1] = unit
        end
      end
    end
  end

  if #live + #gone > 0 then
    note_change(sale.name)
  end
  if #live > 0 then
    call('ZADD', holds, 'XX', unpack(live))
  end
  if #gone == 0 then
    return redis.status_reply('settled')
  end
  local marks_of = {}
  for index, before in ipairs(call('HMGET', users, unpack(names))) do
    local user = names[index]
    marks_of[user] = with_mark(marks_of[user] or before or '', tonumber(slots[index]), marks[index])
  end
  local kept, idle = {}, {}
  for user, after in pairs(marks_of) do
    if after == '' then
      idle[#idle + 1] = user
    else
      kept[#kept + 1] = user
      kept[#kept + 1] = after
    end
  end

  if #kept > 0 then
    call('HSET', users, unpack(kept))
  end
  if #idle > 0 then
    call('HDEL', users, unpack(idle))
  end
  call('HDEL', codes, unpack(gone))
  call('ZREM', holds, unpack(gone))
  if #units > 0 then
    call('RPUSH', free, unpack(units))
  end
  if #gone > #units then
    call('INCRBY', total, #gone - #units)
  end
  return redis.status_reply('settled')
end

-- allow-oom: stock must be able to come back when memory is short.
redis.register_function{
  function_name = 'flashsale_v4_settle', callback = settle, flags = { 'allow-oom' }
}
