-- SPDX-License-Identifier: EUPL-1.2
-- list: views, counts, search and the outbox, each for what one person may see; nothing here writes.

-- The next members of some sorted sets as one list: limit + 1 of each, so that the first limit of all are right.
-- Downwards from score and last (excluded), or up; edge is where it ends.
local function merge(P, keys, score, last, limit, up, edge)
    local all, known, from = {}, {}, num_of(score)
    for i = 1, #keys do
        local got, offset = 0, 0
        while got <= limit do
            local r = up
                and redis.call('ZRANGE', P .. keys[i], score, edge, 'BYSCORE', 'LIMIT', offset, limit + 1, 'WITHSCORES')
                or redis.call('ZRANGE', P .. keys[i], score, edge, 'BYSCORE', 'REV', 'LIMIT', offset, limit + 1, 'WITHSCORES')
            for j = 1, #r, 2 do
                local s = num_of(r[j + 1])
                -- equal scores are told apart by the member
                if last == '' or s ~= from or up and r[j] > last or not up and r[j] < last then
                    got = got + 1
                    if not known[r[j]] then
                        known[r[j]] = true
                        all[#all + 1] = {s, r[j]}
                    end
                end
            end
            if #r < 2 * (limit + 1) then break end
            offset = offset + limit + 1
        end
    end
    return all, known
end
local function in_order(all, up)
    table.sort(all, function(a, b)
        if up then a, b = b, a end
        if a[1] ~= b[1] then return a[1] > b[1] end
        return a[2] > b[2]
    end)
end
local function cursor_at(entry)
    return fmt('%.0f:%s', entry[1], entry[2])
end

local OPEN = {'new', 'open', 'waiting', 'reminder'}
local STATE_OF_VIEW = {waiting = 'waiting', reminder = 'reminder', closed = 'closed'}
local BY_SET = {unanswered = 'un:', overdue = 'du:', due_soon = 'du:'}

-- The offices of a list that the scope has; wanted: that one alone.
local function offices(S, list, wanted)
    local out = {}
    for q in gmatch(list, '[^,]+') do
        if (not S or S.of[q]) and (wanted == '' or q == wanted) then out[#out + 1] = q end
    end
    return out
end

-- What is assigned to the scope's account in offices that it does not have. Few: they are exceptions.
local ELSEWHERE_MAX = 2000
local function elsewhere(P, S, visit)
    local left = ELSEWHERE_MAX
    for i = 1, #OPEN do
        local mine = redis.call('ZRANGE', P .. 'a:' .. S.who .. ':' .. OPEN[i], 0, left - 1)
        left = left - #mine
        for j = 1, #mine do
            local q = redis.call('HGET', P .. 't:' .. mine[j], 'q')
            if q and not S.of[q] then visit(mine[j], q, OPEN[i]) end
        end
        if left <= 0 then break end
    end
end

local function keys_of(S, view, states, user, qs)
    local keys, set = {}, BY_SET[view]
    local function add(prefix)
        for i = 1, #states do keys[#keys + 1] = prefix .. ':' .. states[i] end
    end
    if view == 'mine' then
        add('a:' .. user)
        return keys
    end
    for i = 1, #qs do
        if set then keys[#keys + 1] = set .. qs[i]
        elseif view == 'unassigned' then add('a:/' .. qs[i])
        else add('i:' .. qs[i]) end
    end
    -- both indexes have the same scores, so that the merged order is right
    if S and not set and view ~= 'unassigned' and view ~= 'queue' then add('a:' .. S.who) end
    return keys
end

-- now view state user scope before_score before_number limit offices wanted -> {cursor, rows}
local function list(K, A)
    local P, view, S, limit = K[1], A[2], scope_of(A[5]), num_of(A[8])
    local score, last, up, edge = A[6], A[7], view == 'overdue' or view == 'due_soon', '-inf'
    local states = STATE_OF_VIEW[view] and {STATE_OF_VIEW[view]} or A[3] ~= '' and {A[3]} or OPEN
    if up then
        if score == '+inf' then score = view == 'overdue' and '-inf' or '(' .. A[1] end
        edge = view == 'overdue' and A[1] or '+inf'
    end
    local all, known = merge(P, keys_of(S, view, states, A[4], offices(S, A[9], A[10])), score, last, limit, up, edge)
    local set = BY_SET[view]
    if S and (set or view == 'queue') then
        elsewhere(P, S, function(num, q, st)
            if A[10] ~= '' and q ~= A[10] or known[num] then return end
            local is_asked = false
            for i = 1, #states do is_asked = is_asked or states[i] == st end
            local s = (set or is_asked) and redis.call('ZSCORE', P .. (set and set .. q or 'i:' .. q .. ':' .. st), num)
            if not s then return end
            local at, from = num_of(s), num_of(score)
            local to = num_of(edge)
            if up and to and at > to or view == 'due_soon' and at <= num_of(A[1]) then return end
            if last ~= '' and (up and (at < from or at == from and num <= last) or not up and (at > from or at == from and num >= last)) then
                return
            end
            all[#all + 1] = {at, num}
        end)
    end
    in_order(all, up)
    local rows = {}
    for i = 1, math.min(limit, #all) do
        local row = summary(P, all[i][2])
        if row and may_see(S, row[3], row[4]) then rows[#rows + 1] = row end
    end
    return {#all > limit and cursor_at(all[limit]) or '', rows}
end

local OUT_FAILED, OUT_WAITING = {'failed', 'in_doubt'}, {'queued', 'retry'}
local OUT_LOOK_MAX = 1000
-- With a scope at most 1000 of each state are looked at.
local function out_count(P, S, states)
    local n = 0
    for i = 1, #states do
        local key = P .. 'ob:' .. states[i]
        if S then
            local ids = redis.call('ZREVRANGE', key, 0, OUT_LOOK_MAX - 1)
            for j = 1, #ids do
                if sees(P, S, match(ids[j], '^[^/]+')) then n = n + 1 end
            end
        else
            n = n + redis.call('ZCARD', key)
        end
    end
    return n
end

-- now user scope offices -> {mine, unassigned, unanswered, overdue, due_soon, waiting, reminder, all, failed, outgoing,
-- {office, n ...}}
local function counts(K, A)
    local P, call, now, S = K[1], redis.call, A[1], scope_of(A[3])
    local n = {mine = 0, unassigned = 0, unanswered = 0, overdue = 0, due_soon = 0, waiting = 0, reminder = 0, all = 0}
    local qs, by_office = offices(S, A[4], ''), {}
    for i = 1, #qs do
        local q, sum = qs[i], 0
        for k = 1, #OPEN do
            local c = call('ZCARD', P .. 'i:' .. q .. ':' .. OPEN[k])
            sum = sum + c
            if n[OPEN[k]] then n[OPEN[k]] = n[OPEN[k]] + c end
            n.unassigned = n.unassigned + call('ZCARD', P .. 'a:/' .. q .. ':' .. OPEN[k])
        end
        local known, late = call('ZCARD', P .. 'du:' .. q), call('ZCOUNT', P .. 'du:' .. q, '-inf', now)
        n.unanswered = n.unanswered + call('ZCARD', P .. 'un:' .. q)
        n.overdue, n.due_soon, n.all = n.overdue + late, n.due_soon + known - late, n.all + sum
        by_office[2 * i - 1], by_office[2 * i] = q, sum
    end
    for k = 1, #OPEN do n.mine = n.mine + call('ZCARD', P .. 'a:' .. A[2] .. ':' .. OPEN[k]) end
    if S then
        elsewhere(P, S, function(num, q, st)
            local at = call('ZSCORE', P .. 'du:' .. q, num)
            n.all = n.all + 1
            if n[st] then n[st] = n[st] + 1 end
            if call('ZSCORE', P .. 'un:' .. q, num) then n.unanswered = n.unanswered + 1 end
            if at and num_of(at) <= num_of(now) then n.overdue = n.overdue + 1 elseif at then n.due_soon = n.due_soon + 1 end
        end)
    end
    return {n.mine, n.unassigned, n.unanswered, n.overdue, n.due_soon, n.waiting, n.reminder, n.all,
        out_count(P, S, OUT_FAILED), out_count(P, S, OUT_WAITING), by_office}
end

-- states "a,b" before_score before_id limit scope -> {cursor, {id, d, channel type.., face, wrapped}}; a page may be short
local function outbox(K, A)
    local P, keys, rows, limit, S, is_asked, has = K[1], {}, {}, num_of(A[4]), scope_of(A[5]), {}, {}
    for st in gmatch(A[1], '[^,]+') do
        is_asked[st] = true
        if not has[LIST[st]] then keys[#keys + 1], has[LIST[st]] = 'ob:' .. LIST[st], true end
    end
    local score, last, looked = A[2], A[3], 0
    while true do
        local all = merge(P, keys, score, last, limit, false, '-inf')
        in_order(all)
        for i = 1, math.min(limit, #all) do
            local num, n = match(all[i][2], '^(.-)/(%d+)$')
            looked, score, last = looked + 1, fmt('%.0f', all[i][1]), all[i][2]
            local row = redis.call('HGET', P .. 'd:' .. num, n) or ''
            if is_asked[match(row, '^[^\t]*')] and sees(P, S, num) then
                rows[#rows + 1] = {num, num_of(n), row, summary(P, num)}
                if #rows == limit then return {i < #all and cursor_at(all[i]) or '', rows} end
            end
        end
        if #all <= limit then return {'', rows} end
        if looked >= OUT_LOOK_MAX then return {cursor_at({num_of(score), last}), rows} end
    end
end

-- scope before_score before_number limit words... : newest first, the rarest word leads
local function search(K, A)
    local P, S, limit, keys = K[1], scope_of(A[1]), num_of(A[4]), {}
    for i = 5, #A do keys[#keys + 1] = {redis.call('ZCARD', P .. 'w:' .. A[i]), P .. 'w:' .. A[i]} end
    table.sort(keys, function(a, b) return a[1] < b[1] end)
    local rows, cursor, looked, offset = {}, '', 0, 0
    while #rows < limit and looked < 5000 do
        local r = redis.call('ZRANGE', keys[1][2], A[2], '-inf', 'BYSCORE', 'REV', 'LIMIT', offset, 200, 'WITHSCORES')
        offset = offset + 200
        for j = 1, #r, 2 do
            -- tickets of the same millisecond are told apart by their number
            if A[3] == '' or num_of(r[j + 1]) < num_of(A[2]) or r[j] < A[3] then
                looked = looked + 1
                cursor = r[j + 1] .. ':' .. r[j]
                local all = true
                for k = 2, #keys do all = all and redis.call('ZSCORE', keys[k][2], r[j]) end
                if all and sees(P, S, r[j]) then rows[#rows + 1] = summary(P, r[j]) end
                if #rows >= limit then break end
            end
        end
        if #r < 400 and #rows < limit then cursor = '' break end
    end
    return {cursor, rows}
end

-- scope address hashes... -> summaries of these contacts' tickets, the newest 50 of each
local function by_address(K, A)
    local P, S, out = K[1], scope_of(A[1]), {}
    for i = 2, #A do
        local c = redis.call('GET', P .. 'ad:' .. A[i])
        local all = c and numbers_of(P, S, c) or ''
        for num in gmatch(sub(all, -600), '%d%d%d%d%-%d+') do out[#out + 1] = summary(P, num) end
    end
    return out
end
