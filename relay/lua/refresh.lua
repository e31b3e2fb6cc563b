-- refresh.lua - what the stream says of a stock row, if that is newer
--
-- KEYS[1]  the entry, a hash: value, stock_id, version, lsn; lease, lease_until
-- ARGV     "stock" or "gone", lsn (16 hex digits), ttl in ms (0: none);
--          of stock also stock_id, version, value
-- answers  1 if it was written, 0 if what is there is as new or newer
--
-- A row that is gone leaves its lsn without a value: that reads as a miss, and
-- keeps out what is older. Whatever is written takes the lease away, so that
-- who read before does not fill.

local key, kind, lsn, ttl = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local stock_id, version, value = ARGV[4], ARGV[5], ARGV[6]

-- whole numbers as text, which have more digits than Lua's numbers
local function greater(a, b)
  if #a ~= #b then
    return #a > #b
  end
  return a > b
end

local function is_newer()
  local had_id, had_version, had_lsn =
    unpack(redis.call('HMGET', key, 'stock_id', 'version', 'lsn'))

  if kind == 'gone' or not had_version then
    return not had_lsn or lsn > had_lsn
  end
  if had_id ~= stock_id then
    -- another row under this name, the older one of which is gone
    if had_lsn then
      return lsn > had_lsn
    end
    return greater(stock_id, had_id)
  end
  if had_version ~= version then
    return greater(version, had_version)
  end
  return not had_lsn or lsn > had_lsn
end

local found = redis.call('TYPE', key).ok

if found == 'hash' and not is_newer() then
  return 0
end
redis.call('DEL', key)
if kind == 'gone' then
  redis.call('HSET', key, 'lsn', lsn)
else
  redis.call('HSET', key, 'lsn', lsn, 'stock_id', stock_id,
    'version', version, 'value', value)
end
if ttl > 0 then
  redis.call('PEXPIRE', key, ttl)
end
return 1
