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
  function_name = 'flashsale_v4_load', callback = load, flags = { 'allow-oom' }
}
redis.register_function{
  function_name = 'flashsale_v4_load_begin', callback = load_begin, flags = { 'allow-oom' }
}
redis.register_function{
  function_name = 'flashsale_v4_load_part', callback = load_part, flags = { 'allow-oom' }
}
redis.register_function{
  function_name = 'flashsale_v4_load_commit', callback = load_commit, flags = { 'allow-oom' }
}
