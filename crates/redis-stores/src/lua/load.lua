-- load: puts an image from the ledger in the place of whatever is here, and serves it.
--
-- KEYS     the six keys of the sale
--
-- ARGV[1]  epoch           of the image
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
-- Replies 'loaded'; 'fenced' when this process serves an epoch at least as new; or
-- 'newer_library' when a newer version of this library has loaded the sale. The last two
-- change nothing.

local function load(keys, args)
  local sale, total, free, holds, codes, users = unpack(keys)
  local epoch, ledger_clock = tonumber(args[1]), tonumber(args[8])

  if loaded[sale] and loaded[sale] >= epoch then
    return redis.status_reply('fenced')
  end
  if is_of_newer_library(sale) then
    return redis.status_reply('newer_library')
  end

  -- Until the last line the sale is not served, so a load cut short is only a load undone.
  loaded[sale] = nil
  redis.call('UNLINK', sale, total, free, holds, codes, users)
  redis.call('HSET', sale, 'epoch', args[1], 'library', LIBRARY_VERSION, 'stock', args[2],
    'per_user_limit', args[3], 'hold_ms', args[4], 'starts_at', args[5], 'ends_at', args[6],
    'state', args[7], 'clock_offset', whole(ledger_clock - ledger_now(0)))
  redis.call('SET', total, args[9])

  local next_argument = 13
  local function take()
    next_argument = next_argument + 1
    return args[next_argument - 1]
  end
  local units = {}
  for _ = 1, tonumber(args[10]) do
    local first, last = tonumber(take()), tonumber(take())
    for unit = first, last do
      units[#units + 1] = unit
    end
  end
  call_chunked('RPUSH', free, units)
  local marks = {}
  for _ = 1, tonumber(args[11]) * 2 do
    marks[#marks + 1] = take()
  end
  call_chunked('HSET', users, marks)
  local held, due = {}, {}
  for _ = 1, tonumber(args[12]) do
    local code, what, due_at = take(), take(), take()
    held[#held + 1] = code
    held[#held + 1] = what
    due[#due + 1] = due_at
    due[#due + 1] = code
  end
  call_chunked('HSET', codes, held)
  call_chunked('ZADD', holds, due)

  loaded[sale] = epoch
  return redis.status_reply('loaded')
end

-- allow-oom: a sale must be loadable when memory is short; it is bounded by the stock.
redis.register_function{
  function_name = 'flashsale_v1_load', callback = load, flags = { 'allow-oom' }
}
