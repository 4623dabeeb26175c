/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * router: the rules of the house behind one door: intake of messages, tickets, replies, outbox,
 * receipts, the feed of the ticket stream, blobs, staff accounts. channels/host and gateway/api
 * call it; it knows neither. Upwards it speaks only through outbox_sender and feed_listener.
 */
#ifndef DRAHT_ROUTER_ROUTER_H
#define DRAHT_ROUTER_ROUTER_H

#include "config/config.h"
#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/crypto.h"
#include "gateway/base/json.h"
#include "gateway/net/loop.h"
#include "gateway/net/redis.h"

struct router;

/* ---- messages ---- */
struct attachment {
    struct span name, type, sha256 /* hex */, blob /* name in the blob store */, content_id;
    struct span
        bytes; /* inbound: content to store when blob is empty; outbound to channel: loaded */
    uint64_t length;
};
enum thread_hint_kind { HINT_TICKET = 1, HINT_KEY = 2, HINT_TICKET_IF_KNOWN = 3 };
struct thread_hint {
    enum thread_hint_kind kind;
    struct span value;
};
struct inbound {         /* all spans borrowed during intake_accept, which copies */
    const char *channel; /* instance id */
    const char *channel_type;
    struct span external_id, sender, sender_name, recipient, subject, text, text_quoted, html,
        language, thread, status_url;
    const struct thread_hint *hints;
    size_t hints_n;
    const struct attachment *attachments;
    size_t attachments_n;
    struct span original;
    int64_t sent_ms;
    bool is_automatic, is_unverified, is_system, has_history;
    bool is_by_staff; /* taken down by them: the address is whatever the citizen left */
    json_t *warnings; /* array or NULL, borrowed */
};
struct accepted {
    bool is_duplicate, is_new_ticket;
    char ticket[24];  /* public number "2026-000123" */
    char message[32]; /* "<ticket>.<n>" */
    uint64_t thread_seq;
    int64_t stored_ms;
};
typedef void (*accepted_fn)(void *arg, int error, const struct accepted *a);
/* Limits, blobs, rules, then ONE function call. done runs exactly once, later. 0: durable.
 * ERR_UNAVAILABLE, ERR_STORAGE, ERR_TIMEOUT, ERR_CLOSED: nothing is known to be stored, the peer
 * shall try again (dedupe makes that safe). ERR_TOO_LARGE, ERR_INVALID: never. */
void intake_accept(struct router *r, const struct inbound *m, accepted_fn done, void *arg);

/* ---- outbox (seam upwards: outbox_sender) ---- */
struct outbound { /* borrowed until send is settled */
    const char *channel, *message, *ticket;
    uint32_t attempt, part;
    struct span recipient, recipient_name, thread, sender_name, subject, text, html, in_reply_to,
        language;
    const struct span *references;
    size_t references_n;
    const struct attachment *attachments;
    size_t attachments_n;
    uint64_t thread_seq;
    int64_t created_ms;
    bool is_automatic;
    const char *stands_in; /* the channel whose unread reply this one stands in for, or NULL */
    struct span stands_in_thread;
};
enum verdict {
    V_SENT = 1,
    V_RETRY,
    V_REJECTED,
    V_OPTED_OUT,
    V_MISCONFIGURED,
    V_IN_DOUBT,
    V_NEEDLESS      /* nothing was sent, nor shall be: not a channel's verdict */
};                  /* = draht_verdict */
struct router_send; /* one claimed item, settled exactly once */
typedef void (*outbox_sender)(void *arg, const struct outbound *m, struct router_send *send);
/* Checkpoint of a part with the provider's id (copied). */
void router_part_done(struct router_send *s, uint32_t part, struct span external_id);
/* Final for this attempt; backoff decides what follows. Releases s and the outbound. */
void router_settle(struct router_send *s, enum verdict v, struct span reason, uint64_t retry_ms);
/* What the router must know of a channel before it claims for it. */
struct outbox_channel {
    const char *id, *type;
    uint32_t concurrency, rate_per_minute;
    bool is_idempotent, has_history, resend_in_doubt;
    bool is_unthreaded; /* references are not wanted */
};
void router_channel_up(struct router *r,
                       const struct outbox_channel *c);     /* starts claiming; copied */
void router_channel_down(struct router *r, const char *id); /* claims no more */

/* ---- receipts, history ---- */
enum receipt_state { RECEIPT_SENT = 1, RECEIPT_DELIVERED, RECEIPT_READ, RECEIPT_FAILED };
struct receipt {
    const char *channel;
    struct span external_id, message, reason; /* one of external_id, message */
    enum receipt_state state;
    bool is_permanent;
    int64_t at_ms;
};
typedef void (*router_done_fn)(void *arg, int error); /* ERR_NOT_FOUND: matches nothing of ours */
/* States never go backwards. A permanent failure reopens the ticket and says why. done may be NULL.
 */
void receipt_apply(struct router *r, const struct receipt *x, router_done_fn done, void *arg);
struct history_item {
    uint64_t thread_seq;
    bool from_citizen, is_automatic;
    struct span message, external_id, text, sender_name;
    int64_t at_ms;
    enum receipt_state state;
    const struct attachment *attachments;
    size_t attachments_n;
};
typedef void (*history_fn)(void *arg, int error, const struct history_item *items, size_t n);
/* What the citizen may see of a conversation (no notes, nothing unsent). */
void history_read(struct router *r, const char *channel, struct span thread, uint64_t after_seq,
                  uint32_t limit, history_fn done, void *arg);

/* ---- blobs ---- */
typedef void (*blob_fn)(void *arg, int error, struct span blob_or_bytes);
void blob_put(struct router *r, struct span bytes, blob_fn done,
              void *arg); /* bytes copied; durable; name back */
void blob_get(struct router *r, struct span blob, blob_fn done, void *arg);

/* ---- small state and leases of channels ---- */
void router_state_set(struct router *r, const char *channel, struct span key, struct span value,
                      uint64_t ttl_ms, router_done_fn done, void *arg);
typedef void (*router_state_fn)(void *arg, int error, struct span value); /* absent: 0 and p NULL */
void router_state_get(struct router *r, const char *channel, struct span key, router_state_fn done,
                      void *arg);
void router_state_del(struct router *r, const char *channel, struct span key, router_done_fn done,
                      void *arg);
/* The key's value found in order: see state_rank and state_ranked of the channel ABI. */
void router_state_rank(struct router *r, const char *channel, struct span index, struct span key,
                       int64_t score, int64_t cut, router_done_fn done, void *arg);
typedef void (*router_ranked_fn)(void *arg, int error, const struct span *values, size_t n);
void router_state_ranked(struct router *r, const char *channel, struct span index, int64_t min,
                         int64_t max, uint32_t skip, uint32_t limit, router_ranked_fn done,
                         void *arg);
struct router_lease;
struct router_lease *router_lease(struct router *r, const char *name,
                                  void (*on_change)(void *arg, bool held), void *arg);
void router_lease_drop(struct router_lease **l);

/* ---- staff side: everything as JSON, opened (decrypted), ready for the API ---- */
/* error as usual; v borrowed during the callback (json_incref to keep), NULL on error. */
typedef void (*router_json_fn)(void *arg, int error, json_t *v);

/* What somebody may see. NULL or "": everything. Otherwise the account and its offices, joined by
 * commas: the tickets of these offices, and those that are assigned to the account by name. */
bool ticket_scope_sees(const char *scope, const char *queue, const char *assignee);
/* ERR_NOT_FOUND: there is no such ticket, or the scope does not have it. */
void ticket_sees(struct router *r, const char *scope, const char *ticket, router_done_fn done,
                 void *arg);

struct ticket_query {
    const char *view; /* mine, unassigned, unanswered, overdue, due_soon, waiting, reminder,
                         closed, all, queue */
    const char *scope;
    const char *queue;  /* with view queue */
    const char *user;   /* staff id, for mine */
    const char *state;  /* "" : open ones (new open waiting reminder); or one state */
    const char *cursor; /* from the last page, or NULL */
    int limit;          /* 1..200 */
};
/* {tickets:[summary], next: cursor|null}. Summary: see gateway/api/contract.md. */
void ticket_list(struct router *r, const struct ticket_query *q, router_json_fn done, void *arg);
/* {mine,unassigned,unanswered,overdue,due_soon,waiting,..., queues:{id:n}, outbox_failed:n} */
void ticket_counts(struct router *r, const char *user, const char *scope, router_json_fn done,
                   void *arg);
/* summary + contact + messages[] (the last limit before before_n; 0: newest) + history[] */
void ticket_read(struct router *r, const char *ticket, uint64_t before_n, int limit,
                 const char *scope, router_json_fn done, void *arg);
void ticket_summary(struct router *r, const char *const *tickets, size_t n, router_json_fn done,
                    void *arg); /* array */
/* Number, sender address (exact), words of subject or sender name. {tickets, next} */
void ticket_search(struct router *r, const char *text, const char *scope, const char *cursor,
                   int limit, router_json_fn done, void *arg);
/* changes: any of {state, reminder_at, queue, assignee|null, priority, tags[], subject, rev}. With
 * rev given and older than the last message or change: ERR_CONFLICT; notes and replies of user and
 * words of delivery do not count. Back: the new summary. */
void ticket_change(struct router *r, const char *ticket, const char *user, const json_t *changes,
                   router_json_fn done, void *arg);
/* body: {kind: reply|note, text, attachments:[{blob,name,type,length,sha256}], close: bool,
 * client_id, channel, channel_type, recipient}. client_id makes it idempotent. Reply goes back
 * through the originating channel, or with channel and recipient given through that one; not before
 * undo_seconds. Back: the message. */
/* A mail about a conversation, beside it: to confirm an address, or in place of a reply that was
 * not read in time. The ticket counts neither as answered nor as read. */
struct reply_aside { /* borrowed */
    const char *ticket, *channel, *channel_type, *recipient, *text, *name;
    const char *client; /* makes it happen once; empty with about */
    const char *about;  /* number of the reply it stands in for, or empty */
    int64_t delay_ms;
};
void reply_aside(struct router *r, const struct reply_aside *m, router_json_fn done, void *arg);
void reply_create(struct router *r, const char *ticket, const char *user, const char *user_name,
                  const json_t *body, router_json_fn done, void *arg);
/* action: retry (a new attempt, also of one in doubt), cancel, mark_sent (in doubt only), undo
 * (queued only; back: the message with its text). */
void outbox_action(struct router *r, const char *message, const char *user, const char *action,
                   router_json_fn done, void *arg);
/* Destroys the key of the ticket's contact, the mapping of its address and its words: whatever it
 * wrote and was sent becomes unreadable, its tickets stay as closed shells, what waits for it is
 * cancelled. Also 0 when it is erased already. */
void contact_erase(struct router *r, const char *ticket, const char *user, router_done_fn done,
                   void *arg);
/* everything undelivered:
 * {items:[{message,ticket,channel,state,attempt,next_ms,reason,age_ms,sender}], next} filter by
 * state (NULL all). With a scope a page may be short although there is a next one. */
void outbox_list(struct router *r, const char *state, const char *scope, const char *cursor,
                 int limit, router_json_fn done, void *arg);
/* An attachment or original of a message, with the right to it checked: bytes back, meta as JSON.
 */
#define ATTACHMENT_HTML (-2) /* index: the mail's HTML as received */
typedef void (*attachment_fn)(void *arg, int error, struct span bytes, const json_t *meta);
void ticket_attachment(struct router *r, const char *message, int index /* -1: original */,
                       attachment_fn done, void *arg);

/* staff accounts {id,name,role: agent|admin,hash,language,queues[],disabled}; sealed under the
 * installation's key */
/* What is handed to done by staff_get, staff_list and session_get is shared with later calls:
 * whoever changes it copies it first (json_copy). */
void staff_get(struct router *r, const char *id, router_json_fn done,
               void *arg); /* ERR_NOT_FOUND */
void staff_put(struct router *r, const char *id, const json_t *account, bool must_be_new,
               router_done_fn done, void *arg);
void staff_list(struct router *r, router_json_fn done, void *arg); /* array */
/* sessions: key is the hash of the cookie's token; value JSON; ttl */
void session_put(struct router *r, const char *hash, const json_t *v, uint64_t ttl_ms,
                 router_done_fn done, void *arg);
void session_get(struct router *r, const char *hash, router_json_fn done, void *arg);
void session_del(struct router *r, const char *hash, router_done_fn done, void *arg);
/* fixed-window counter in Redis: count after this one in v->"count", window_ms long. For login
 * limits across gateways. */
void router_count(struct router *r, const char *name, uint64_t window_ms,
                  void (*done)(void *arg, int error, int64_t count), void *arg);

/* ---- feed (seam upwards) ---- */
struct feed_event { /* borrowed */
    const char *id, *type, *ticket, *message, *channel, *queue, *actor, *info;
    const char *thread; /* the conversation as thread_name names it, or empty */
    uint64_t seq;       /* the position in it that this is about; 0: none */
    int64_t at_ms;
};
/* The name that events have for a conversation of a channel: a keyed hash, the same in every
 * gateway of the installation. */
#define THREAD_NAME_BYTES 33
void thread_name(const struct router *r, const char *channel, struct span thread,
                 char out[THREAD_NAME_BYTES]);
/* Every gateway's feed hears "thread.told" with the word as info. Not awaited, and lost while the
 * store is away. */
void thread_tell(struct router *r, const char *channel, struct span thread, struct span word);
/* How many conversations of the same office wait for an answer before each of names (thread_name),
 * in their order; -1: that one waits for none. names: copied, at most PLACES_MAX. done: exactly
 * once, later; on error before is NULL. */
#define PLACES_MAX 1000
typedef void (*thread_places_fn)(void *arg, int error, const int64_t *before, size_t n);
void thread_places(struct router *r, const char (*names)[THREAD_NAME_BYTES], size_t n,
                   thread_places_fn done, void *arg);
typedef void (*feed_listener)(void *arg, const struct feed_event *e);

/* ---- life ---- */
struct router_options {
    struct loop *loop;
    const char *redis_address; /* resolved (embedded socket or configured) */
    struct crypto *crypto;
    const struct clock *clock;
    const struct config *config; /* borrowed; router_reload swaps */
    outbox_sender sender;
    void *sender_arg;
    feed_listener listener;
    void *listener_arg;
    void (*on_ready)(void *arg); /* store reachable, functions loaded, durability checked */
    void (*on_fatal)(
        void *arg,
        const char *why); /* cannot keep the durability: the process shall refuse to start */
    void *arg;
};
/* Opens the blob store in state_dir/blobs; connects in the background. NULL and fault when the blob
 * store cannot be opened. */
struct router *router_new(const struct router_options *o, struct fault *f);
bool router_is_ready(const struct router *r);
void router_reload(struct router *r, const struct config *c);
/* Stops claims and the feed, waits for what is under way (10 s), closes. done, then router_free. */
void router_stop(struct router *r, void (*done)(void *arg), void *arg);
void router_free(struct router **r);

#endif
