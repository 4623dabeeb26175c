-- SPDX-License-Identifier: EUPL-1.2
-- delivery: one tab-separated row a message in the hash d:<ticket>, and the queue of a ticket.

-- state attempt next at part owner channel lease undo seq auto created reason
local ROW = '^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$'
local function row_read(P, num, n)
    local s = redis.call('HGET', P .. 'd:' .. num, n)
    if not s then return nil end
    local st, attempt, nxt, at, part, owner, ch, lease, undo, seq, auto, created, reason = match(s, ROW)
    return {state = st, attempt = num_of(attempt), next = nxt, at = at, part = part, owner = owner, ch = ch,
        lease = lease, undo = undo, seq = seq, auto = auto, created = created, reason = reason, old = st}
end

local function row_write(P, num, n, D)
    local id = num .. '/' .. n
    local had, has = LIST[D.old], LIST[D.state]
    if had ~= has then
        if had then redis.call('ZREM', P .. 'ob:' .. had, id) end
        if has then redis.call('ZADD', P .. 'ob:' .. has, D.created, id) end
    end
    D.old = D.state
    local row = concat({D.state, int(D.attempt), D.next, D.at, D.part, D.owner, D.ch, D.lease,
        D.undo, D.seq, D.auto, D.created, D.reason}, '\t')
    redis.call('HSET', P .. 'd:' .. num, n, row)
    return row
end

-- Only the head of a ticket's queue is ever due: that keeps the order.
local function offer_head(P, num, now)
    local n = redis.call('LINDEX', P .. 'oq:' .. num, 0)
    if not n then return end
    local D = row_read(P, num, n)
    local due = num_of(D.next) > num_of(now) and D.next or now
    redis.call('ZADD', P .. 'due:' .. D.ch, due, num .. '/' .. n)
end

-- set: where the message stands: 'ls' while it is being sent, 'due:<channel>' before that.
local function leave_queue(P, num, n, set, now)
    redis.call('ZREM', P .. set, num .. '/' .. n)
    redis.call('LREM', P .. 'oq:' .. num, 1, n)
    offer_head(P, num, now)
end

local function cancel_row(P, num, n, D, now)
    D.state, D.at = 'cancelled', now
    row_write(P, num, n, D)
    leave_queue(P, num, n, 'due:' .. D.ch, now)
end

-- A mail beside the conversation, off the ticket's queue so that it holds up nothing: auto is '2', seq is the number
-- of the reply that it stands in for.
local function enqueue_aside(P, num, n, ch, now, due, about)
    local row = row_write(P, num, n, {state = 'queued', attempt = 0, next = due, at = now, part = '0', owner = '', ch = ch,
        lease = '0', undo = '0', seq = about, auto = '2', created = now, reason = ''})
    redis.call('ZADD', P .. 'due:' .. ch, due, num .. '/' .. n)
    return row
end

local function enqueue(P, num, n, ch, now, due, undo, auto)
    local D = {state = 'queued', attempt = 0, next = due, at = now, part = '0', owner = '', ch = ch, lease = '0',
        undo = undo, seq = '0', auto = auto, created = now, reason = ''}
    local row = row_write(P, num, n, D)
    if redis.call('RPUSH', P .. 'oq:' .. num, n) == 1 then
        redis.call('ZADD', P .. 'due:' .. ch, due, num .. '/' .. n)
    end
    return row
end
