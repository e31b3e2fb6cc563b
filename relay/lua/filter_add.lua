-- filter_add.lua - puts SKUs into a filter
--
-- KEYS[1]  the filter
-- ARGV     the SKUs
-- answers  how many bits were set; -1 if there is no filter, and none is made:
--          one that held only some would keep out the others

local key = KEYS[1]
local bits = redis.call('STRLEN', key) * 8 - 8

if bits <= 0 then
  return -1
end

local each = string.byte(redis.call('GETRANGE', key, 0, 0))
local set = 0

for _, sku in ipairs(ARGV) do
  local hash = redis.sha1hex(sku)
  local start = tonumber(string.sub(hash, 1, 12), 16)
  local step = tonumber(string.sub(hash, 13, 24), 16)

  for i = 0, each - 1 do
    set = set + 1 -
      redis.call('SETBIT', key, 8 + math.fmod(start + i * step, bits), 1)
  end
end
return set
