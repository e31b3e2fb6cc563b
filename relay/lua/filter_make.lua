-- filter_make.lua - an empty filter
--
-- KEYS[1]  where
-- ARGV     how many bits an element sets (1 to 30), how many bits there are
--
-- A Bloom filter in a string. Its first byte says how many bits an element
-- sets, the rest are the bits: so it needs no description elsewhere.

redis.call('SET', KEYS[1], string.char(tonumber(ARGV[1])))
redis.call('SETBIT', KEYS[1], 7 + tonumber(ARGV[2]), 0)
return redis.call('STRLEN', KEYS[1])
