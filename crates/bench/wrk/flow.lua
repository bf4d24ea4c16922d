-- flow: users ask for units, and redeem every code at once.
--
-- SALE   number of the sale, from the environment

local path = '/checkout?id=' .. os.getenv('SALE') .. '&user_id=user-'
local codes = {}

function init()
  math.randomseed(os.time())
end

function request()
  local code = table.remove(codes)
  if code then
    return wrk.format('POST', '/purchase?code=' .. code)
  end
  return wrk.format('POST', path .. math.random(1000000))
end

function response(status, _, body)
  -- A receipt has the code too, but not in front of an expiry.
  local code = status == 200 and body:find('expires_at', 1, true) and body:match('"code":"([^"]+)"')
  if code then
    codes[#codes + 1] = code
  end
end
