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
    local f = redis.call('GET', P .. 'f:' .. num) or ''
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

local function merge(P, keys, before_score, before_num, limit)
    local all, seen_ = {}, {}
    for i = 1, #keys do
        local max, got, offset = before_score, 0, 0
        while got <= limit do
            local r = redis.call('ZRANGE', P .. keys[i], max, '-inf', 'BYSCORE', 'REV', 'LIMIT', offset, limit + 1, 'WITHSCORES')
            for j = 1, #r, 2 do
                local s = num_of(r[j + 1])
                if before_num == '' or s < num_of(before_score) or r[j] < before_num then
                    got = got + 1
                    if not seen_[r[j]] then
                        seen_[r[j]] = true
                        all[#all + 1] = {s, r[j]}
                    end
                end
            end
            if #r < 2 * (limit + 1) then break end
            offset = offset + limit + 1
        end
    end
    table.sort(all, function(a, b) if a[1] ~= b[1] then return a[1] > b[1] end return a[2] > b[2] end)
    return all
end

-- before_score before_number limit keys... -> {cursor, rows}
local function list(K, A)
    local P, limit, keys, rows = K[1], num_of(A[3]), {}, {}
    for i = 4, #A do keys[#keys + 1] = A[i] end
    local all = merge(P, keys, A[1], A[2], limit)
    for i = 1, math.min(limit, #all) do rows[#rows + 1] = summary(P, all[i][2]) end
    local cursor = #all > limit and fmt('%.0f:%s', all[limit][1], all[limit][2]) or ''
    return {cursor, rows}
end

local function counts(K, A)
    local out = {}
    for i = 1, #A do out[i] = redis.call('ZCARD', K[1] .. A[i]) end
    return out
end

-- number before limit -> {summary, first_n, items, rows of d, {contact, wrapped}..., tickets of the contact, more}
local function read(K, A)
    local P, num, limit = K[1], A[1], num_of(A[3])
    local row = summary(P, num)
    if not row then return redis.error_reply('NOTFOUND ticket') end
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
    return {row, first, items, d, keys, redis.call('GETRANGE', P .. 'c:' .. row[20], 73, -1)}
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

-- states "a,b" before_score before_id limit -> {cursor, {id, d, channel type.., face, wrapped}}
local function outbox(K, A)
    local P, keys, rows, limit = K[1], {}, {}, num_of(A[4])
    for st in gmatch(A[1], '[^,]+') do keys[#keys + 1] = 'ob:' .. st end
    local all = merge(P, keys, A[2], A[3], limit)
    for i = 1, math.min(limit, #all) do
        local num, n = match(all[i][2], '^(.-)/(%d+)$')
        rows[#rows + 1] = {num, num_of(n), redis.call('HGET', P .. 'd:' .. num, n) or '', summary(P, num)}
    end
    return {#all > limit and fmt('%.0f:%s', all[limit][1], all[limit][2]) or '', rows}
end

-- before_score before_number limit words... : newest first, the rarest word leads
local function search(K, A)
    local P, limit, keys = K[1], num_of(A[3]), {}
    for i = 4, #A do keys[#keys + 1] = {redis.call('ZCARD', P .. 'w:' .. A[i]), P .. 'w:' .. A[i]} end
    table.sort(keys, function(a, b) return a[1] < b[1] end)
    local rows, cursor, looked, offset = {}, '', 0, 0
    while #rows < limit and looked < 5000 do
        local r = redis.call('ZRANGE', keys[1][2], A[1], '-inf', 'BYSCORE', 'REV', 'LIMIT', offset, 200, 'WITHSCORES')
        offset = offset + 200
        for j = 1, #r, 2 do
            -- tickets of the same millisecond are told apart by their number
            if A[2] == '' or num_of(r[j + 1]) < num_of(A[1]) or r[j] < A[2] then
                looked = looked + 1
                cursor = r[j + 1] .. ':' .. r[j]
                local all = true
                for k = 2, #keys do all = all and redis.call('ZSCORE', keys[k][2], r[j]) end
                if all then rows[#rows + 1] = summary(P, r[j]) end
                if #rows >= limit then break end
            end
        end
        if #r < 400 and #rows < limit then cursor = '' break end
    end
    return {cursor, rows}
end

-- address hashes... -> summaries of these contacts' tickets, newest last 50
local function by_address(K, A)
    local P, out = K[1], {}
    for i = 1, #A do
        local c = redis.call('GET', P .. 'ad:' .. A[i])
        local s = c and redis.call('GETRANGE', P .. 'c:' .. c, 73, -1) or ''
        for num in gmatch(sub(s, -600), '%d%d%d%d%-%d+') do out[#out + 1] = summary(P, num) end
    end
    return out
end

-- number -> {contact, wrapped, channel, type, thread hash, language, queue}
local function keyof(K, A)
    local v = redis.call('HMGET', K[1] .. 't:' .. A[1], 'co', 'ch', 'ct', 'th', 'la', 'q')
    if not v[1] then return redis.error_reply('NOTFOUND ticket') end
    return {v[1], redis.call('GETRANGE', K[1] .. 'c:' .. v[1], 0, 72), v[2], v[3], v[4] or '', v[5] or '', v[6] or '',
        redis.call('GET', K[1] .. 'f:' .. A[1]) or ''}
end
