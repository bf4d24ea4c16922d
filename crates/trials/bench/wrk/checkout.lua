-- checkout: users out of a million ask one sale for a unit.
--
-- SALE   number of the sale, from the environment

local path = '/checkout?id=' .. os.getenv('SALE') .. '&user_id=user-'
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set('seed', threads)
end

function init()
  math.randomseed(os.time() * 100 + seed)
end

function request()
  return wrk.format('POST', path .. math.random(1000000))
end
