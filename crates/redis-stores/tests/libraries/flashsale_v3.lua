#!lua name=flashsale_v3
-- library: the live store of sales; what all functions share. The files of this folder are
-- loaded as one library, this one first.
--
-- Every function replies with one string of words. The last argument of each, which the headers
-- do not repeat, is the ledger's identity: two ledgers may have a sale of the same number, on one
-- server or even under the same keys. Where the sale that is there is another's, a function replies
-- 'other_ledger', or 'cut_short' in the middle of a load, and changes nothing.
--
-- A sale has six keys. All carry the hash tag {id}, so a sale lives in one cluster slot.
--
-- KEYS[1]  sale:{id}         hash: ledger, epoch, library, stock, per_user_limit, hold_ms,
--                            starts_at, ends_at, state, clock_offset (times in ms since the
--                            Unix epoch)
-- KEYS[2]  sale:{id}:total   string: units sold
-- KEYS[3]  sale:{id}:free    list: units that can be had; taken from the left, returned right
-- KEYS[4]  sale:{id}:holds   zset: code, scored by when its hold is due
-- KEYS[5]  sale:{id}:codes   hash: code -> "unit slot user", while the hold is live
-- KEYS[6]  sale:{id}:users   hash: user -> a character a slot: h held, b bought, . free
--
-- Users and codes are fields of two hashes instead of keys of their own, so a batch of requests
-- costs a fixed number of Redis calls, every key is declared, and an old image is
-- dropped whole. Nothing here expires by itself: a code that vanished would leak its unit.

local LIBRARY_VERSION = 3

-- What follows is kept by the sale's name: its ledger and its key. A function cannot see the number
-- of its database, so the key alone may be that of another ledger's sale.
local function name_of(ledger, sale_key)
  return ledger .. ' ' .. sale_key
end

-- The epoch of each sale that *this server process* loaded. It is in no snapshot, log or replica:
-- a restart, a failover, an old copy or a wipe all leave the sale unserved until it is loaded
-- again from the ledger.
local loaded = {}

-- The load of each sale that is under way: its epoch, the number of its next part, and when the
-- last one came, in ms by this server's clock.
local loading = {}

-- How long a load is believed to be under way that says nothing more, in ms.
local LOAD_PAUSE_MAX = 2000

-- How often anything of each sale was changed here: counters that are equal twice prove no
-- stillness, what came and went evens out.
local changes = {}

local function note_change(name)
  changes[name] = (changes[name] or 0) + 1
end

-- Redis takes a few thousand arguments from `unpack` at a time.
local CHUNK = 4000

-- Calls `command key ...` with `arguments`, in chunks of an even size.
local function call_chunked(command, key, arguments)
  for first = 1, #arguments, CHUNK do
    local last = math.min(first + CHUNK - 1, #arguments)
    redis.call(command, key, unpack(arguments, first, last))
  end
end

-- The ledger's clock as this server reckons it, in ms.
local function ledger_now(clock_offset)
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000) + clock_offset
end

-- Whether the sale that is there is another ledger's. What a version before this one loaded says
-- nothing of its ledger, and is replaced.
local function is_of_other(found, ledger)
  return found and found ~= ledger
end

-- The sale's terms; or nil unless this process loaded the epoch that is there, and the word that
-- says why.
local function terms_of(sale_key, ledger)
  local found = redis.call('HMGET', sale_key, 'epoch', 'per_user_limit', 'hold_ms', 'starts_at',
    'ends_at', 'state', 'clock_offset', 'stock', 'ledger')
  if is_of_other(found[9], ledger) then
    return nil, 'other_ledger'
  end
  local name = name_of(ledger, sale_key)
  if not found[1] or loaded[name] ~= tonumber(found[1]) then
    return nil, 'not_loaded'
  end
  return {
    name = name,
    epoch = found[1],
    per_user_limit = tonumber(found[2]),
    hold_ms = tonumber(found[3]),
    starts_at = tonumber(found[4]),
    ends_at = tonumber(found[5]),
    state = found[6],
    clock_offset = tonumber(found[7]),
    stock = found[8],
  }
end

-- Whether a newer version of this library loaded what is there. Two versions that both rebuild a
-- sale would take it from each other, so the older one leaves it alone.
local function is_of_newer_library(sale_key)
  return tonumber(redis.call('HGET', sale_key, 'library') or 0) > LIBRARY_VERSION
end

-- `marks` with `mark` in the place of `slot`, counted from 0; free slots at the end are cut.
local function with_mark(marks, slot, mark)
  if slot == #marks and mark ~= '.' then
    return marks .. mark
  end
  local missing = slot + 1 - #marks
  if missing > 0 then
    marks = marks .. string.rep('.', missing)
  end
  marks = marks:sub(1, slot) .. mark .. marks:sub(slot + 2)
  return mark == '.' and marks:gsub('%.+$', '') or marks
end

-- A number as Redis prints integers: tostring() would turn ms into 1.7e+12.
local function whole(number)
  return string.format('%.0f', number)
end
-- load: puts a snapshot from the ledger in the place of whatever is here, and serves it. A large one
-- comes in parts, so that nobody else waits long for the server. A load that is cut short is only a
-- load undone: until it is committed the sale is not served, and the next one begins anew.

-- Drops what is here, and puts the terms there, which are the first nine of `args`.
local function begin(keys, args, ledger)
  local sale, total = keys[1], keys[2]
  local epoch, ledger_clock = tonumber(args[1]), tonumber(args[8])
  local name = name_of(ledger, sale)
  local there = redis.call('HMGET', sale, 'ledger', 'epoch')

  if is_of_other(there[1], ledger) then
    return 'other_ledger'
  end
  if loaded[name] and loaded[name] >= epoch then
    local is_served = tonumber(there[2] or -1) == loaded[name]
    return 'fenced ' .. whole(loaded[name]) .. (is_served and ' served' or ' unserved')
  end
  if loading[name] and loading[name].epoch >= epoch then
    return 'fenced ' .. whole(loading[name].epoch) .. ' loading'
  end
  if is_of_newer_library(sale) then
    return 'newer_library'
  end

  -- The epoch that is there is from now on none that this process has loaded.
  redis.call('UNLINK', unpack(keys))
  redis.call('HSET', sale, 'ledger', ledger, 'epoch', args[1], 'library', LIBRARY_VERSION,
    'stock', args[2], 'per_user_limit', args[3], 'hold_ms', args[4], 'starts_at', args[5],
    'ends_at', args[6], 'state', args[7], 'clock_offset', whole(ledger_clock - ledger_now(0)))
  redis.call('SET', total, args[9])
  loading[name] = { epoch = epoch, next_part = 1, at = ledger_now(0) }
  return 'begun'
end

-- The load that is to go on with this part; or nil, and the word that says why it cannot.
local function load_of(keys, ledger, epoch, part)
  local load = loading[name_of(ledger, keys[1])]
  if load and load.epoch > epoch then
    return nil, 'fenced ' .. whole(load.epoch) .. ' loading'
  end
  local there = redis.call('HMGET', keys[1], 'epoch', 'ledger')
  if not load or load.epoch ~= epoch or load.next_part ~= part
    or tonumber(there[1] or -1) ~= epoch or there[2] ~= ledger then
    return nil, 'cut_short'
  end
  return load
end

-- Adds what `args` have from `first` on: three counts, and what they count.
local function add(keys, args, first)
  local free, holds, codes, users = keys[3], keys[4], keys[5], keys[6]
  local next_argument = first + 3
  local function take()
    next_argument = next_argument + 1
    return args[next_argument - 1]
  end
  local units = {}
  for _ = 1, tonumber(args[first]) do
    local from, to = tonumber(take()), tonumber(take())
    for unit = from, to do
      units[#units + 1] = unit
    end
  end
  call_chunked('RPUSH', free, units)
  local marks = {}
  for _ = 1, tonumber(args[first + 1]) * 2 do
    marks[#marks + 1] = take()
  end
  call_chunked('HSET', users, marks)
  local held, due = {}, {}
  for _ = 1, tonumber(args[first + 2]) do
    local code, what, due_at = take(), take(), take()
    held[#held + 1] = code
    held[#held + 1] = what
    due[#due + 1] = due_at
    due[#due + 1] = code
  end
  call_chunked('HSET', codes, held)
  call_chunked('ZADD', holds, due)
end

local function commit(name, epoch)
  note_change(name)
  loaded[name], loading[name] = epoch, nil
  return 'loaded'
end

-- load: loads a snapshot of one part.
--
-- KEYS     the six keys of the sale
--
-- ARGV[1]  epoch           of the snapshot
-- ARGV[2]  stock           units
-- ARGV[3]  per_user_limit  units
-- ARGV[4]  hold_ms
-- ARGV[5]  starts_at       ms since the Unix epoch
-- ARGV[6]  ends_at         ms since the Unix epoch
-- ARGV[7]  state           'active' or 'paused'
-- ARGV[8]  ledger_now      ms since the Unix epoch, read just before
-- ARGV[9]  sold            units
-- ARGV[10] ranges          how many ranges of free units follow
-- ARGV[11] users           how many users follow
-- ARGV[12] holds           how many holds follow
-- then     first last      for each range
-- then     user marks      for each user
-- then     code "unit slot user" due_at    for each hold, due_at in ms since the Unix epoch
--
-- Replies 'loaded'; 'fenced' epoch how, when this process has loaded that epoch, which is at least
-- as new, or begun to: 'served', 'unserved' if it lost it since, or 'loading'; or 'newer_library'
-- when a newer version of this library has loaded the sale. All but the first change nothing.

local function load(keys, args)
  local ledger, epoch = table.remove(args), tonumber(args[1])
  local begun = begin(keys, args, ledger)
  if begun ~= 'begun' then
    return begun
  end
  add(keys, args, 10)
  return commit(name_of(ledger, keys[1]), epoch)
end

-- load_begin: begins to load a snapshot of many parts.
--
-- KEYS     the six keys of the sale
--
-- ARGV     the first nine of load's
--
-- Replies 'begun', or what load would but 'loaded'.

local function load_begin(keys, args)
  return begin(keys, args, table.remove(args))
end

-- load_part: adds some units, users and holds. It cannot be repeated.
--
-- KEYS     the six keys of the sale
--
-- ARGV[1]  epoch   of the snapshot
-- ARGV[2]  part    its number, counted from 1
-- then     the arguments of load from 'ranges' on
--
-- Replies 'added'; 'fenced' epoch 'loading' when a newer load has begun; or 'cut_short' when what
-- was brought before is lost, or another part was due. All but the first change nothing.

local function load_part(keys, args)
  local ledger, part = table.remove(args), tonumber(args[2])
  local load, why = load_of(keys, ledger, tonumber(args[1]), part)
  if not load then
    return why
  end
  -- Until it is added whole, no other part is due.
  load.next_part = 0
  add(keys, args, 3)
  load.next_part, load.at = part + 1, ledger_now(0)
  return 'added'
end

-- load_commit: serves what was loaded.
--
-- KEYS     the six keys of the sale
--
-- ARGV[1]  epoch   of the snapshot
-- ARGV[2]  parts   how many there were
--
-- Replies 'loaded', or what load_part would but 'added'.

local function load_commit(keys, args)
  local ledger, epoch = table.remove(args), tonumber(args[1])
  local load, why = load_of(keys, ledger, epoch, tonumber(args[2]) + 1)
  return load and commit(name_of(ledger, keys[1]), epoch) or why
end

-- allow-oom: a sale must be loadable when memory is short; it is bounded by the stock.
redis.register_function{
  function_name = 'flashsale_v3_load', callback = load, flags = { 'allow-oom' }
}
redis.register_function{
  function_name = 'flashsale_v3_load_begin', callback = load_begin, flags = { 'allow-oom' }
}
redis.register_function{
  function_name = 'flashsale_v3_load_part', callback = load_part, flags = { 'allow-oom' }
}
redis.register_function{
  function_name = 'flashsale_v3_load_commit', callback = load_commit, flags = { 'allow-oom' }
}
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
redis.register_function('flashsale_v3_place_holds', place_holds)
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
  function_name = 'flashsale_v3_settle', callback = settle, flags = { 'allow-oom' }
}
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
  function_name = 'flashsale_v3_due', callback = due, flags = { 'no-writes' }
}
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
  function_name = 'flashsale_v3_status', callback = status, flags = { 'no-writes' }
}
-- forget: drops all that is here of a sale.
--
-- KEYS     the six keys of the sale
--
-- Replies 'forgotten', whether there was anything or not.

local function forget(keys, args)
  local ledger = table.remove(args)
  if is_of_other(redis.call('HGET', keys[1], 'ledger'), ledger) then
    return redis.status_reply('other_ledger')
  end
  local name = name_of(ledger, keys[1])
  loaded[name], loading[name], changes[name] = nil, nil, nil
  redis.call('UNLINK', unpack(keys))
  return redis.status_reply('forgotten')
end

redis.register_function('flashsale_v3_forget', forget)
