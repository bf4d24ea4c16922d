-- replay: purchases of codes of a list, again and again.
--
-- CODES   file with a code a line, from the environment

local requests = {}
local next_request = 0

function init()
  for code in io.lines(os.getenv('CODES')) do
    requests[#requests + 1] = wrk.format('POST', '/purchase?code=' .. code)
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end
