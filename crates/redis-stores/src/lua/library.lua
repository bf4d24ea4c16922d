#!lua name=flashsale_v4
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

local LIBRARY_VERSION = 4

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

-- Whose turn each duty of a sale is: who has it, since when, by this server's clock, and for how long,
-- in ms; and whether anybody else has asked for it since.
local turns = {}

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
