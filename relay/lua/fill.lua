-- fill.lua - what was read from the database, if the lease is still there
--
-- KEYS[1]  the entry
-- ARGV     the token; value; ttl in ms (0: none); with --mode=refresh also
--          stock_id and version, as they were read together with the value
-- answers  1 if it was filled, 0 if something has changed meanwhile: the value
--          may be used, but is not kept

local key, token, value, ttl = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])

if redis.call('HGET', key, 'lease') ~= token then
  return 0
end
redis.call('HDEL', key, 'lease', 'lease_until')
redis.call('HSET', key, 'value', value)
if ARGV[4] and ARGV[4] ~= '' then
  redis.call('HSET', key, 'stock_id', ARGV[4], 'version', ARGV[5])
end
if ttl > 0 then
  redis.call('PEXPIRE', key, ttl)
else
  redis.call('PERSIST', key)
end
return 1
