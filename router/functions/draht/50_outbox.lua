-- SPDX-License-Identifier: EUPL-1.2
-- outbox: claims under a lease, checkpoints, verdicts, and what becomes of leases that end.

-- now channel owner expiry max history earlier -> rows {number n attempt part seq auto language queue contact wrapped face record earlier created keys origin}
-- keys: of the earlier records that are sealed for another contact, beside them; otherwise empty
local function claim(K, A)
    local P, call, now, ch, out = K[1], redis.call, A[1], A[2], {}
    local ids = call('ZRANGEBYSCORE', P .. 'due:' .. ch, '-inf', now, 'LIMIT', '0', A[5])
    local leases, faces = {}, {}
    if #ids > 0 then call('ZREM', P .. 'due:' .. ch, unpack(ids)) end
    for i = 1, #ids do
        local id = ids[i]
        local num, n = match(id, '^(.-)/(%d+)$')
        local D = row_read(P, num, n)
        local rec = call('LINDEX', P .. 'm:' .. num, int(n - 1))
        local h = D and rec and (D.state == 'queued' or D.state == 'retry')
            and call('HMGET', P .. 't:' .. num, 'la', 'q', 'co', 'th', 'ch')
        local about = h and D.auto == '2' and row_read(P, num, D.seq)
        if h and h[3] == '' then
            cancel_row(P, num, n, D, now) -- erased meanwhile
        elseif about and about.state == 'read' then
            cancel_row(P, num, n, D, now) -- read in the chat meanwhile
            event(P, now, 'message.cancelled', num, n, ch, h[2], '', 'read', h[4])
        elseif h then
            D.state, D.attempt, D.owner, D.lease, D.at = 'sending', D.attempt + 1, A[3], A[4], now
            if A[6] == '1' and D.seq == '0' and h[4] and h[4] ~= '' then
                D.seq = int(call('RPUSH', P .. 'cv:' .. h[4], id))
            end
            leases[#leases + 1] = A[4]
            leases[#leases + 1] = id
            row_write(P, num, n, D)
            local first = n - 13
            if first < 0 then first = 0 end
            local earlier = A[7] ~= '0' and n - 2 >= 0 and redis.call('LRANGE', P .. 'm:' .. num, first, n - 2) or {}
            local keys = {}
            for k = 1, #earlier do
                local c = sub(earlier[k], 1, 1) == 'S' and sub(earlier[k], 2, 17)
                keys[k] = c and c ~= h[3] and redis.call('GETRANGE', P .. 'c:' .. c, 0, 72) or ''
            end
            out[#out + 1] = {num, num_of(n), D.attempt, num_of(D.part), num_of(D.seq), num_of(D.auto), h[1] or '', h[2] or '',
                h[3] or '', call('GETRANGE', P .. 'c:' .. (h[3] or ''), '0', '72'), '', rec,
                earlier, num_of(D.created), keys, h[5] or ''}
            faces[#out] = P .. 'f:' .. num
        end
    end
    if #out > 0 then
        call('ZADD', P .. 'ls', unpack(leases))
        faces = call('MGET', unpack(faces))
        for i = 1, #out do out[i][11] = faces[i] or '' end
    end
    local nxt = call('ZRANGE', P .. 'due:' .. ch, '0', '0', 'WITHSCORES')
    return {nxt[2] and num_of(nxt[2]) or -1, out}
end

-- expiry owner ids... : the sends still under way
local function renew(K, A)
    for i = 3, #A do
        local num, n = match(A[i], '^(.-)/(%d+)$')
        local D = row_read(K[1], num, n)
        if D and D.state == 'sending' and D.owner == A[2] then
            D.lease = A[1]
            redis.call('ZADD', K[1] .. 'ls', A[1], A[i])
            row_write(K[1], num, n, D)
        end
    end
    return 1
end

-- number n attempt owner part xhash...
local function part(K, A)
    local P = K[1]
    local D = row_read(P, A[1], A[2])
    for i = 6, #A do
        if A[i] ~= '' then redis.call('SET', P .. 'x:' .. A[i], A[1] .. '/' .. A[2], 'EX', RECEIPT_S) end
    end
    if not D or D.state ~= 'sending' or D.attempt ~= num_of(A[3]) or D.owner ~= A[4] then return 0 end
    if num_of(D.part) < num_of(A[5]) then
        D.part = A[5]
        row_write(P, A[1], A[2], D)
    end
    return 1
end

-- What goes well changes nothing of a ticket that has no trouble: no field, no place in a list.
local WELL = {sent = true, delivered = true, read = true}
local function settled(P, num, n, D, now, word, visible)
    local seq = D.auto ~= '2' and D.seq or '0'
    if WELL[word] then
        local t = redis.call('HMGET', P .. 't:' .. num, 'dl', 'q', 'th')
        if (t[1] or '') == '' then
            event(P, now, 'message.' .. word, num, n, D.ch, t[2], '', '', t[3], seq)
            return
        end
    end
    local T = ticket(P, num)
    if word == 'failed' or word == 'opted_out' then
        fail_ticket(P, num, now, word)
    elseif T then
        local dl = T.dl
        if T.dl ~= '' or PROBLEM[word] then dl = delivery_word(P, num, visible) end
        if word == 'in_doubt' then
            redis.call('HSET', P .. 't:' .. num, 'n', note_event(P, num, now, '', 'delivery', '', word))
        end
        redis.call('HSET', P .. 't:' .. num, 'u', now, 'dl', dl, 'rv', int(T.rv + 1))
        open_indexes(P, num, T, now, T.st, T.q, T.as)
    end
    event(P, now, 'message.' .. word, num, n, D.ch, T and T.q, '', '', T and T.th, seq)
end

-- now number n attempt owner state next reason visible part xhash...
local function settle(K, A)
    local P, now, num, n, state = K[1], A[1], A[2], A[3], A[6]
    for i = 11, #A do redis.call('SET', P .. 'x:' .. A[i], num .. '/' .. n, 'EX', RECEIPT_S) end
    local D = row_read(P, num, n)
    if not D or D.state ~= 'sending' or D.attempt ~= num_of(A[4]) or D.owner ~= A[5] then return 'STALE' end
    D.state, D.at, D.reason, D.next = state, now, A[8], A[7]
    if num_of(D.part) < num_of(A[10]) then D.part = A[10] end
    row_write(P, num, n, D)
    if state == 'retry' then
        redis.call('ZREM', P .. 'ls', num .. '/' .. n)
        redis.call('ZADD', P .. 'due:' .. D.ch, D.next, num .. '/' .. n)
    else
        leave_queue(P, num, n, 'ls', now)
    end
    settled(P, num, n, D, now, state, num_of(A[9]))
    return 'OK'
end

-- now channel owner ("" : whatever has expired) policy (requeue|doubt) limit -> how many
local function expire(K, A)
    local P, now, done = K[1], A[1], 0
    local ids
    if A[3] == '' then
        ids = redis.call('ZRANGEBYSCORE', P .. 'ls', '-inf', now, 'LIMIT', 0, A[5])
    else
        ids = redis.call('ZRANGE', P .. 'ls', 0, -1)
    end
    for i = 1, #ids do
        local num, n = match(ids[i], '^(.-)/(%d+)$')
        local D = row_read(P, num, n)
        if not D or D.state ~= 'sending' then
            redis.call('ZREM', P .. 'ls', ids[i])
        elseif D.ch == A[2] and (A[3] == '' or D.owner == A[3]) then
            done = done + 1
            D.at = now
            if A[4] == 'requeue' then
                D.state, D.next = 'retry', now
                redis.call('ZREM', P .. 'ls', ids[i])
                row_write(P, num, n, D)
                redis.call('ZADD', P .. 'due:' .. D.ch, now, ids[i])
                settled(P, num, n, D, now, 'retry', 3)
            else
                D.state = 'in_doubt'
                row_write(P, num, n, D)
                leave_queue(P, num, n, 'ls', now)
                settled(P, num, n, D, now, 'in_doubt', 3)
            end
        end
    end
    return done
end

-- now channel owner ids... : the claims of this owner whose answer it never saw go back as they were
local function release(K, A)
    local P, now, known, done = K[1], A[1], {}, 0
    for i = 4, #A do known[A[i]] = true end
    local ids = redis.call('ZRANGE', P .. 'ls', 0, -1)
    for i = 1, #ids do
        local num, n = match(ids[i], '^(.-)/(%d+)$')
        local D = not known[ids[i]] and row_read(P, num, n)
        if D and D.state == 'sending' and D.ch == A[2] and D.owner == A[3] then
            done = done + 1
            D.attempt = D.attempt - 1
            D.state = D.attempt > 0 and 'retry' or 'queued'
            D.at, D.next, D.owner = now, now, ''
            row_write(P, num, n, D)
            redis.call('ZREM', P .. 'ls', ids[i])
            if D.auto == '2' then redis.call('ZADD', P .. 'due:' .. D.ch, now, ids[i]) end
            offer_head(P, num, now)
        end
    end
    return done
end
