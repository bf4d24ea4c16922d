-- forget: drops all that is here of a sale.
--
-- KEYS     the six keys of the sale
--
-- Replies 'forgotten', whether there was anything or not.

local function forget(keys)
  loaded[keys[1]] = nil
  redis.call('UNLINK', unpack(keys))
  return redis.status_reply('forgotten')
end

redis.register_function('flashsale_v1_forget', forget)
