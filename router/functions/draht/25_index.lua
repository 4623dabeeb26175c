-- SPDX-License-Identifier: EUPL-1.2
-- index: the sorted sets that a ticket stands in: office and state, person, unanswered, waiting chats, due.

-- When the first answer is due, as long as somebody waits for it; otherwise nil.
local CLOCK_RUNS = {new = true, open = true}
local function due_at(st, lo, du)
    local at = lo == '' and CLOCK_RUNS[st] and num_of(du)
    return at and at > 0 and at or nil
end

-- Due soon is the last quarter of the time, at least an hour. dw holds the ticket until the moment that comes next
-- (due soon, then overdue); du:<queue> from the first of them on.
local HOUR_MS = 3600000
local function due_start(P, num, q, now, due, created)
    now = num_of(now)
    local part = (due - num_of(created)) / 4
    local soon = due - (part > HOUR_MS and part or HOUR_MS)
    if soon <= now then redis.call('ZADD', P .. 'du:' .. q, due, num) end
    if due > now then redis.call('ZADD', P .. 'dw', soon > now and soon - soon % 1 or due, num) end
end

local function due_index(P, num, T, now, st, q, lo)
    local was, is = due_at(T.st, T.lo, T.du), due_at(st, lo, T.du)
    if was and (not is or q ~= T.q) then redis.call('ZREM', P .. 'du:' .. T.q, num) end
    if was and not is then redis.call('ZREM', P .. 'dw', num) end
    if is and (not was or q ~= T.q) then due_start(P, num, q, now, is, T.c) end
end

-- Nobody's tickets are kept by office, so that each office finds its own.
local function holder(as, q)
    return as == '' and '/' .. q or as
end

local function move(P, set, num, from, to)
    local score = redis.call('ZSCORE', P .. set .. from, num)
    redis.call('ZREM', P .. set .. from, num)
    if score then redis.call('ZADD', P .. set .. to, score, num) end
end

-- un: who waits for an answer, by the last message. cw: those of them who look at their conversation (hs), by since when.
local function unanswered(P, num, T, q, at)
    redis.call('ZADD', P .. 'un:' .. q, at, num)
    if T.hs == '1' then redis.call('ZADD', P .. 'cw:' .. q, 'NX', at, num) end
end
local function answered(P, num, T)
    redis.call('ZREM', P .. 'un:' .. T.q, num)
    if T.hs == '1' then redis.call('ZREM', P .. 'cw:' .. T.q, num) end
end

local function open_indexes(P, num, T, now, st, q, as, lo)
    local call, had, has = redis.call, holder(T.as, T.q), holder(as, q)
    if st ~= T.st or q ~= T.q then call('ZREM', P .. 'i:' .. T.q .. ':' .. T.st, num) end
    if st ~= T.st or has ~= had then call('ZREM', P .. 'a:' .. had .. ':' .. T.st, num) end
    call('ZADD', P .. 'i:' .. q .. ':' .. st, now, num)
    call('ZADD', P .. 'a:' .. has .. ':' .. st, now, num)
    if T.st == 'reminder' and st ~= 'reminder' then call('ZREM', P .. 'rm', num) end
    if st == 'closed' then
        answered(P, num, T)
    elseif q ~= T.q then
        move(P, 'un:', num, T.q, q)
        if T.hs == '1' then move(P, 'cw:', num, T.q, q) end
    end
    due_index(P, num, T, now, st, q, lo or T.lo)
end
