-- SPDX-License-Identifier: EUPL-1.2
-- register: leases of channels, counters, small state in order, and the names under which all functions are called.

-- name owner ttl -> 1 held
local function lease(K, A)
    local key = K[1] .. 'le:' .. A[1]
    local who = redis.call('GET', key)
    if who and who ~= A[2] then return 0 end
    if A[3] == '0' then return redis.call('DEL', key) end
    redis.call('SET', key, A[2], 'PX', A[3])
    return 1
end

local function count(K, A)
    local key = K[1] .. 'n:w:' .. A[1]
    local c = redis.call('INCR', key)
    if c == 1 then redis.call('PEXPIRE', key, A[2]) end
    return c
end

-- now channel thread word: every gateway that has the conversation open hears it
local function tell(K, A)
    event(K[1], A[1], 'thread.told', '', 0, A[2], '', '', A[4], A[3])
    return 1
end

-- index key score cut -> the index's size
local function rank(K, A)
    local key = K[1] .. 'sx:' .. A[1]
    redis.call('ZADD', key, A[3], A[2])
    if num_of(A[4]) > 0 then redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. A[4]) end
    return redis.call('ZCARD', key)
end

-- index min max skip limit -> values, highest score first; '' where a value has ended
local function ranked(K, A)
    local out = redis.call('ZREVRANGEBYSCORE', K[1] .. 'sx:' .. A[1], A[3], A[2], 'LIMIT', A[4], A[5])
    for i = 1, #out do out[i] = redis.call('GET', K[1] .. 'st:' .. out[i]) or '' end
    return out
end

local function library()
    return LIBRARY_VERSION
end

local function register(name, fn, flags, version)
    redis.register_function{function_name = 'draht_' .. name .. (version or '_1'), flags = flags, callback = function(K, A)
        if not fmt then fetch_names() end
        return fn(K, A)
    end}
end
register('library', library, {'no-writes'})
register('sees', sees_one, {'no-writes'})
register('summaries', summaries, {'no-writes'})
register('list', list, {'no-writes'}, '_2')
register('counts', counts, {'no-writes'}, '_2')
register('read', read, {'no-writes'}, '_2')
register('item', item, {'no-writes'})
register('history', history, {'no-writes'})
register('outbox', outbox, {'no-writes'}, '_2')
register('search', search, {'no-writes'}, '_2')
register('by_address', by_address, {'no-writes'}, '_2')
register('places', places, {'no-writes'})
register('keyof', keyof, {'no-writes'})
register('whose', whose, {'no-writes'})
register('accept', accept, {})
register('reply', reply, {}, '_2')
register('claim', claim, {})
register('renew', renew, {})
register('part', part, {})
register('settle', settle, {})
register('expire', expire, {})
register('receipt', receipt, {})
register('action', action, {})
register('change', change, {})
register('erase', erase, {})
register('release', release, {})
register('seen', seen, {})
register('remind', remind, {})
register('due', due, {})
register('reindex', reindex, {})
register('lease', lease, {})
register('count', count, {})
register('tell', tell, {})
register('rank', rank, {})
register('ranked', ranked, {'no-writes'})
