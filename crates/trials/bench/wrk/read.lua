-- read: one page, again and again.
--
-- TARGET   what is asked for, from the environment

local page

function init()
  page = wrk.format('GET', os.getenv('TARGET'))
end

function request()
  return page
end
