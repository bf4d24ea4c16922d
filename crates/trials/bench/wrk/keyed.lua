-- keyed: users out of a million ask one sale for a unit, each request with a key of its own.
--
-- SALE   number of the sale, from the environment

local path = '/checkout?id=' .. os.getenv('SALE') .. '&user_id=user-'
local threads = 0
local turn = 0
local headers = {}

function setup(thread)
  threads = threads + 1
  thread:set('seed', threads)
end

function init()
  math.randomseed(os.time() * 100 + seed)
end

function request()
  turn = turn + 1
  headers['Idempotency-Key'] = string.format('%08d-4a1c-4f7e-9d20-%04d%08d', turn, seed, math.random(99999999))
  return wrk.format('POST', path .. math.random(1000000), headers)
end
