-- The usual check and DECRBY, with a ledger entry.
-- KEYS: stock, ledger. ARGV: quantity. Answers what is left, or -1.
local left = tonumber(redis.call('GET', KEYS[1]) or '0')
local quantity = tonumber(ARGV[1])
if left < quantity then
	return -1
end
left = redis.call('DECRBY', KEYS[1], quantity)
redis.call('XADD', KEYS[2], '*', 'stock', KEYS[1], 'delta', -quantity)
return left
