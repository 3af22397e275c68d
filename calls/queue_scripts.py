"""What the queue of conversations does within Redis, each in one step; `queue.py` calls them and says when.

A conversation is named by its field, `{tenant}:{id}`. Its standing is `{state}:{bytes}`, queued or failed, for as long
as it is in the stream or among the dead letters. Redis ends no step in the middle unless a command of it fails, and
undoes nothing then: what can fail comes before what deletes. What is taken away is written as `0 - size`, for -0, which
Lua makes of `-size`, is no number to Redis. A server that is full refuses a step that begins with what takes room, and
lets one end that has begun otherwise: what makes room begins with an HDEL.
"""

# Reads how many entries consumers hold, and makes the group where there is none: a Redis that lost all that it had
# takes conversations again by itself.
_HELD = """
local function held(stream, group)
  local pending = redis.pcall('XPENDING', stream, group)
  if pending.err then
    redis.call('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
    return 0
  end
  return tonumber(pending[1])
end
"""
# Whether a consumer holds an entry; not any more once it has been acknowledged.
_IS_HELD = """
local function is_held(stream, group, entry)
  return #redis.call('XPENDING', stream, group, entry, entry, 1) > 0
end
"""
_SIZE_OF = """
local function size_of(standings, field)
  local standing = redis.call('HGET', standings, field)
  return standing and tonumber(string.match(standing, ':(%d+)$')) or 0
end
"""

# KEYS stream standings bytes wake · ARGV group field tenant id body most-entries most-bytes batch most-tokens
# 1 it was appended, 0 it is known, -1 there are too many, -2 they are too large together.
APPEND = (
    _HELD
    + """
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then return 0 end
local depth = redis.call('XLEN', KEYS[1])
if depth >= tonumber(ARGV[6]) then return -1 end
local size = #ARGV[5]
if tonumber(redis.call('HGET', KEYS[3], 'queued') or '0') + size > tonumber(ARGV[7]) then return -2 end
redis.call('XADD', KEYS[1], '*', 'tenant', ARGV[3], 'id', ARGV[4], 'body', ARGV[5])
redis.call('HSET', KEYS[2], ARGV[2], 'queued:' .. size)
redis.call('HINCRBY', KEYS[3], 'queued', size)
if (depth + 1 - held(KEYS[1], ARGV[1])) % tonumber(ARGV[8]) == 0 then
  redis.call('LPUSH', KEYS[4], '1')
  redis.call('LTRIM', KEYS[4], 0, tonumber(ARGV[9]) - 1)
end
return 1
"""
)

# KEYS stream · ARGV group consumer batch age-ms
# Gives a batch to the consumer when one is full, or when the oldest that nobody has taken has waited so long.
TAKE = (
    _HELD
    + """
local waiting = redis.call('XLEN', KEYS[1]) - held(KEYS[1], ARGV[1])
if waiting <= 0 then return {} end
if waiting < tonumber(ARGV[3]) then
  local last = '0-0'
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local facts = {}
    for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
    if facts['name'] == ARGV[1] then last = facts['last-delivered-id'] end
  end
  local oldest = redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 1)[1]
  if not oldest then return {} end
  local now = redis.call('TIME')
  local age = now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(string.match(oldest[1], '^%d+'))
  if age < tonumber(ARGV[4]) then return {} end
end
local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], '>')
return read and read[1] and read[1][2] or {}
"""
)

# KEYS stream · ARGV group consumer idle-ms most
# Takes over what a consumer has held for so long without a sign of life; each with how often it was given out.
CLAIM = (
    _HELD
    + """
held(KEYS[1], ARGV[1])
local claimed = {}
for _, entry in ipairs(redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], '0', 'COUNT', ARGV[4])[2]) do
  if entry and entry[2] then
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], entry[1], entry[1], 1)[1]
    claimed[#claimed + 1] = {entry[1], entry[2], pending and pending[4] or 1}
  end
end
return claimed
"""
)

# KEYS stream standings bytes counts attempts slot · ARGV group slot-seconds, then of each: entry field tenant
# Returns how many of them this ended: what another has ended meanwhile counts once.
ACKNOWLEDGE = (
    _HELD
    + _IS_HELD
    + _SIZE_OF
    + """
held(KEYS[1], ARGV[1])
local ended = 0
for i = 3, #ARGV, 3 do
  if is_held(KEYS[1], ARGV[1], ARGV[i]) then
    redis.call('HDEL', KEYS[5], ARGV[i])
    redis.call('HINCRBY', KEYS[3], 'queued', 0 - size_of(KEYS[2], ARGV[i + 1]))
    redis.call('HINCRBY', KEYS[4], ARGV[i + 2] .. ':completed', 1)
    redis.call('HINCRBY', KEYS[4], 'all:completed', 1)
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
    redis.call('XDEL', KEYS[1], ARGV[i])
    redis.call('HDEL', KEYS[2], ARGV[i + 1])
    ended = ended + 1
  end
end
if ended > 0 then
  redis.call('INCRBY', KEYS[6], ended)
  redis.call('EXPIRE', KEYS[6], ARGV[2])
end
return ended
"""
)

# KEYS stream standings bytes counts attempts dead order order-of-tenant
# ARGV group entry field tenant letter score most-letters most-bytes
# 1 it lies with the dead letters, 0 it was ended by another, -1 there is no room and it stays where it was.
BURY = (
    _HELD
    + _IS_HELD
    + _SIZE_OF
    + """
held(KEYS[1], ARGV[1])
local size = size_of(KEYS[2], ARGV[3])
if redis.call('HLEN', KEYS[6]) >= tonumber(ARGV[7]) then return -1 end
if tonumber(redis.call('HGET', KEYS[3], 'dead') or '0') + size > tonumber(ARGV[8]) then return -1 end
if not is_held(KEYS[1], ARGV[1], ARGV[2]) then return 0 end
redis.call('HDEL', KEYS[5], ARGV[2])
redis.call('HSET', KEYS[6], ARGV[3], ARGV[5])
redis.call('ZADD', KEYS[7], ARGV[6], ARGV[3])
redis.call('ZADD', KEYS[8], ARGV[6], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[3], 'failed:' .. size)
redis.call('HINCRBY', KEYS[3], 'queued', 0 - size)
redis.call('HINCRBY', KEYS[3], 'dead', size)
redis.call('HINCRBY', KEYS[4], ARGV[4] .. ':failed', 1)
redis.call('HINCRBY', KEYS[4], 'all:failed', 1)
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
return 1
"""
)

# KEYS stream standings bytes dead order order-of-tenant · ARGV field tenant id body most-entries, or field alone
# With a body the letter goes back into the queue as that, without one it is dropped. 1 done, 0 no such letter, -1 full.
UNEARTH = (
    _SIZE_OF
    + """
if redis.call('HEXISTS', KEYS[4], ARGV[1]) == 0 then return 0 end
local size = size_of(KEYS[2], ARGV[1])
if ARGV[4] then
  if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[5]) then return -1 end
  redis.call('XADD', KEYS[1], '*', 'tenant', ARGV[2], 'id', ARGV[3], 'body', ARGV[4])
  redis.call('HSET', KEYS[2], ARGV[1], 'queued:' .. size)
  redis.call('HINCRBY', KEYS[3], 'queued', size)
else
  redis.call('HDEL', KEYS[2], ARGV[1])
end
redis.call('HINCRBY', KEYS[3], 'dead', 0 - size)
redis.call('HDEL', KEYS[4], ARGV[1])
redis.call('ZREM', KEYS[5], ARGV[1])
redis.call('ZREM', KEYS[6], ARGV[1])
return 1
"""
)

# KEYS stream seen · ARGV group consumer life-seconds, and anything more when the consumer goes away
# Notes that it lives; drops the names of those who do not and hold nothing. One that holds entries stays until they
# have been claimed: they would be nobody's.
SEE = (
    _HELD
    + """
held(KEYS[1], ARGV[1])
local now = tonumber(redis.call('TIME')[1])
if ARGV[4] then redis.call('ZREM', KEYS[2], ARGV[2]) else redis.call('ZADD', KEYS[2], now, ARGV[2]) end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[3]))
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local facts = {}
  for i = 1, #consumer, 2 do facts[consumer[i]] = consumer[i + 1] end
  if facts['pending'] == 0 and not redis.call('ZSCORE', KEYS[2], facts['name']) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], facts['name'])
  end
end
return redis.call('ZCARD', KEYS[2])
"""
)

# KEYS stream bytes dead seen · ARGV group life-seconds
# Entries, those of them that consumers hold, the oldest one's age in ms, bytes, dead letters, living consumers.
FIGURES = (
    _HELD
    + """
local now = redis.call('TIME')
local age = 0
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if oldest then
  age = now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(string.match(oldest[1], '^%d+'))
end
return {
  redis.call('XLEN', KEYS[1]),
  held(KEYS[1], ARGV[1]),
  math.max(age, 0),
  tonumber(redis.call('HGET', KEYS[2], 'queued') or '0'),
  redis.call('HLEN', KEYS[3]),
  redis.call('ZCOUNT', KEYS[4], now[1] - tonumber(ARGV[2]), '+inf'),
}
"""
)

# KEYS stream standings bytes attempts · ARGV group, then of each: entry field
# Takes entries away for good, whoever holds them. Returns how many were there.
DROP = (
    _HELD
    + _SIZE_OF
    + """
held(KEYS[1], ARGV[1])
local dropped = 0
for i = 2, #ARGV, 2 do
  if #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) > 0 then
    redis.call('HDEL', KEYS[4], ARGV[i])
    redis.call('HINCRBY', KEYS[3], 'queued', 0 - size_of(KEYS[2], ARGV[i + 1]))
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
    redis.call('XDEL', KEYS[1], ARGV[i])
    redis.call('HDEL', KEYS[2], ARGV[i + 1])
    dropped = dropped + 1
  end
end
return dropped
"""
)

# KEYS stream standings bytes attempts · ARGV group entry field tenant id body
# Puts an entry with another body at the end, in place of the one that was there, whoever holds that. 1 done, 0 gone.
REWRITE = (
    _HELD
    + _SIZE_OF
    + """
held(KEYS[1], ARGV[1])
if #redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2]) == 0 then return 0 end
redis.call('HDEL', KEYS[4], ARGV[2])
redis.call('XADD', KEYS[1], '*', 'tenant', ARGV[4], 'id', ARGV[5], 'body', ARGV[6])
redis.call('HINCRBY', KEYS[3], 'queued', #ARGV[6] - size_of(KEYS[2], ARGV[3]))
redis.call('HSET', KEYS[2], ARGV[3], 'queued:' .. #ARGV[6])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
return 1
"""
)

# KEYS standings bytes dead · ARGV field letter size
# Gives a dead letter another content. 1 done, 0 no such letter.
REWRITE_DEAD = (
    _SIZE_OF
    + """
if redis.call('HEXISTS', KEYS[3], ARGV[1]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[2], 'dead', tonumber(ARGV[3]) - size_of(KEYS[1], ARGV[1]))
redis.call('HSET', KEYS[1], ARGV[1], 'failed:' .. ARGV[3])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
return 1
"""
)

# KEYS stream new · ARGV group most-entries
# Writes the stream anew with what is in it, entry by entry: what was taken out lies in its memory, and in what Redis
# writes to disk, until all that came with it is gone too. Who holds what stays as it is. 1 done, 0 there is too much.
COMPACT = (
    _HELD
    + """
held(KEYS[1], ARGV[1])
if redis.call('XLEN', KEYS[1]) > tonumber(ARGV[2]) then return 0 end
local last, read = '0-0', '0-0'
local facts = redis.call('XINFO', 'STREAM', KEYS[1])
for i = 1, #facts, 2 do
  if facts[i] == 'last-generated-id' then last = facts[i + 1] end
end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local told = {}
  for i = 1, #group, 2 do told[group[i]] = group[i + 1] end
  if told['name'] == ARGV[1] then read = told['last-delivered-id'] end
end
redis.call('DEL', KEYS[2])
redis.call('XGROUP', 'CREATE', KEYS[2], ARGV[1], read, 'MKSTREAM')
local from = '-'
while true do
  local some = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 100)
  if #some == 0 then break end
  for _, entry in ipairs(some) do redis.call('XADD', KEYS[2], entry[1], unpack(entry[2])) end
  from = '(' .. some[#some][1]
end
if last ~= '0-0' then redis.call('XSETID', KEYS[2], last) end
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  redis.call('XGROUP', 'CREATECONSUMER', KEYS[2], ARGV[1], consumer[2])
end
from = '-'
while true do
  local some = redis.call('XPENDING', KEYS[1], ARGV[1], from, '+', 100)
  if #some == 0 then break end
  for _, one in ipairs(some) do
    redis.call('XCLAIM', KEYS[2], ARGV[1], one[2], 0, one[1], 'IDLE', one[3], 'RETRYCOUNT', one[4], 'FORCE', 'JUSTID')
  end
  from = '(' .. some[#some][1]
end
redis.call('RENAME', KEYS[2], KEYS[1])
return 1
"""
)
