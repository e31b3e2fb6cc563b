-- read.lua - what is cached, or leave to fill it
--
-- KEYS[1]  the entry
-- ARGV     a token that nobody else uses; how long the lease is good for, in ms
-- answers  {"hit", value}; {"lease"}: read the database, then call fill.lua with
--          the token; {"wait"}: somebody else does, try again soon
--
-- The lease stands in the entry. What the relay does to the entry takes it
-- away: so a value that was read before the change cannot be filled after it.

local key, token, patience = KEYS[1], ARGV[1], tonumber(ARGV[2])
local value, held, until_ms, lsn =
  unpack(redis.call('HMGET', key, 'value', 'lease', 'lease_until', 'lsn'))

if value then
  return {'hit', value}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if held and tonumber(until_ms) > now then
  return {'wait'}
end
redis.call('HSET', key, 'lease', token,
  'lease_until', string.format('%.0f', now + patience))
if not lsn then
  -- nothing but a lease: it goes by itself
  redis.call('PEXPIRE', key, patience * 2)
end
return {'lease'}
