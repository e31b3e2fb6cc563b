-- filter_check.lua - whether there may be such an SKU
--
-- KEYS[1]  the filter
-- ARGV     the SKU
-- answers  0: there is none; 1: ask further. Without a filter always 1.

local key = KEYS[1]
local bits = redis.call('STRLEN', key) * 8 - 8

if bits <= 0 then
  return 1
end

local each = string.byte(redis.call('GETRANGE', key, 0, 0))
local hash = redis.sha1hex(ARGV[1])
local start = tonumber(string.sub(hash, 1, 12), 16)
local step = tonumber(string.sub(hash, 13, 24), 16)

for i = 0, each - 1 do
  if redis.call('GETBIT', key, 8 + math.fmod(start + i * step, bits)) == 0 then
    return 0
  end
end
return 1
