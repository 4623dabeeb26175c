-- SPDX-License-Identifier: EUPL-1.2
-- receipt: what providers report later, and what staff do to one reply.

local RANK = {sent = 1, delivered = 2, read = 3}
-- now xhash number n channel state permanent reason
local function receipt(K, A)
    local P, now, num, n = K[1], A[1], A[3], A[4]
    if A[2] ~= '' then
        local x = redis.call('GET', P .. 'x:' .. A[2])
        if not x then return redis.error_reply('NOTFOUND message') end
        num, n = match(x, '^(.-)/(%d+)$')
    end
    local D = row_read(P, num, n)
    if not D or D.ch ~= A[5] then return redis.error_reply('NOTFOUND message') end
    local state = A[6]
    local waiting = D.state == 'sending' or D.state == 'in_doubt'
    if state == 'failed' then
        if A[7] ~= '1' or not (waiting or D.state == 'sent') then return 0 end
    else
        local rank = RANK[D.state] or (waiting and 0)
        if not rank or RANK[state] <= rank then return 0 end
    end
    D.state, D.at = state, now
    D.reason = A[8]
    row_write(P, num, n, D)
    if waiting then leave_queue(P, num, n, 'ls', now) end
    settled(P, num, n, D, now, state, 3)
    return 1
end

-- xhash number n -> {number, n, contact, wrapped}: under whose key the reason of a receipt is sealed
local function whose(K, A)
    local P, num, n = K[1], A[2], A[3]
    if A[1] ~= '' then
        local x = redis.call('GET', P .. 'x:' .. A[1])
        if not x then return redis.error_reply('NOTFOUND message') end
        num, n = match(x, '^(.-)/(%d+)$')
    end
    local co = redis.call('HGET', P .. 't:' .. num, 'co')
    if not co then return redis.error_reply('NOTFOUND message') end
    return {num, n, co, redis.call('GETRANGE', P .. 'c:' .. co, 0, 72)}
end

-- A reply that was taken back answered nothing: the latest reply that still stands counts. What it closed opens again.
local function unanswer(P, num, n, T, now, user)
    local key, latest, rows = P .. 't:' .. num, 0, redis.call('HVALS', P .. 'd:' .. num)
    for i = 1, #rows do
        local st, auto, created = match(rows[i], '^([^\t]*)' .. ('\t[^\t]*'):rep(9) .. '\t([^\t]*)\t([^\t]*)')
        if st ~= 'cancelled' and auto == '0' and num_of(created) > latest then latest = num_of(created) end
    end
    local lo = latest > 0 and fmt('%.0f', latest) or ''
    redis.call('HSET', key, 'lo', lo)
    local was = redis.call('GET', P .. 'sc:' .. num .. '/' .. n)
    if was and T.st == 'closed' then
        note_event(P, num, now, user, 'state', 'closed', was)
        open_indexes(P, num, T, now, was, T.q, T.as, lo)
        redis.call('HSET', key, 'st', was)
        T.st = was
    else
        due_index(P, num, T, now, T.st, T.q, lo)
    end
    T.lo = lo
    if T.st ~= 'closed' and (num_of(T.li) or 0) > latest then unanswered(P, num, T, T.q, T.li) end
end

local MAY = {
    retry = {failed = true, in_doubt = true, retry = true, opted_out = true},
    cancel = {queued = true, retry = true, failed = true, in_doubt = true, opted_out = true},
    mark_sent = {in_doubt = true},
    undo = {queued = true},
}
-- now number n user action
local function action(K, A)
    local P, now, num, n, what = K[1], A[1], A[2], A[3], A[5]
    local D = row_read(P, num, n)
    if not D then return redis.error_reply('NOTFOUND message') end
    if not MAY[what] then return redis.error_reply('INVALID action') end
    if not MAY[what][D.state] or (what == 'undo' and D.attempt > 0) then return redis.error_reply('CONFLICT state') end
    local T = ticket(P, num)
    if what == 'retry' and T.co == '' then return redis.error_reply('CONFLICT erased') end
    local was = D.state
    D.at = now
    if what == 'retry' then
        D.state, D.next, D.created, D.reason = 'queued', now, now, ''
        redis.call('ZREM', P .. 'ob:' .. was, num .. '/' .. n)
        row_write(P, num, n, D)
        if was ~= 'retry' then redis.call('RPUSH', P .. 'oq:' .. num, n) end
        offer_head(P, num, now)
    else
        D.state = what == 'mark_sent' and 'sent' or 'cancelled'
        row_write(P, num, n, D)
        leave_queue(P, num, n, 'due:' .. D.ch, now)
        if what == 'undo' then unanswer(P, num, n, T, now, A[4]) end
    end
    redis.call('HSET', P .. 't:' .. num, 'dl', delivery_word(P, num, 3), 'u', now, 'n',
        note_event(P, num, now, A[4], 'delivery', was, D.state), 'rv', int(T.rv + 1))
    if what == 'undo' then redis.call('HSET', P .. 't:' .. num, 'dc', basis(T, A[4])) end
    open_indexes(P, num, T, now, T.st, T.q, T.as)
    event(P, now, 'message.' .. D.state, num, n, D.ch, T.q, A[4], what, T.th)
    return 1
end
