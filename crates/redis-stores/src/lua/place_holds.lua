-- place_holds: takes a free unit and a slot for each request, or says why not.
--
-- KEYS     the six keys of the sale
--
-- ARGV     code user   for each request
--
-- Replies { 'not_loaded' }, or
--   { 'served', epoch, now, retry_at, word, a, b, word, a, b, ... }, a word for each request:
--   'granted' unit slot     a unit is taken; the same code again gets the same
--   'sold_out' ends_at      no unit is free; `retry_at` says when the next hold is due
--   'user_limit' marks limit   every slot of the user is taken: h held, b bought
--   'not_open' starts_at, 'ended' ends_at, 'paused' ends_at
-- Times in ms since the Unix epoch, by the ledger's clock; retry_at is '' if nothing is held.
-- A refusal changes nothing, and free + held + sold stays as it was.

local function place_holds(keys, args)
  local sale_key, _, free, holds, codes, users = unpack(keys)
  local sale = terms_of(sale_key)
  if not sale then
    return { 'not_loaded' }
  end
  local now = ledger_now(sale.clock_offset)
  local requests = #args / 2
  local reply = { 'served', sale.epoch, whole(now), '' }
  local function answer(request, word, a, b)
    reply[request * 3 + 2], reply[request * 3 + 3], reply[request * 3 + 4] = word, a or '', b or ''
  end

  -- A code may be here already, because a reply was lost.
  local wanted = {}
  for request = 1, requests do
    wanted[request] = args[request * 2 - 1]
  end
  local known = redis.call('HMGET', codes, unpack(wanted))
  local closed = now >= sale.ends_at and 'ended'
    or sale.state == 'paused' and 'paused'
    or now < sale.starts_at and 'not_open'
  local left = closed and 0 or redis.call('LLEN', free)

  local marks_of = {}
  if left > 0 then
    local asking = {}
    for request = 1, requests do
      asking[request] = args[request * 2]
    end
    for request, marks in ipairs(redis.call('HMGET', users, unpack(asking))) do
      marks_of[asking[request]] = marks or ''
    end
  end

  -- First decide everything, then change: a failed call is not rolled back.
  local winners, slots, winner_of, repeats = {}, {}, {}, {}
  for request = 1, requests do
    local code, user = args[request * 2 - 1], args[request * 2]
    if known[request] then
      local unit, slot = known[request]:match('^(%d+) (%d+) ')
      answer(request, 'granted', unit, slot)
    elseif winner_of[code] then
      repeats[#repeats + 1] = request
    elseif closed then
      answer(request, closed, whole(closed == 'not_open' and sale.starts_at or sale.ends_at))
    elseif #winners == left then
      answer(request, 'sold_out', whole(sale.ends_at))
    else
      local marks = marks_of[user]
      local slot = (marks:find('.', 1, true) or #marks + 1) - 1
      if slot >= sale.per_user_limit then
        answer(request, 'user_limit', marks, whole(sale.per_user_limit))
      else
        winners[#winners + 1], slots[#slots + 1] = request, slot
        winner_of[code] = #winners
        marks_of[user] = with_mark(marks, slot, 'h')
      end
    end
  end

  if #winners > 0 then
    local units = redis.call('LPOP', free, #winners)
    local held, due, taken = {}, {}, {}
    for winner, request in ipairs(winners) do
      local code, user = args[request * 2 - 1], args[request * 2]
      local unit, slot = units[winner], slots[winner]
      held[#held + 1] = code
      held[#held + 1] = unit .. ' ' .. slot .. ' ' .. user
      due[#due + 1] = whole(now + sale.hold_ms)
      due[#due + 1] = code
      taken[#taken + 1] = user
      taken[#taken + 1] = marks_of[user]
      answer(request, 'granted', unit, slot)
    end
    for _, request in ipairs(repeats) do
      local winner = winner_of[args[request * 2 - 1]]
      answer(request, 'granted', units[winner], slots[winner])
    end
    redis.call('HSET', users, unpack(taken))
    redis.call('HSET', codes, unpack(held))
    redis.call('ZADD', holds, unpack(due))
  end
  if not closed and #winners == left then
    local next_due = redis.call('ZRANGE', holds, 0, 0, 'WITHSCORES')
    reply[4] = next_due[2] or ''
  end
  return reply
end

-- No flags: refused as a whole when memory is short, before anything is taken.
redis.register_function('flashsale_v1_place_holds', place_holds)
