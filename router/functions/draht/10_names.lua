#!lua name=draht_v1
-- SPDX-License-Identifier: EUPL-1.2
-- draht: every change of state is one function of this library. KEYS[1] is the shard's prefix "draht:{s}:";
-- all keys made here share its hash tag. docs/data-model.md describes keys and fields. No content is read
-- here: messages, faces and reasons are sealed bytes.

-- Redis shows Lua's own libraries only while a function runs, so the first call fetches them.
local fmt, sub, find, match, gmatch, concat, num_of
local function fetch_names()
    fmt, sub, find, match, gmatch = string.format, string.sub, string.find, string.match, string.gmatch
    concat, num_of = table.concat, tonumber
end

-- Lua and Redis write a number by its seventeen digits; this is what a whole one costs.
local function int(x)
    return fmt('%d', x)
end

-- One more with each release that adds a function or changes what one does: gateways of older releases then leave it
-- loaded. A function whose arguments or answers change gets a new name (_2), and the old one stays for a release.
local LIBRARY_VERSION = 3

local STREAM_MAX, ITEMS_MAX, CONTACT_MAX = '200000', 5000, 4096
local DEDUPE_S, CLIENT_S, RECEIPT_S, UNDO_S = '3456000', '604800', '7776000', '3600'
-- In which list ob:* an undelivered message stands. A send under way stays where it was queued.
local LIST = {queued = 'queued', sending = 'queued', retry = 'retry', failed = 'failed', in_doubt = 'in_doubt'}

-- th, seq: the conversation and the position in it that the event is about, 0: none
local function event(P, now, what, num, n, ch, queue, actor, info, th, seq)
    redis.call('XADD', P .. 'stream', 'MAXLEN', '~', STREAM_MAX, '*', 'v', '1', 'type', what, 'ticket', num, 'n', n,
        'channel', ch or '', 'queue', queue or '', 'actor', actor or '', 'at', now, 'info', info or '', 'thread', th or '', 'seq', seq or '0')
end
