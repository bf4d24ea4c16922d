-- forget: drops all that is here of a sale.
--
-- KEYS     the six keys of the sale
--
-- Replies 'forgotten', whether there was anything or not.

local function forget(keys, args)
  local ledger = table.remove(args)
  if is_of_other(redis.call('HGET', keys[1], 'ledger'), ledger) then
    return redis.status_reply('other_ledger')
  end
  local name = name_of(ledger, keys[1])
  loaded[name], loading[name], changes[name], turns[name] = nil, nil, nil, nil
  redis.call('UNLINK', unpack(keys))
  return redis.status_reply('forgotten')
end

redis.register_function('flashsale_v4_forget', forget)
