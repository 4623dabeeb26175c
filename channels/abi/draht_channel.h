/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * draht_channel: the border between Draht and a channel. A channel (built in, shared object, or a
 * program behind channels/exec) implements draht_channel_ops; Draht offers draht_host. C only,
 * self-contained. All calls happen on the loop thread and must not block.
 *
 *   borrowed  valid during the call only        copied    the callee keeps its own copy
 *   taken     ownership passes, also on failure returned  the caller releases it
 *
 * Every struct that crosses begins with its size: the reader zero-extends what the writer did not
 * know, so zero always means "not given".
 */
#ifndef DRAHT_CHANNEL_H
#define DRAHT_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#define DRAHT_ABI_MAJOR 1

struct draht_span {
    const char *p;
    size_t n;
};

/* Settings of a channel type, one row a key; ended by a row without a name. */
enum draht_option_type {
    DRAHT_OPT_STRING,
    DRAHT_OPT_INT,
    DRAHT_OPT_BOOL,
    DRAHT_OPT_ENUM,
    DRAHT_OPT_LIST,
    DRAHT_OPT_TREE /* anything, as JSON; scalars are strings, the channel checks it */
};
#define DRAHT_OPT_REQUIRED 1u
#define DRAHT_OPT_SECRET 2u
#define DRAHT_OPT_RELOAD 4u
struct draht_option {
    const char *name;
    enum draht_option_type type;
    const char *fallback; /* default as text; NULL: empty */
    long long min, max;   /* INT: range; STRING: length; LIST: number of items */
    const char *values;   /* ENUM: "a|b|c" */
    unsigned flags;
    const char *help;
};

/* What the channel can do. */
#define DRAHT_CAP_ATTACHMENTS 1u
#define DRAHT_CAP_DELIVERED 2u /* reports delivery */
#define DRAHT_CAP_READ 4u      /* reports reading */
#define DRAHT_CAP_IDEMPOTENT                                                                       \
    8u /* sending the same message id again is harmless: never in doubt                            \
        */
#define DRAHT_CAP_HISTORY                                                                          \
    16u /* the citizen sees the conversation: thread sequence numbers are kept */
#define DRAHT_CAP_TYPING 32u
#define DRAHT_CAP_SUBJECT 64u
#define DRAHT_CAP_FIRST 128u /* can write to an address that did not write first */
#define DRAHT_CAP_UNTHREADED                                                                       \
    256u /* looks at neither in_reply_to nor references: both stay empty, and nobody has to read   \
            the earlier messages for them */

struct draht_attachment {
    uint32_t size;
    struct draht_span name, type; /* safe base name; media type by sniffing if the host did it */
    struct draht_span bytes;      /* inbound: borrowed content, or empty when blob is given */
    struct draht_span blob;       /* name of a stored blob (from blob_put or in outbound) */
    uint64_t length;
    struct draht_span content_id; /* inline images of mails, without <> */
};

/* One thread hint: where a message belongs. Tried in order, first hit wins. */
enum draht_thread_kind {
    DRAHT_THREAD_TICKET =
        1, /* value is a ticket number that the channel has verified (token, own Message-ID) */
    DRAHT_THREAD_KEY =
        2, /* value is a conversation or provider id; found when it was recorded before */
    DRAHT_THREAD_TICKET_IF_KNOWN =
        3 /* a ticket number that counts only when the sender belongs to it */
};
struct draht_thread_hint {
    uint32_t kind;
    struct draht_span value;
};

struct draht_inbound { /* channel to host; borrowed, the host copies before accept returns */
    uint32_t size;
    struct draht_span external_id; /* provider's id, key of deduplication; required */
    struct draht_span sender;      /* address in this channel's notation; required */
    struct draht_span sender_name;
    struct draht_span recipient; /* address at the city's side, for rules and dedupe */
    struct draht_span subject;
    struct draht_span text;        /* valid UTF-8 or empty */
    struct draht_span text_quoted; /* folded history below the text, or empty */
    struct draht_span html;        /* as received, unsanitised, or empty */
    struct draht_span language;    /* BCP 47 when the citizen chose it */
    struct draht_span thread; /* conversation key; recorded, so that KEY hints find the ticket */
    const struct draht_thread_hint *hints;
    size_t hints_n;
    const struct draht_attachment *attachments;
    size_t attachments_n;
    struct draht_span original; /* raw bytes as received (mail), stored sealed with their SHA-256 */
    int64_t sent_ms;            /* the sender's clock; 0: unknown */
    uint32_t flags;
    struct draht_span warnings;   /* JSON array of strings for staff, or empty */
    struct draht_span status_url; /* where the citizen sees the state of it, for automatic texts */
};
#define DRAHT_IN_AUTOMATIC 1u         /* an automatic message: kept, never answered automatically */
#define DRAHT_IN_SENDER_UNVERIFIED 2u /* valid thread but another address */
#define DRAHT_IN_SYSTEM 4u            /* note for staff (a bounce that matched nothing) */

struct draht_accepted { /* borrowed during the completion */
    uint32_t size;
    int duplicate;             /* 1: it was taken in before; the ids are those of then */
    struct draht_span ticket;  /* public number */
    struct draht_span message; /* message id "<ticket>.<n>" */
    uint64_t thread_seq;       /* position in the conversation (DRAHT_CAP_HISTORY), from 1 */
    int64_t stored_ms;
};
/* status 0: durable. Negative: nothing was stored; retryable unless DRAHT_E_REJECTED. */
typedef void (*draht_accept_fn)(void *arg, int status, const struct draht_accepted *a);
#define DRAHT_E_UNAVAILABLE (-1) /* try again later (451, 503, ...) */
#define DRAHT_E_REJECTED (-2)    /* will never be accepted (limits) */

struct draht_outbound { /* host to channel; borrowed until its token is settled */
    uint32_t size;
    struct draht_span message; /* stable id, the same in every attempt: "<ticket>.<n>" */
    struct draht_span ticket;
    uint32_t attempt; /* from 1 */
    uint32_t part;    /* earlier parts were accepted already */
    struct draht_span recipient, recipient_name, thread;
    struct draht_span sender_name; /* named contact or office */
    struct draht_span subject, text, html;
    struct draht_span in_reply_to;       /* external id of the citizen's latest message */
    const struct draht_span *references; /* external ids, oldest first */
    size_t references_n;
    const struct draht_attachment *attachments; /* bytes are loaded */
    size_t attachments_n;
    uint64_t thread_seq;
    int64_t created_ms;
    uint32_t flags;
    struct draht_span language;
};
#define DRAHT_OUT_AUTOMATIC 1u

enum draht_verdict {
    DRAHT_SENT = 1,
    DRAHT_RETRY,
    DRAHT_REJECTED,
    DRAHT_OPTED_OUT,
    DRAHT_MISCONFIGURED,
    DRAHT_IN_DOUBT /* the request went out whole and no answer came */
};
enum draht_receipt_state {
    DRAHT_RECEIPT_SENT = 1,
    DRAHT_RECEIPT_DELIVERED,
    DRAHT_RECEIPT_READ,
    DRAHT_RECEIPT_FAILED
};
struct draht_receipt {
    uint32_t size;
    struct draht_span
        external_id;           /* id the provider gave in part_done; or empty with message given */
    struct draht_span message; /* our id "<ticket>.<n>" */
    uint32_t state;
    struct draht_span reason; /* failed: a sentence */
    uint32_t is_permanent;
    int64_t at_ms;
};

/* A line of a conversation, for channels that show it to the citizen. */
struct draht_history_item {
    uint32_t size;
    uint64_t thread_seq;
    int from_citizen;
    struct draht_span message, external_id, text, sender_name;
    int64_t at_ms;
    const struct draht_attachment *attachments; /* name, type, length, blob; no bytes */
    size_t attachments_n;
    uint32_t state; /* enum draht_receipt_state of our messages */
    uint32_t flags; /* DRAHT_OUT_AUTOMATIC */
};
typedef void (*draht_history_fn)(void *arg, int status, const struct draht_history_item *items,
                                 size_t n);

struct draht_http_request { /* borrowed until http_respond */
    uint32_t size;
    struct draht_span method, path, rest, body, peer;
    void *impl;
};
struct draht_token; /* one send under way */
struct draht_http;  /* one HTTP request under way */
struct draht_timer;
struct draht_socket; /* one WebSocket */

typedef void (*draht_done_fn)(void *arg, int status);
typedef void (*draht_state_fn)(void *arg, int status,
                               struct draht_span value); /* absent: status 0, p NULL */
typedef void (*draht_blob_fn)(void *arg, int status, struct draht_span blob_or_bytes);

/* 0: clean; 1: finding names what was found; negative: nobody looked at it (DRAHT_E_UNAVAILABLE).
 */
typedef void (*draht_scan_fn)(void *arg, int status, struct draht_span finding);

struct draht_socket_ops {
    uint32_t size;
    /* 0, or an HTTP status that refuses. origin p NULL: header absent. */
    int (*handshake)(void *channel, struct draht_span origin, struct draht_span peer);
    void *(*open)(void *channel, struct draht_socket *s);
    void (*text)(void *user, struct draht_span text);
    void (*close)(void *user);
};
struct draht_http_answer {
    uint32_t size;
    int status, error; /* error != 0: no answer */
    struct draht_span body;
    int64_t retry_after_ms; /* from Retry-After, -1: none */
    struct draht_span head; /* status line and headers of the last answer, as received */
    int is_unsent; /* with error: nothing of the request went out, so that it may be repeated */
};
typedef void (*draht_http_answer_fn)(void *arg, const struct draht_http_answer *a);
typedef void (*draht_http_route_fn)(void *channel, struct draht_http *x);

/* A request with more than http_request offers. Everything is copied. */
struct draht_http_call {
    uint32_t size;
    const char *method, *url;
    const char *const *headers; /* "Name: value", NULL-terminated, or NULL */
    struct draht_span body;
    uint32_t timeout_ms; /* of the whole request, 0: 30,000; with on_chunk: the longest silence */
    uint64_t answer_max; /* bytes, 0: 1 MiB; with on_chunk without effect */
    uint32_t flags;
    /* Given: the answer's body comes here as it arrives (status 200 only), not in done. */
    void (*on_chunk)(void *arg, struct draht_span bytes);
    draht_http_answer_fn done; /* exactly once, later; not after http_cancel */
    void *arg;
};
/* The operator named this address in the configuration: it may lie in a private network. Never for
 * an address that came in with a message. */
#define DRAHT_HTTP_OPERATOR 1u
#define DRAHT_HTTP_REDIRECT 2u /* follows up to five, each guarded anew */
/* Never repeated on the way, not even when a kept connection turns out to be dead: for requests
 * whose repetition would do harm. */
#define DRAHT_HTTP_ONCE 4u
struct draht_http_run; /* one of them under way; valid until done or http_cancel */

/* A mail beside a conversation of this channel. Borrowed. */
struct draht_aside {
    uint32_t size;
    struct draht_span ticket;    /* of the conversation */
    struct draht_span recipient; /* mail address */
    struct draht_span text, sender_name;
    struct draht_span key;   /* makes it happen once within a week; not with about */
    struct draht_span about; /* our message id that this mail stands in for: sent at most once, and
                              * not when that is read by then or ops->is_present says so */
    uint64_t delay_ms;
};

/* A ticket as far as its channel may know it. */
struct draht_ticket {
    uint32_t size;
    struct draht_span number, tags; /* tags: separated by commas */
    int is_closed, is_erased;       /* erased: nothing of what was written may be shown any more */
    int64_t updated_ms;
};
typedef void (*draht_tickets_fn)(void *arg, int status, const struct draht_ticket *tickets,
                                 size_t n);
typedef void (*draht_ranked_fn)(void *arg, int status, const struct draht_span *values, size_t n);

/* What files a reply may carry. A file of no kind is refused. */
struct draht_file_kind {
    struct draht_span types; /* media types, separated by blanks; "image/" + star: all of
                                them; a star alone: any */
    uint64_t bytes_max;      /* of one file, 0: no limit of its own */
};
#define DRAHT_FILE_KINDS_MAX 16
struct draht_files {
    uint32_t size;
    uint32_t count_max; /* files in one reply, 0: no limit of the channel's own */
    uint64_t total_max; /* bytes of all of them together, 0: the same */
    const struct draht_file_kind *kinds;
    size_t kinds_n; /* 0: any kind; at most DRAHT_FILE_KINDS_MAX */
};

/* How the text of a reply goes out. */
enum draht_text_unit {
    DRAHT_TEXT_POINTS, /* code points */
    DRAHT_TEXT_UTF16,
    DRAHT_TEXT_BYTES,
    DRAHT_TEXT_SMS /* parts of 140 octets: GSM 03.38, or UTF-16 when the text needs it */
};
#define DRAHT_TEXT_PLAIN (1u << 0)  /* SMS: typographic quotes, dashes and the like become plain */
#define DRAHT_TEXT_LATIN1 (1u << 1) /* SMS: what ISO 8859-1 lacks needs UTF-16, too */
struct draht_text {
    uint32_t size;
    uint32_t unit;         /* enum draht_text_unit */
    uint32_t message_max;  /* units of one message, longer replies go out as several; 0: no limit.
                              Not for SMS */
    uint32_t messages_max; /* messages (SMS: parts) of one reply; 0: no limit */
    uint32_t header_bytes; /* SMS: octets that each of several parts needs itself; 0: 6 */
    uint32_t flags;
    uint32_t window_hours; /* how long replies go out freely; 0: as the table has it */
    uint32_t late_max; /* code points of a reply after that, one paragraph without files; 0: none
                          goes out */
};

struct draht_host {
    uint32_t size;
    /* in */
    void (*accept)(void *host, const struct draht_inbound *m, draht_accept_fn done,
                   void *arg); /* done: exactly once, later */
    void (*receipt)(void *host, const struct draht_receipt *r, draht_done_fn done,
                    void *arg); /* done may be NULL */
    /* out */
    void (*part_done)(struct draht_token *t, uint32_t part, struct draht_span external_id);
    void (*settle)(struct draht_token *t, enum draht_verdict v, struct draht_span reason,
                   uint64_t retry_ms);
    /* conversation: items after after_seq, oldest first, at most limit (max 200) */
    void (*history)(void *host, struct draht_span thread, uint64_t after_seq, uint32_t limit,
                    draht_history_fn done, void *arg);
    void (*typing)(void *host, struct draht_span thread,
                   int is_typing); /* citizen types; never stored */
    void (*read_mark)(void *host, struct draht_span thread, uint64_t up_to_seq);
    /* blobs: put is durable when done says 0 and hands a name; get hands bytes */
    void (*blob_put)(void *host, struct draht_span bytes, draht_blob_fn done, void *arg);
    void (*blob_get)(void *host, struct draht_span blob, draht_blob_fn done, void *arg);
    /* small persistent state of this channel: key <= 200 bytes, value <= 64 KiB, ttl_ms 0: forever
     */
    void (*state_set)(void *host, struct draht_span key, struct draht_span value, uint64_t ttl_ms,
                      draht_done_fn done, void *arg);
    void (*state_get)(void *host, struct draht_span key, draht_state_fn done, void *arg);
    void (*state_del)(void *host, struct draht_span key, draht_done_fn done, void *arg);
    /* an exclusive right across gateways, renewed by the host: on_change(1) held, (0) lost */
    int (*lease)(void *host, struct draht_span name, void (*on_change)(void *channel, int held));
    /* HTTP server. path below /channels/<id>/ when it starts with '/', ending in a star: prefix;
     * "abs:/x" is absolute (built-in only) */
    int (*route)(void *host, const char *methods, const char *path, size_t body_max,
                 draht_http_route_fn fn);
    int (*socket_route)(void *host, const char *path, const char *protocol,
                        const struct draht_socket_ops *ops);
    struct draht_span (*http_method)(struct draht_http *x);
    struct draht_span (*http_path)(struct draht_http *x);
    struct draht_span (*http_rest)(struct draht_http *x);
    struct draht_span (*http_query)(struct draht_http *x, const char *name);
    struct draht_span (*http_header)(struct draht_http *x, const char *name);
    struct draht_span (*http_body)(struct draht_http *x);
    struct draht_span (*http_peer)(struct draht_http *x);
    void (*http_set_header)(struct draht_http *x, const char *name, const char *value);
    void (*http_respond)(struct draht_http *x, int status, const char *content_type,
                         struct draht_span body);
    int (*socket_send)(struct draht_socket *s,
                       struct draht_span text); /* copied; negative: being closed */
    void (*socket_close)(struct draht_socket *s, int code, const char *reason);
    struct draht_span (*socket_peer)(struct draht_socket *s);
    /* HTTP client (egress guard on) */
    int (*http_request)(void *host, const char *method, const char *url, const char *const *headers,
                        struct draht_span body, uint32_t timeout_ms, draht_http_answer_fn done,
                        void *arg);
    /* time */
    int64_t (*now_ms)(void *host);
    struct draht_timer *(*timer)(void *host, uint64_t delay_ms, uint64_t repeat_ms,
                                 void (*fn)(void *arg), void *arg);
    void (*timer_stop)(struct draht_timer *t);
    /* secrets derived for this channel: 32 bytes HMAC-SHA256 */
    void (*mac)(void *host, struct draht_span text, uint8_t out[32]);
    void (*random)(void *out, size_t n);
    /* facts for texts: "city.name", "city.phone", "privacy.url", "imprint.url",
     * "accessibility.url", "hours.open" ("1"/"0"), "hours.next" (RFC 3339), "answer.due" (RFC 3339
     * of the expected first answer), "public.url", "attachment.max_bytes", "text.max",
     * "locale.<lang>.<key>". Borrowed until the next call; p NULL: unknown. */
    struct draht_span (*fact)(void *host, const char *name);
    void (*log)(void *host, int level, const char *event,
                const char *text); /* level 0 debug .. 3 error */
    /* health, shown to operators: 1 up, 0 down with a sentence */
    void (*health)(void *host, int is_up, const char *sentence);
    /* built-in channels only (NULL for others): the loop and its helpers */
    void *(*builtin)(void *host,
                     const char *what); /* "loop": struct loop *, "transfers": struct transfers * */
    /* Looks for malware with the ClamAV daemon of the channel's option "clamd". bytes: copied.
     * done: exactly once, later. */
    void (*scan)(void *host, struct draht_span bytes, draht_scan_fn done, void *arg);
    /* HTTP client with streaming, larger answers, redirects. NULL: refused at once (the URL is not
     * http or https), done is not called. Requests under way end when the channel is closed. */
    struct draht_http_run *(*http_call)(void *host, const struct draht_http_call *call);
    void (*http_cancel)(struct draht_http_run *run);
    /* Sends a mail through the first mail channel; the answer to it comes into the ticket. done:
     * exactly once, later; DRAHT_E_REJECTED: there is no mail channel, or nothing to send. */
    void (*aside)(void *host, const struct draht_aside *m, draht_done_fn done, void *arg);
    /* Small state in order. state_rank names a key of state_set in an index under a score (a time);
     * the same key again moves it; entries below cut leave the index (0: none do). state_ranked
     * hands the values whose score lies in min..max, highest first, skip of them left out, at most
     * limit (max 200); one that has ended is p NULL. */
    void (*state_rank)(void *host, struct draht_span index, struct draht_span key, int64_t score,
                       int64_t cut, draht_done_fn done, void *arg);
    void (*state_ranked)(void *host, struct draht_span index, int64_t min, int64_t max,
                         uint32_t skip, uint32_t limit, draht_ranked_fn done, void *arg);
    /* How tickets of this channel are doing, at most 200 numbers; unknown ones are left out. */
    void (*tickets)(void *host, const struct draht_span *numbers, size_t n, draht_tickets_fn done,
                    void *arg);
    /* What the channel can do, when only its peer knows: said before health says 1; replaces the
     * table's caps, text_max and concurrency (0: as before). */
    void (*offer)(void *host, uint32_t caps, uint32_t text_max, uint32_t concurrency);
    /* A conversation that somebody looks at. While is_on, ops->notify hears of what any gateway on
     * the same store, another channel or this one does to it: "items", "was_read", "seen" and the
     * others. Once for each thread, however often it is said; ends with the channel. */
    void (*watch)(void *host, struct draht_span thread, int is_on);
    /* Limits of files with DRAHT_CAP_ATTACHMENTS, shown to staff before they send; the channel
     * still refuses what is beyond them. files: copied; the latest call counts. */
    void (*files)(void *host, const struct draht_files *files);
    /* Whoever has this conversation under watch, at any gateway and here too, gets notify with
     * "told" and the word as detail. word: a to z and _, at most 32 bytes, others are dropped;
     * copied. Lost while the store is away, so it only ever quickens what holds anyway. */
    void (*tell)(void *host, struct draht_span thread, struct draht_span word);
    /* Limits of texts, shown to staff before they send instead of the table's text_max; the channel
     * still refuses what is beyond them. text: copied; the latest call counts. */
    void (*text)(void *host, const struct draht_text *text);
    /* Of a conversation under host->watch: notify also says "place", with as detail how many others
     * of the same office wait for an answer before it, or empty when it waits for none; at first
     * soon, then when it changes, at most every 3 seconds. Ends with the watch. */
    void (*watch_place)(void *host, struct draht_span thread, int is_on);
};

struct draht_channel_ops {
    uint32_t size;
    uint32_t caps;
    const char *type;
    const struct draht_option *options;
    uint32_t text_max;           /* code points per reply, 0: no limit */
    uint32_t concurrency;        /* sends at once */
    uint32_t reply_window_hours; /* 0: none */
    /* life: *channel_out is the channel's state. open must not do I/O. 0 or negative with a
     * sentence in err (256 bytes). */
    int (*open)(const struct draht_host *h, void *host, const char *id, const char *options_json,
                void **channel_out, char *err);
    int (*start)(void *channel, char *err); /* listens, connects */
    void (*stop)(void *channel, draht_done_fn done,
                 void *arg);      /* no new input, drain; done exactly once */
    void (*close)(void *channel); /* frees; no calls afterwards */
    /* work: 1 settled already, 0 will be settled, negative: the host settles with RETRY */
    int (*send)(void *channel, const struct draht_outbound *m, struct draht_token *t);
    void (*typing)(void *channel, struct draht_span thread, struct draht_span who,
                   int is_typing); /* staff types; may be NULL */
    /* ticket closed, reopened, assigned, its citizen erased (drop what you keep of it); may be
     * NULL. what: "closed" "open" "agent" "erased", and "read": staff have seen all of it. Only of
     * conversations under host->watch: "items" (something stands at the position in detail: ask
     * history for what you have not shown; it may be your own), "was_read" (the citizen has read
     * the reply at the position in detail), "told" (the word in detail, by host->tell) and "place"
     * (host->watch_place). The same may be said twice; ignore others */
    void (*notify)(void *channel, struct draht_span thread, const char *what,
                   struct draht_span detail);
    /* raw input to one JSON object a line, no state touched (draht normalize). Returned malloc'd
     * text in *out; 0 or negative with err. */
    int (*normalize)(const char *raw, size_t n, char **out, char *err);
    /* apply changed options without restart: 0 applied, 1 needs restart; may be NULL */
    int (*reload)(void *channel, const char *options_json);
    /* 1: the citizen looks at this conversation right now; may be NULL */
    int (*is_present)(void *channel, struct draht_span thread);
};

typedef const struct draht_channel_ops *(*draht_plugin_fn)(uint32_t host_major);
/* A shared object exports: const struct draht_channel_ops *draht_channel_plugin(uint32_t
 * host_major); */

#endif
