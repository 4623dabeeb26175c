-- SPDX-License-Identifier: EUPL-1.2
-- change: what staff do to a ticket, erasure, reminders.

local SHORT = {state = 'st', queue = 'q', assignee = 'as', priority = 'pr', tags = 'tg', reminder = 'ra', subject = 'f'}
local WORD_BYTES = 10
local function index_words(P, num, words)
    local v = redis.call('HMGET', P .. 't:' .. num, 'w', 'c')
    for w in gmatch(v[1] or '', ('.'):rep(WORD_BYTES)) do redis.call('ZREM', P .. 'w:' .. w, num) end
    for w in gmatch(words, ('.'):rep(WORD_BYTES)) do redis.call('ZADD', P .. 'w:' .. w, v[2], num) end
    redis.call('HSET', P .. 't:' .. num, 'w', words)
end

-- now number user rev (name value)...
local function change(K, A)
    local P, now, num, user = K[1], A[1], A[2], A[3]
    local T = ticket(P, num)
    if not T then return redis.error_reply('NOTFOUND ticket') end
    if A[4] ~= '' and outdated(T, A[4], user) then return redis.error_reply('CONFLICT rev') end
    local st, q, as, what = T.st, T.q, T.as, ''
    local key = P .. 't:' .. num
    for i = 5, #A - 1, 2 do
        local name, value = A[i], A[i + 1]
        if name == 'subject' then
            local f = face(P, num)
            redis.call('MSET', P .. 'f:' .. num, fmt('%04x', #value) .. value, P .. 'fp:' .. num,
                sub(f, 5 + num_of(sub(f, 1, 4), 16)))
            redis.call('HSET', key, 'n', note_event(P, num, now, user, 'subject', '', ''))
        elseif name == 'words' then
            index_words(P, num, value)
        else
            local old = redis.call('HGET', key, SHORT[name]) or ''
            if old ~= value then
                redis.call('HSET', key, SHORT[name], value)
                if name ~= 'reminder' then
                    redis.call('HSET', key, 'n', note_event(P, num, now, user, name, old, value))
                end
            end
            if name == 'state' then st = value end
            if name == 'queue' then q = value end
            if name == 'assignee' then as = value end
        end
        if name ~= 'words' then what = what == '' and name or what .. ',' .. name end
    end
    if st == 'closed' then what = what .. ',closed' end
    open_indexes(P, num, T, now, st, q, as)
    if st == 'reminder' then
        redis.call('ZADD', P .. 'rm', redis.call('HGET', key, 'ra') or now, num)
    end
    redis.call('HSET', key, 'u', now, 'un', '0', 'rv', int(T.rv + 1), 'dc', basis(T, ''))
    if q ~= T.q or T.as ~= '' and as ~= T.as then event(P, now, 'ticket.left', num, 0, T.ch, T.q, user, T.as, T.th) end
    event(P, now, 'ticket.changed', num, 0, T.ch, q, user, what, T.th)
    return 1
end

-- What waits for a contact that is erased is not sent any more; what is under way ends as it ends.
local function cancel_all(P, num, now)
    local ns = redis.call('LRANGE', P .. 'oq:' .. num, 0, -1)
    for i = 1, #ns do
        local D = row_read(P, num, ns[i])
        if D and (D.state == 'queued' or D.state == 'retry') then cancel_row(P, num, ns[i], D, now) end
    end
end

-- now ticket user address: the key, the address and the words of the ticket's contact go, the tickets stay as shells
local function erase(K, A)
    local P, now, user = K[1], A[1], A[3]
    local T = ticket(P, A[2])
    if not T then return redis.error_reply('NOTFOUND ticket') end
    local co = T.co
    if co == '' then return 0 end
    local all, done = redis.call('GETRANGE', P .. 'c:' .. co, 73, -1) .. A[2] .. ',', 0
    redis.call('DEL', P .. 'c:' .. co)
    if A[4] ~= '' and redis.call('GET', P .. 'ad:' .. A[4]) == co then redis.call('DEL', P .. 'ad:' .. A[4]) end
    for num in gmatch(all, '[^,]+') do
        T = ticket(P, num)
        if T and T.co == co then
            done = done + 1
            index_words(P, num, '')
            cancel_all(P, num, now)
            if T.th ~= '' and redis.call('GET', P .. 'th:' .. T.th) == num then redis.call('DEL', P .. 'th:' .. T.th) end
            open_indexes(P, num, T, now, 'closed', T.q, T.as)
            redis.call('HSET', P .. 't:' .. num, 'st', 'closed', 'co', '', 'u', now, 'un', 0, 'n',
                note_event(P, num, now, user, 'erased', '', ''), 'rv', int(T.rv + 1))
            redis.call('HSET', P .. 't:' .. num, 'dl', delivery_word(P, num, 3))
            event(P, now, 'contact.erased', num, 0, T.ch, T.q, user, co, T.th)
        end
    end
    return done
end

local function seen(K, A)
    local P, num = K[1], A[2]
    local t = redis.call('HMGET', P .. 't:' .. num, 'un', 'ch', 'th')
    if t[1] ~= '1' then return 0 end
    redis.call('HSET', P .. 't:' .. num, 'un', 0)
    event(P, A[1], 'ticket.seen', num, 0, t[2] or '', '', '', '', t[3] or '',
        t[3] and redis.call('LLEN', P .. 'cv:' .. t[3]) or 0)
    return 1
end

local function remind(K, A)
    local P, now = K[1], A[1]
    local due = redis.call('ZRANGEBYSCORE', P .. 'rm', '-inf', now, 'LIMIT', 0, 100)
    for i = 1, #due do
        local num = due[i]
        local T = ticket(P, num)
        redis.call('ZREM', P .. 'rm', num)
        if T and T.st == 'reminder' then
            open_indexes(P, num, T, now, 'open', T.q, T.as)
            redis.call('HSET', P .. 't:' .. num, 'st', 'open', 'u', now, 'un', 1, 'rv', int(T.rv + 1), 'dc', basis(T, ''), 'n',
                note_event(P, num, now, '', 'state', 'reminder', 'open'))
            event(P, now, 'ticket.changed', num, 0, T.ch, T.q, '', 'reminder', T.th)
        end
    end
    return #due
end

-- now -> how many became due soon or overdue
local function due(K, A)
    local P, now = K[1], A[1]
    local ids = redis.call('ZRANGEBYSCORE', P .. 'dw', '-inf', now, 'LIMIT', 0, 100)
    for i = 1, #ids do
        local num = ids[i]
        local T = ticket(P, num)
        local at = T and due_at(T.st, T.lo, T.du)
        redis.call('ZREM', P .. 'dw', num)
        if at then
            redis.call('ZADD', P .. 'du:' .. T.q, at, num)
            local is_late = at <= num_of(now)
            if not is_late then redis.call('ZADD', P .. 'dw', at, num) end
            event(P, now, 'ticket.due', num, 0, T.ch, T.q, '', is_late and 'overdue' or 'soon', T.th)
        end
    end
    return #ids
end

-- Tickets of releases before the indexes by office, by due time and of waiting chats. ix: where the walk over all
-- numbers is, or the version that the indexes have.
local INDEX_VERSION, FIRST_YEAR, LAST_YEAR = '3', 2000, 2199
local OLD_KEYS = {'un', 'a::new', 'a::open', 'a::waiting', 'a::reminder', 'a::closed', 'ob:sending'}
local function index_anew(P, num, T, now)
    if T.as == '' then redis.call('ZADD', P .. 'a:/' .. T.q .. ':' .. T.st, T.u, num) end
    if T.st ~= 'closed' and (num_of(T.li) or 0) > (num_of(T.lo) or 0) then
        redis.call('ZADD', P .. 'un:' .. T.q, 'NX', T.li, num)
        if T.hs == '1' then redis.call('ZADD', P .. 'cw:' .. T.q, 'NX', T.li, num) end
    end
    local at = due_at(T.st, T.lo, T.du)
    if at then due_start(P, num, T.q, now, at, T.c) end
end

-- now limit -> 1 while there is more
local function reindex(K, A)
    local P, call, left = K[1], redis.call, num_of(A[2])
    local at = call('GET', P .. 'ix')
    if at == INDEX_VERSION then return 0 end
    local year, n = match(at or '', '^(%d+)-(%d+)$')
    year, n = num_of(year or FIRST_YEAR), num_of(n or 0)
    while left > 0 and year <= LAST_YEAR do
        local last = num_of(call('GET', P .. 'n:' .. year) or 0)
        while n < last and left > 0 do
            n, left = n + 1, left - 1
            local num = fmt('%d-%06d', year, n)
            local T = ticket(P, num)
            if T then index_anew(P, num, T, A[1]) end
        end
        if n >= last then year, n = year + 1, 0 end
    end
    if year <= LAST_YEAR then
        call('SET', P .. 'ix', year .. '-' .. n)
        return 1
    end
    for i = 1, #OLD_KEYS do call('UNLINK', P .. OLD_KEYS[i]) end
    call('SET', P .. 'ix', INDEX_VERSION)
    return 0
end
