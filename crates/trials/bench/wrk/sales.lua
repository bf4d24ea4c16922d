-- sales: users out of a million ask for a unit, each of any of several sales.
--
-- SALES   numbers of the sales, with commas between them, from the environment

local paths = {}
local threads = 0

for sale in os.getenv('SALES'):gmatch('%d+') do
  paths[#paths + 1] = '/checkout?id=' .. sale .. '&user_id=user-'
end

function setup(thread)
  threads = threads + 1
  thread:set('seed', threads)
end

function init()
  math.randomseed(os.time() * 100 + seed)
end

function request()
  return wrk.format('POST', paths[math.random(#paths)] .. math.random(1000000))
end
