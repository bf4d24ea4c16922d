-- identity: users of a list ask one sale for a unit, one after the other, again and again.
--
-- SALE     number of the sale, from the environment
-- TOKENS   file with a user and their token a line
-- BEARING  'yes' if a request has its user's token, and else the user's name

local path = '/checkout?id=' .. os.getenv('SALE')
local bearing = os.getenv('BEARING') == 'yes'
local users, headers = {}, {}
local turn = 0

function init()
  for line in io.lines(os.getenv('TOKENS')) do
    local user, token = line:match('(%S+) (%S+)')
    users[#users + 1] = '&user_id=' .. user
    headers[#headers + 1] = { Authorization = 'Bearer ' .. token }
  end
end

function request()
  turn = turn % #users + 1
  if bearing then
    return wrk.format('POST', path, headers[turn])
  end
  return wrk.format('POST', path .. users[turn])
end
