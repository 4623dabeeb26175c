-- SPDX-License-Identifier: EUPL-1.2
-- accept: a citizen's message and a reply of staff become durable.

-- now dd ad contact wrapped record face preview channel type queue priority tags language year due thread history
-- followups attachments ack acklimit day hints_n (kind value)... words...
-- -> OK number n seq new | DUP "number n seq ms" | KEY contact wrapped | NEW (propose a fresh contact)
local function accept(K, A)
    local P, call, now = K[1], redis.call, A[1]
    local ddk, cid, ch = P .. 'dd:' .. A[2], A[4], A[9]
    local dup = call('GET', ddk)
    if dup then return {'DUP', dup} end
    local known = call('GET', P .. 'ad:' .. A[3])
    if known and known ~= cid then
        local wrapped = call('GETRANGE', P .. 'c:' .. known, 0, 72)
        if wrapped ~= '' then return {'KEY', known, wrapped} end
        known = nil -- the key is erased
    end
    if not known and A[5] == '' then return {'NEW'} end -- a remembered key must not bring an erased contact back
    local hints_n = num_of(A[24])
    local num, T = find_ticket(P, cid, now, A, 25, hints_n)
    if T and T.st == 'closed' and not follow_up(T, now, A[19]) then num, T = nil, nil end
    if not known then
        call('SET', P .. 'ad:' .. A[3], cid)
        call('SET', P .. 'c:' .. cid, A[5])
    end
    local n, seq, what, queue = 1, 0, 'created', A[11]
    if T then
        queue, what = T.q, ''
        local st = T.st
        if st == 'closed' then
            note_event(P, num, now, '', 'reopened', 'closed', 'open')
            what = 'reopened'
        end
        if st ~= 'new' then st = 'open' end
        n = call('RPUSH', P .. 'm:' .. num, A[6])
        call('HSET', P .. 't:' .. num, 'st', st, 'u', now, 'li', now, 'un', '1', 'n', int(n), 'mc', int(T.mc + 1),
            'ac', int(T.ac + A[20]), 'rv', int(T.rv + 1), 'dc', basis(T, ''))
        set_preview(P, num, A[8])
        open_indexes(P, num, T, now, st, T.q, T.as)
    else
        num = fmt('%s-%06d', A[15], call('INCR', P .. 'n:' .. A[15]))
        call('HSET', P .. 't:' .. num, 'st', 'new', 'q', queue, 'pr', A[12], 'tg', A[13], 'la', A[14], 'ch', ch,
            'ct', A[10], 'c', now, 'u', now, 'li', now, 'du', A[16], 'un', '1', 'n', '1', 'mc', '1', 'ac', A[20], 'rv', '1',
            'co', cid, 'th', A[17], 'hs', A[18], 'w', concat(A, '', 25 + 2 * hints_n))
        call('MSET', P .. 'f:' .. num, fmt('%04x', #A[7]) .. A[7], P .. 'fp:' .. num, A[8])
        call('RPUSH', P .. 'm:' .. num, A[6])
        call('ZADD', P .. 'i:' .. queue .. ':new', now, num)
        call('ZADD', P .. 'a:/' .. queue .. ':new', now, num)
        local due = due_at('new', '', A[16])
        if due then due_start(P, num, queue, now, due, now) end
        contact_add(P, cid, num)
        for i = 25 + 2 * hints_n, #A do call('ZADD', P .. 'w:' .. A[i], now, num) end
    end
    unanswered(P, num, T or {hs = A[18]}, queue, now)
    local th = A[17]
    if th ~= '' then
        call('SET', P .. 'th:' .. th, num)
        if A[18] == '1' then seq = call('RPUSH', P .. 'cv:' .. th, num .. '/' .. int(n)) end
    end
    -- an answer by mail stands in the chat as well when the citizen comes back
    local shown, at = th, seq
    if T and T.hs == '1' and T.th ~= th and A[18] ~= '1' then
        shown, at = T.th, call('RPUSH', P .. 'cv:' .. T.th, num .. '/' .. int(n))
    end
    call('SET', ddk, concat({num, int(n), int(seq), now}, ' '), 'EX', DEDUPE_S)
    if A[21] ~= '' and (not T or T.st == 'closed' and T.co == cid) then
        local rate = P .. 'ak:' .. cid .. ':' .. A[23]
        local c = call('INCR', rate)
        if c == 1 then call('EXPIRE', rate, 172800) end
        if c <= num_of(A[22]) then
            local m = call('RPUSH', P .. 'm:' .. num, A[21])
            call('HINCRBY', P .. 't:' .. num, 'mc', 1)
            call('HSET', P .. 't:' .. num, 'n', m)
            enqueue(P, num, int(m), T and T.ch or ch, now, now, '0', '1')
            what = what .. ',ack'
        end
    end
    event(P, now, 'message.received', num, int(n), ch, queue, '', what, shown, int(at))
    return {'OK', num, n, seq, T and 0 or 1}
end

-- now ticket user client record kind due undo close preview attachments channel (empty: the ticket's own) about
-- -> {n, row of d} | n: stored before
-- kind aside: a mail about the conversation; about: the reply that it stands in for, once, unless that was read
local function reply(K, A)
    local P, call, now, num, user, kind = K[1], redis.call, A[1], A[2], A[3], A[6]
    local T = ticket(P, num)
    if not T then return redis.error_reply('NOTFOUND ticket') end
    if T.co ~= sub(A[5], 2, 17) then return redis.error_reply('CONFLICT erased') end
    local client = P .. 'cl:' .. A[4]
    if A[4] ~= '' then
        local was = call('GET', client)
        if was then return num_of(was) end
    end
    if num_of(T.n) >= ITEMS_MAX then return redis.error_reply('LIMIT items') end
    local about = kind == 'aside' and A[13] or ''
    if about ~= '' then
        local was, of = call('GET', P .. 'fb:' .. num .. '/' .. about), row_read(P, num, about)
        local D = was and row_read(P, num, was)
        if D and D.state ~= 'cancelled' then return num_of(was) end
        if not of or of.state == 'read' then return redis.error_reply('CONFLICT read') end
    end
    local by = A[12] ~= '' and A[12] or T.ch
    local n = call('RPUSH', P .. 'm:' .. num, A[5])
    local id, st, as, row = int(n), T.st, T.as, ''
    local last = id
    if kind == 'reply' then
        if st == 'new' or st == 'closed' then st = 'open' end
        if as == '' then as = user end
        answered(P, num, T)
        row = enqueue(P, num, id, by, now, A[7], A[8], '0')
        set_preview(P, num, A[10])
    end
    if about ~= '' then
        row = enqueue_aside(P, num, id, by, now, A[7], about)
        call('SET', P .. 'fb:' .. num .. '/' .. about, id, 'EX', DEDUPE_S)
    elseif kind == 'aside' then
        row = enqueue(P, num, id, by, now, A[7], '0', '1')
    end
    local close = A[9] == '1'
    if close then
        if T.st ~= 'closed' then call('SET', P .. 'sc:' .. num .. '/' .. id, T.st, 'EX', UNDO_S) end
        st = 'closed'
    end
    if st ~= T.st then last = int(note_event(P, num, now, user, 'state', T.st, st)) end
    call('HSET', P .. 't:' .. num, 'st', st, 'as', as, 'u', now, 'un', kind == 'aside' and T.un or '0', 'n', last,
        'mc', int(T.mc + 1), 'rv', int(T.rv + 1), 'ac', int(T.ac + A[11]),
        'lo', kind == 'reply' and now or T.lo, 'dc', (kind == 'reply' or close) and basis(T, user) or T.dc)
    open_indexes(P, num, T, now, st, T.q, as, kind == 'reply' and now or T.lo)
    if A[4] ~= '' then call('SET', client, id, 'EX', CLIENT_S) end
    event(P, now, kind == 'note' and 'note.added' or 'message.queued', num, id, by, T.q, user, close and 'closed' or '',
        T.th)
    return {n, row}
end
