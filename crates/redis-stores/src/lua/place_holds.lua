-- place_holds: takes a free unit and a slot for each request, or says why not.
--
-- KEYS     the six keys of the sale
--
-- ARGV     code    for each request
-- then     user    for each request
--
-- Replies 'not_loaded', or in one string, because its parts are dear to send one by one,
--   'served' epoch now retry_at, and for each request word a b:
--   'granted' unit slot        a unit is taken; the same code again gets the same
--   'sold_out' ends_at -       no unit is free; `retry_at` says when the next hold is due
--   'user_limit' marks limit   every slot of the user is taken: h held, b bought
--   'not_open' starts_at -, 'ended' ends_at -, 'paused' ends_at -
-- Times in ms since the Unix epoch, by the ledger's clock; retry_at is - if nothing is held.
-- A refusal changes nothing, and free + held + sold stays as it was.

local function place_holds(keys, args)
  local call = redis.call
  local sale_key, _, free, holds, codes, users = unpack(keys)
  local sale, why = terms_of(sale_key, table.remove(args))
  if not sale then
    return why
  end
  local now = ledger_now(sale.clock_offset)
  local requests = #args / 2
  local reply = { 'served', sale.epoch, whole(now), '-' }
  local function answer(request, words)
    reply[request + 4] = words
  end

  -- A code may be here already, because a reply was lost.
  local known = call('HMGET', codes, unpack(args, 1, requests))
  local closed = now >= sale.ends_at and 'ended ' .. whole(sale.ends_at) .. ' -'
    or sale.state == 'paused' and 'paused ' .. whole(sale.ends_at) .. ' -'
    or now < sale.starts_at and 'not_open ' .. whole(sale.starts_at) .. ' -'
  local sold_out = 'sold_out ' .. whole(sale.ends_at) .. ' -'
  local left = closed and 0 or call('LLEN', free)
  local marks_before = left > 0 and call('HMGET', users, unpack(args, requests + 1, requests * 2))

  -- First decide everything, then change: a failed call is not rolled back.
  local winners, slots, winner_of, repeats, marks_of = {}, {}, {}, {}, {}
  for request = 1, requests do
    local code = args[request]
    if known[request] then
      answer(request, 'granted ' .. known[request]:match('^%d+ %d+'))
    elseif winner_of[code] then
      repeats[#repeats + 1] = request
    elseif closed then
      answer(request, closed)
    elseif #winners == left then
      answer(request, sold_out)
    else
      local user = args[requests + request]
      local marks = marks_of[user] or marks_before[request] or ''
      local slot = (marks:find('.', 1, true) or #marks + 1) - 1
      if slot >= sale.per_user_limit then
        answer(request, 'user_limit ' .. marks .. ' ' .. whole(sale.per_user_limit))
      else
        local winner = #winners + 1
        winners[winner], slots[winner] = request, slot
        winner_of[code] = winner
        marks_of[user] = with_mark(marks, slot, 'h')
      end
    end
  end

  if #winners > 0 then
    local units = call('LPOP', free, #winners)
    local due_at = whole(now + sale.hold_ms)
    local held, due, taken = {}, {}, {}
    for winner, request in ipairs(winners) do
      local code, user = args[request], args[requests + request]
      local place = units[winner] .. ' ' .. slots[winner]
      local first, second = winner * 2 - 1, winner * 2
      held[first], held[second] = code, place .. ' ' .. user
      due[first], due[second] = due_at, code
      taken[first], taken[second] = user, marks_of[user]
      answer(request, 'granted ' .. place)
    end
    for _, request in ipairs(repeats) do
      local winner = winner_of[args[request]]
      answer(request, 'granted ' .. units[winner] .. ' ' .. slots[winner])
    end
    note_change(sale.name)
    call('HSET', users, unpack(taken))
    call('HSET', codes, unpack(held))
    call('ZADD', holds, unpack(due))
  end
  if not closed and #winners == left then
    local next_due = call('ZRANGE', holds, 0, 0, 'WITHSCORES')
    reply[4] = next_due[2] or '-'
  end
  return table.concat(reply, ' ')
end

-- No flags: refused as a whole when memory is short, before anything is taken.
redis.register_function('flashsale_v4_place_holds', place_holds)
