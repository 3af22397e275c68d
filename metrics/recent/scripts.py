"""What the first tier does within Redis, each in one step; the door's verbs call them and say when.

A redis.call that fails ends a step in the middle, and nothing is undone. A server that is full refuses the first write
of a step that takes room, and lets one end that has begun: each step begins its writing with such a one. Numbers beyond
10¹⁴ come as text, because Lua would round them when it writes them out; within msgpack they are exact up to 2⁵³.
"""

# The counts of a field of a hash, and more added to them by name. HSET's answer: 1 where there were none.
_ADD = """
local function add(into, counts)
  for name, count in pairs(counts) do into[name] = (into[name] or 0) + count end
  return into
end
local function add_to_field(key, field, counts)
  local held = redis.call('HGET', key, field)
  return redis.call('HSET', key, field, cmsgpack.pack(held and add(cmsgpack.unpack(held), counts) or counts))
end
"""
# Entries in the order of receipt, which is that of their first four bytes. What comes late is put in its place.
_INSERT = """
local function received(entry) return (struct.unpack('>I4', entry)) end
local function place(key, entry, length)
  local low, high = 0, length
  while low < high do
    local middle = math.floor((low + high) / 2)
    if received(redis.call('LINDEX', key, middle)) <= received(entry) then low = middle + 1 else high = middle end
  end
  if low == 0 then
    redis.call('LPUSH', key, entry)
  else
    redis.call('LINSERT', key, 'AFTER', redis.call('LINDEX', key, low - 1), entry)
  end
end
local function insert(key, entries)
  local last = redis.call('LINDEX', key, -1)
  if not last or received(last) <= received(entries[1]) then
    redis.call('RPUSH', key, unpack(entries))
  else
    local length = redis.call('LLEN', key)
    for i, entry in ipairs(entries) do place(key, entry, length + i - 1) end
  end
  return not last
end
"""

# KEYS state groups sums waiting hours channels · ARGV message
# message: `recent.writing.Message`
# The numbers (from 1) of segments that were counted before, and of groups for which the hour has no room; if there are
# any of either nothing is changed, and otherwise all are counted now. An hour that is being dropped has no room.
WRITE = (
    _ADD
    + _INSERT
    + """
local message = cmsgpack.unpack(ARGV[1])
local hour, tenant, score, earliest = unpack(message.hour)
local prefix, seen, user, active = unpack(message.prefixes)
local detail_life, sums_life, index_life, seen_life = unpack(message.lives)
local first, last = unpack(message.receipts)

local known = {}
for _, session in ipairs(message.sessions) do
  for _, day in ipairs(message.days) do
    local answers = redis.call('SMISMEMBER', seen .. day .. ':' .. session[1], unpack(session[2]))
    for i, answer in ipairs(answers) do
      if answer == 1 then table.insert(known, session[3][i]) end
    end
  end
end
if #known > 0 then return {known, {}} end

local state = redis.call('HMGET', KEYS[1], 'epoch', 'revision', 'numbers', 'segments', 'bytes', 'oldest', 'newest',
  'dropping')
local numbers, segments, bytes = tonumber(state[3] or 0), tonumber(state[4] or 0), tonumber(state[5] or 0)
local names = {}
for i, group in ipairs(message.groups) do names[i] = group[1] end
local given = redis.call('HMGET', KEYS[2], unpack(names))

local most_segments, most_groups, most_channels = unpack(message.room)
local is_full = state[8] or segments + message.segments > most_segments
local refused, new_channels, begun, channels = {}, {}, 0, nil
for i, group in ipairs(message.groups) do
  local has_room = not is_full
  if has_room and not given[i] then
    local channel = group[4] .. ':' .. group[3]
    if not new_channels[channel] and redis.call('SISMEMBER', KEYS[6], channel) == 0 then
      channels = channels or redis.call('SCARD', KEYS[6])
      has_room = channels < most_channels
      if has_room then
        channels = channels + 1
        new_channels[channel] = true
      end
    end
    has_room = has_room and numbers + begun < most_groups
    if has_room then begun = begun + 1 end
  end
  if not has_room then table.insert(refused, i) end
end
if #refused > 0 then return {{}, refused} end

for _, session in ipairs(message.sessions) do
  local key = seen .. message.days[1] .. ':' .. session[1]
  redis.call('SADD', key, unpack(session[2]))
  redis.call('EXPIRE', key, seen_life)
end
for channel in pairs(new_channels) do redis.call('SADD', KEYS[6], channel) end

-- Of each kind the names that come first in the hour are told apart, and all later ones are one.
local others
for _, one in ipairs(message.names) do
  local kind, most, told = unpack(one)
  local key = prefix .. 'names:' .. kind
  local is_new, held = {}, nil
  for i, answer in ipairs(redis.call('SMISMEMBER', key, unpack(told))) do
    if answer == 0 then
      held = held or redis.call('SCARD', key)
      if held < most then
        held = held + 1
        table.insert(is_new, told[i])
      else
        others = others or {}
        others[kind .. told[i]] = kind .. message.other
        if kind == 'c.' then others['s.' .. told[i]] = 's.' .. message.other end
      end
    end
  end
  if #is_new > 0 then
    redis.call('SADD', key, unpack(is_new))
    redis.call('EXPIRE', key, sums_life)
  end
end
local function told_apart(counts)
  if not others then return counts end
  local kept = {}
  for name, count in pairs(counts) do
    name = others[name] or name
    kept[name] = (kept[name] or 0) + count
  end
  return kept
end

local actives = {}
local function activate(key, number, newest, is_new)
  local one = actives[key]
  if not one then
    one = {'GT'}
    actives[key] = one
  end
  table.insert(one, newest)
  table.insert(one, hour .. ':' .. number)
  if is_new then one.is_new = true end
end

-- A group without a number has no sums under the empty one either.
for i = 1, #names do names[i] = given[i] or '' end
local held = redis.call('HMGET', KEYS[3], unpack(names))
local sums = {}
for i, group in ipairs(message.groups) do
  local packed, user_id, channel_id, pipeline, counts, entries, newest = unpack(group)
  counts = told_apart(counts)
  local number, before = given[i], held[i] and cmsgpack.unpack(held[i])
  local is_new = not number or (before and before.n + counts.n > message.most)
  if is_new then
    numbers = numbers + 1
    number = tostring(numbers)
    redis.call('HSET', KEYS[2], packed, number, number, packed)
    redis.call('ZADD', user .. user_id, score, hour .. ':' .. number)
    redis.call('ZREMRANGEBYSCORE', user .. user_id, '-inf', '(' .. earliest)
    redis.call('EXPIRE', user .. user_id, index_life)
    before = nil
    bytes = bytes + 2 * #packed + 250
  end
  table.insert(sums, number)
  table.insert(sums, cmsgpack.pack(before and add(before, counts) or counts))
  local list = prefix .. 'of:' .. number
  if insert(list, entries) then redis.call('EXPIRE', list, detail_life) end
  segments = segments + #entries
  for _, entry in ipairs(entries) do bytes = bytes + #entry + 10 end
  activate(active .. pipeline .. ':', number, newest, is_new)
  activate(active .. pipeline .. ':' .. channel_id, number, newest, is_new)
end
redis.call('HSET', KEYS[3], unpack(sums))

for key, arguments in pairs(actives) do
  redis.call('ZADD', key, unpack(arguments))
  if arguments.is_new then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. earliest .. '000000')
    redis.call('EXPIRE', key, index_life)
  end
end

local together = {}
local function add_minute(pipeline, channel_id, minute, counts)
  local key = prefix .. 'minutes:' .. pipeline .. ':' .. channel_id
  if add_to_field(key, minute, counts) == 1 then redis.call('EXPIRE', key, sums_life) end
end
for _, one in ipairs(message.minutes) do
  local pipeline, channel_id, minute, counts = unpack(one)
  counts = told_apart(counts)
  local name = pipeline .. ':' .. minute
  add_minute(pipeline, channel_id, minute, counts)
  if together[name] then add(together[name][3], counts) else together[name] = {pipeline, minute, counts} end
end
for _, one in pairs(together) do add_minute(one[1], '', one[2], one[3]) end

local begins_to_wait = redis.call('ZADD', KEYS[4], score, hour .. ':' .. tenant) == 1
if begins_to_wait then redis.call('HSET', KEYS[1], 'waits_since', message.now) end
local oldest = state[6] and tonumber(state[6]) < tonumber(first) and state[6] or first
local newest = state[7] and tonumber(state[7]) > tonumber(last) and state[7] or last
redis.call('HSET', KEYS[1], 'epoch', state[1] or message.token, 'revision', tonumber(state[2] or 0) + 1,
  'token', message.token,
  'numbers', numbers, 'segments', segments, 'bytes', bytes, 'oldest', oldest, 'newest', newest)
if not state[1] then
  for _, i in ipairs({1, 2, 3, 6}) do redis.call('EXPIRE', KEYS[i], sums_life) end
  redis.call('ZADD', KEYS[5], score, hour .. ':' .. tenant)
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', '(' .. earliest)
end
return {{}, {}}
"""
)

# KEYS state waiting · ARGV hour:tenant epoch revision token
# Whether nothing has come since that revision; then the hour waits no longer, nor does one of which nothing is left.
MARK_FILLED = """
local state = redis.call('HMGET', KEYS[1], 'epoch', 'revision', 'token')
if not state[1] then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 0
end
if state[1] ~= ARGV[2] or state[2] ~= ARGV[3] or (state[3] or '') ~= ARGV[4] then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
"""

# KEYS state · ARGV epoch revision token, name of the filling, how many names are kept
# The names of the fillings that were begun, this one last; none when the hour is not as it was read.
BEGIN_FILLING = """
local state = redis.call('HMGET', KEYS[1], 'epoch', 'revision', 'token', 'fillings')
if state[1] ~= ARGV[1] or state[2] ~= ARGV[2] or (state[3] or '') ~= ARGV[3] then return false end
local names = {}
for name in string.gmatch(state[4] or '', '%S+') do table.insert(names, name) end
table.insert(names, ARGV[4])
while #names > tonumber(ARGV[5]) do table.remove(names, 1) end
redis.call('HSET', KEYS[1], 'fillings', table.concat(names, ' '))
return names
"""

# KEYS state waiting · ARGV hour:tenant
# How many groups an hour has to be dropped, which from now on takes nothing and is not read; none that waits.
BEGIN_DROPPING = """
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then return false end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'dropping', 1) end
return tonumber(redis.call('HGET', KEYS[1], 'numbers') or 0)
"""

# KEYS groups sums · ARGV prefix, prefixes of active · user, hour, first and last number
DROP_GROUPS = """
local numbers = {}
for number = tonumber(ARGV[5]), tonumber(ARGV[6]) do table.insert(numbers, tostring(number)) end
local gone, lists, of_active = {}, {}, {}
for i, packed in ipairs(redis.call('HMGET', KEYS[1], unpack(numbers))) do
  local number = numbers[i]
  local member = ARGV[4] .. ':' .. number
  table.insert(lists, ARGV[1] .. 'of:' .. number)
  table.insert(gone, number)
  if packed then
    table.insert(gone, packed)
    local group = cmsgpack.unpack(packed)
    redis.call('ZREM', ARGV[3] .. group[3], member)
    for _, key in ipairs({ARGV[2] .. group[5] .. ':', ARGV[2] .. group[5] .. ':' .. group[1]}) do
      of_active[key] = of_active[key] or {}
      table.insert(of_active[key], member)
    end
  end
end
for key, members in pairs(of_active) do redis.call('ZREM', key, unpack(members)) end
redis.call('UNLINK', unpack(lists))
redis.call('HDEL', KEYS[2], unpack(numbers))
redis.call('HDEL', KEYS[1], unpack(gone))
"""

# KEYS channels · ARGV prefix, how many
# How many were dropped; when it is none, none is left.
DROP_CHANNELS = """
local channels = redis.call('SPOP', KEYS[1], ARGV[2])
for _, channel in ipairs(channels) do redis.call('UNLINK', ARGV[1] .. 'minutes:' .. channel) end
return #channels
"""

# KEYS hours, state and all others of the hour · ARGV hour:tenant
END_DROPPING = """
redis.call('UNLINK', unpack(KEYS, 2))
redis.call('ZREM', KEYS[1], ARGV[1])
"""

# KEYS groups sums · ARGV first and last number
# Groups and sums as one string of msgpack, which is read ten times as fast as so many answers.
READ_GROUPS = """
local numbers = {}
for number = tonumber(ARGV[1]), tonumber(ARGV[2]) do table.insert(numbers, tostring(number)) end
return cmsgpack.pack({redis.call('HMGET', KEYS[1], unpack(numbers)), redis.call('HMGET', KEYS[2], unpack(numbers))})
"""

# KEYS minutes… · the counts of the minutes of each, in the same way
READ_CHANNELS = """
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('HVALS', key) end
return cmsgpack.pack(found)
"""

# KEYS active… · ARGV least time of receipt, limit, prefix of all, tenant
# The newest segments by group, as one string of msgpack: hour, packed group, entries. A group is as new as its newest
# segment, so that no more groups are looked at than there are segments wanted. Times are microseconds since 1970, of
# which hours are multiples.
NEWEST = """
local least, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local groups = {}
for _, key in ipairs(KEYS) do
  local members = redis.call('ZREVRANGEBYSCORE', key, '+inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, limit)
  for i = 1, #members, 2 do
    local hour, number = string.match(members[i], '^(%d+):(%d+)$')
    local time = tonumber(members[i + 1])
    local prefix = ARGV[3] .. hour .. ':' .. ARGV[4] .. ':'
    table.insert(groups, {hour = hour, number = number, prefix = prefix, list = prefix .. 'of:' .. number,
      start = time - time % 3600000000, time = time, read = 0, ahead = {}, entries = {}})
  end
end
table.sort(groups, function(one, other) return one.time > other.time end)

-- A few at a time: a call of Redis costs as much as all that is done with what it gives.
local function look(group)
  if #group.ahead == 0 then
    group.ahead = redis.call('LRANGE', group.list, -group.read - 3, -group.read - 1)
    group.read = group.read + 3
  end
  group.entry = table.remove(group.ahead)
  group.time = group.entry and group.start + struct.unpack('>I4', group.entry) or -1
end
for i = 1, math.min(#groups, limit) do look(groups[i]) end
for i = #groups, limit + 1, -1 do groups[i] = nil end

-- A heap: the group with the newest entry that is not taken yet is the first.
local function sink(i)
  local group = groups[i]
  while true do
    local child = 2 * i
    if groups[child + 1] and groups[child + 1].time > groups[child].time then child = child + 1 end
    if not groups[child] or groups[child].time <= group.time then break end
    groups[i] = groups[child]
    i = child
  end
  groups[i] = group
end
for i = math.floor(#groups / 2), 1, -1 do sink(i) end

local taken = 0
while taken < limit and groups[1] and groups[1].time >= least do
  local group = groups[1]
  table.insert(group.entries, group.entry)
  taken = taken + 1
  look(group)
  sink(1)
end

local numbers, of_hour = {}, {}
for _, group in ipairs(groups) do
  if #group.entries > 0 then
    if not numbers[group.prefix] then numbers[group.prefix], of_hour[group.prefix] = {}, {} end
    table.insert(numbers[group.prefix], group.number)
    table.insert(of_hour[group.prefix], group)
  end
end
local found = {}
for prefix, asked in pairs(numbers) do
  for i, packed in ipairs(redis.call('HMGET', prefix .. 'groups', unpack(asked))) do
    local group = of_hour[prefix][i]
    if packed then table.insert(found, {group.hour, packed, group.entries}) end
  end
end
return cmsgpack.pack(found)
"""

# KEYS user · ARGV prefix of all, tenant, user, prefix of active, platform or nothing, from where on, how many
# Drops so many of the user's groups with what is in them. The totals of channels, which name nobody, stay. An hour that
# is being filled is not marked as filled any more by who read it before. How many segments there were, how many groups
# were looked at and how many of them are still in the index, because they are of another platform.
ERASE_USER = """
local erased, kept, gone = 0, 0, {}
local members = redis.call('ZRANGE', KEYS[1], ARGV[6], ARGV[6] + ARGV[7] - 1)
for _, member in ipairs(members) do
  local hour, number = string.match(member, '^(%d+):(%d+)$')
  local prefix = ARGV[1] .. hour .. ':' .. ARGV[2] .. ':'
  local packed = redis.call('HGET', prefix .. 'groups', number)
  local group = packed and cmsgpack.unpack(packed)
  if group and group[3] == ARGV[3] and ARGV[5] ~= '' and group[4] ~= ARGV[5] then
    kept = kept + 1
  else
    table.insert(gone, member)
    if group and group[3] == ARGV[3] then
      local sums = redis.call('HGET', prefix .. 'sums', number)
      local count = sums and cmsgpack.unpack(sums).n or 0
      redis.call('HINCRBY', prefix .. 'state', 'revision', 1)
      redis.call('HDEL', prefix .. 'groups', number, packed)
      redis.call('HDEL', prefix .. 'sums', number)
      redis.call('UNLINK', prefix .. 'of:' .. number)
      redis.call('ZREM', ARGV[4] .. group[5] .. ':', member)
      redis.call('ZREM', ARGV[4] .. group[5] .. ':' .. group[1], member)
      redis.call('HINCRBY', prefix .. 'state', 'segments', 0 - count)
      erased = erased + count
    end
  end
end
if #gone > 0 then redis.call('ZREM', KEYS[1], unpack(gone)) end
return {erased, #members, kept}
"""
