-- SPDX-License-Identifier: EUPL-1.2
-- read: rows for the staff API; nothing here writes.

local SUMMARY = {'st', 'q', 'as', 'pr', 'tg', 'la', 'ch', 'ct', 'c', 'u', 'li', 'lo', 'du', 'un', 'mc', 'ac', 'dl', 'rv', 'co',
    'ra', 'n', 'th'}
-- The row of a ticket: number, the fields above, face+preview, wrapped key, second contact and its key (preview)
local function summary(P, num)
    local v = redis.call('HMGET', P .. 't:' .. num, unpack(SUMMARY))
    if not v[1] then return nil end
    local row = {num}
    for i = 1, #SUMMARY do row[i + 1] = v[i] or '' end
    local f = face(P, num)
    local co, n = row[20], #row
    row[n + 1] = f
    row[n + 2] = redis.call('GETRANGE', P .. 'c:' .. co, 0, 72)
    local k = f ~= '' and sub(f, 6 + num_of(sub(f, 1, 4), 16), 21 + num_of(sub(f, 1, 4), 16)) or ''
    if k ~= '' and k ~= co then
        row[n + 3], row[n + 4] = k, redis.call('GETRANGE', P .. 'c:' .. k, 0, 72)
    else
        row[n + 3], row[n + 4] = '', ''
    end
    return row
end

local function summaries(K, A)
    local out = {}
    for i = 1, #A do out[#out + 1] = summary(K[1], A[i]) end
    return out
end

-- A scope says what somebody may see: '' is everything; else an account and its offices, joined by commas: the tickets
-- of these offices, and those that are assigned to the account by name.
local function scope_of(s)
    if s == '' then return nil end
    local S = {}
    for w in gmatch(s, '[^,]+') do
        if S.who then S.of[w] = true else S.who, S.of = w, {} end
    end
    return S
end
local function may_see(S, q, as)
    return not S or S.of[q] or as == S.who
end
local function sees(P, S, num)
    local v = redis.call('HMGET', P .. 't:' .. num, 'q', 'as')
    return v[1] and may_see(S, v[1], v[2] or '')
end

-- scope number -> 1 when the ticket is there and may be seen
local function sees_one(K, A)
    return sees(K[1], scope_of(A[1]), A[2]) and 1 or 0
end

-- All numbers of a contact that may be seen, oldest first.
local function numbers_of(P, S, co)
    local all, out = redis.call('GETRANGE', P .. 'c:' .. co, 73, -1), {}
    if not S then return all end
    for num in gmatch(all, '[^,]+') do
        if sees(P, S, num) then out[#out + 1] = num end
    end
    return concat(out, ',')
end

-- number before limit scope -> {summary, first_n, items, rows of d, {contact, wrapped}..., tickets of the contact, more}
local function read(K, A)
    local P, num, limit = K[1], A[1], num_of(A[3])
    local row = summary(P, num)
    local S = scope_of(A[4])
    if not row or not may_see(S, row[3], row[4]) then return redis.error_reply('NOTFOUND ticket') end
    local len = redis.call('LLEN', P .. 'm:' .. num)
    local last = num_of(A[2]) > 0 and num_of(A[2]) - 1 or len
    if last > len then last = len end
    local first = last - limit + 1
    if first < 1 then first = 1 end
    if last < 1 then return {row, 1, {}, {}, {}, ''} end
    local items, names, keys, known = redis.call('LRANGE', P .. 'm:' .. num, first - 1, last - 1), {}, {}, {}
    for i = 1, #items do
        names[i] = first + i - 1
        local c = sub(items[i], 1, 1) == 'S' and sub(items[i], 2, 17)
        if c and not known[c] then
            known[c] = true
            keys[#keys + 1] = c
            keys[#keys + 1] = redis.call('GETRANGE', P .. 'c:' .. c, 0, 72)
        end
    end
    local d = redis.call('HMGET', P .. 'd:' .. num, unpack(names))
    for i = 1, #d do d[i] = d[i] or '' end
    return {row, first, items, d, keys, numbers_of(P, S, row[20])}
end

-- number n -> one item with its key
local function item(K, A)
    local P = K[1]
    local rec = redis.call('LINDEX', P .. 'm:' .. A[1], num_of(A[2]) - 1)
    if not rec or sub(rec, 1, 1) ~= 'S' then return redis.error_reply('NOTFOUND message') end
    local c = sub(rec, 2, 17)
    return {rec, redis.call('HGET', P .. 'd:' .. A[1], A[2]) or '', c, redis.call('GETRANGE', P .. 'c:' .. c, 0, 72)}
end

-- thread after limit -> {n of first, {number, n, item, d, wrapped}...}
local function history(K, A)
    local P, out = K[1], {}
    local after = num_of(A[2])
    local ids = redis.call('LRANGE', P .. 'cv:' .. A[1], after, after + num_of(A[3]) - 1)
    for i = 1, #ids do
        local num, n = match(ids[i], '^(.-)/(%d+)$')
        local rec = redis.call('LINDEX', P .. 'm:' .. num, n - 1) or ''
        local c = sub(rec, 2, 17)
        out[i] = {num, num_of(n), after + i, rec, redis.call('HGET', P .. 'd:' .. num, n) or '',
            redis.call('GETRANGE', P .. 'c:' .. c, 0, 72)}
    end
    return out
end

-- "thread thread ...": of each, how many others of its office wait before it, or -1 when it waits for no answer
local function places(K, A)
    local P, call, out = K[1], redis.call, {}
    for th in gmatch(A[1], '[^ ]+') do
        local num = call('GET', P .. 'th:' .. th)
        local q = num and call('HGET', P .. 't:' .. num, 'q')
        out[#out + 1] = q and call('ZRANK', P .. 'cw:' .. q, num) or -1
    end
    return out
end

-- number -> {contact, wrapped, channel, type, thread hash, language, queue}
local function keyof(K, A)
    local v = redis.call('HMGET', K[1] .. 't:' .. A[1], 'co', 'ch', 'ct', 'th', 'la', 'q')
    if not v[1] then return redis.error_reply('NOTFOUND ticket') end
    return {v[1], redis.call('GETRANGE', K[1] .. 'c:' .. v[1], 0, 72), v[2], v[3], v[4] or '', v[5] or '', v[6] or '',
        face(K[1], A[1])}
end
