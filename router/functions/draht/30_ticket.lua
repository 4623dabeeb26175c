-- SPDX-License-Identifier: EUPL-1.2
-- ticket: the row of a ticket, its events, and which ticket a message belongs to.

local FIELDS = {'st', 'q', 'as', 'n', 'co', 'u', 'rv', 'mc', 'ac', 'un', 'ch', 'th', 'dl', 'ra', 'hs', 'dc', 'c',
    'du', 'li', 'lo'}
local function ticket(P, num)
    local v = redis.call('HMGET', P .. 't:' .. num, unpack(FIELDS))
    if not v[1] then return nil end
    local T = {}
    for i = 1, #FIELDS do T[FIELDS[i]] = v[i] or '' end
    return T
end

-- What staff rest a decision on, as 'revision before who': the revision of the last message or change, and of the last
-- one that was not this person's. Own notes and replies, and words of delivery, outdate nobody's view of the ticket.
local function basis(T, who)
    local last, before, by = match(T.dc, '^(%d+) (%d+) (.*)$')
    if not last or who == '' or by ~= who then before = last or '0' end
    return concat({int(T.rv + 1), before, who}, ' ')
end
local function outdated(T, rev, who)
    local last, before, by = match(T.dc, '^(%d+) (%d+) (.*)$')
    return last and num_of(rev) < num_of(by ~= '' and by == who and before or last)
end

local function note_event(P, num, now, actor, what, from, to)
    return redis.call('RPUSH', P .. 'm:' .. num, concat({'E', now, actor, what, from, to}, '\t'))
end

local PROBLEM = {failed = 3, opted_out = 3, in_doubt = 2, retry = 1}
local WORD = {'retry', 'in_doubt', 'failed'}
local function delivery_word(P, num, visible)
    local worst, rows = 0, redis.call('HVALS', P .. 'd:' .. num)
    for i = 1, #rows do
        local st, attempt = match(rows[i], '^([^\t]*)\t([^\t]*)')
        local w = PROBLEM[st] or 0
        if w == 1 and num_of(attempt) < visible then w = 0 end
        if w > worst then worst = w end
    end
    return WORD[worst] or ''
end

-- A permanent failure brings the ticket back to staff and says why.
local function fail_ticket(P, num, now, word)
    local T = ticket(P, num)
    if not T or T.co == '' then return end
    local st = T.st
    if st ~= 'new' then st = 'open' end
    open_indexes(P, num, T, now, st, T.q, T.as)
    local n = note_event(P, num, now, '', 'delivery', '', word)
    redis.call('HSET', P .. 't:' .. num, 'st', st, 'u', now, 'un', '1', 'dl', delivery_word(P, num, 3), 'n', int(n),
        'rv', int(T.rv + 1), 'dc', basis(T, ''))
end

local function follow_up(T, now, rules)
    for q, rule in gmatch(rules, '([^,=]+)=([^,]+)') do
        if q == T.q then
            if rule == 'r' then return true end
            if rule == 'n' then return false end
            return num_of(now) - num_of(T.u) <= num_of(rule) * 86400000
        end
    end
    return true
end

local function find_ticket(P, cid, now, A, from, count)
    for i = from, from + 2 * count - 2, 2 do
        local kind, val, cand = A[i], A[i + 1], nil
        if kind == '2' then
            cand = redis.call('GET', P .. 'th:' .. val)
            if not cand then
                local x = redis.call('GET', P .. 'x:' .. val)
                cand = x and match(x, '^[^/]+')
            end
        else
            cand = val
        end
        local T = cand and ticket(P, cand)
        if T and T.co ~= '' and (kind ~= '3' or T.co == cid) and num_of(T.n) < ITEMS_MAX then return cand, T end
    end
end

-- The preview stands beside the face (subject, sender), so that a new one is written without reading. Until 2026-11 it
-- stood behind the face in one key.
local function set_preview(P, num, preview)
    if preview ~= '' then redis.call('SET', P .. 'fp:' .. num, preview) end
end

-- Face and preview as they are handed out: four hex digits (length of the face), face, preview.
local function face(P, num)
    local v = redis.call('MGET', P .. 'f:' .. num, P .. 'fp:' .. num)
    if not v[1] or not v[2] then return v[1] or '' end
    return sub(v[1], 1, 4 + num_of(sub(v[1], 1, 4), 16)) .. v[2]
end

local function contact_add(P, cid, num)
    local key = P .. 'c:' .. cid
    if redis.call('APPEND', key, num .. ',') > CONTACT_MAX then
        local s = redis.call('GET', key)
        local cut = find(s, ',', #s - 2048, true)
        redis.call('SET', key, sub(s, 1, 73) .. sub(s, cut + 1))
    end
end
