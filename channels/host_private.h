/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * host_private: what the files of the channel host share. host.c: life; host_in.c: accept,
 * receipts, history, state; host_out.c: sends and their tokens; host_http.c: routes and sockets;
 * host_call.c: requests that stream; host_fact.c: texts, time, secrets; host_scan.c: looking for
 * malware; host_log.c: the log of
 * each channel. Nobody outside channels/host*.c includes it.
 */
#ifndef DRAHT_CHANNELS_HOST_PRIVATE_H
#define DRAHT_CHANNELS_HOST_PRIVATE_H

#include "channels/host.h"
#include "channels/host_log.h"
#include "gateway/base/log.h"
#include "gateway/base/utf8.h"

#define HOST_EXTERNAL_ID_BYTES_MAX 1024
#define HOST_ADDRESS_BYTES_MAX 1024
#define HOST_ATTACHMENTS_MAX 200
#define HOST_HINTS_MAX 200
#define HOST_WARNINGS_BYTES_MAX 65536
#define HOST_STATE_KEY_BYTES_MAX 200
#define HOST_STATE_VALUE_BYTES_MAX 65536
#define HOST_HISTORY_MAX 200
#define HOST_DRAIN_MS 10000
#define HOST_SENTENCE_BYTES 256
#define HOST_QUARANTINE 256 /* settled handles kept, so that a second use is recognised */
#define HOST_THREADS 8192   /* slots that remember which ticket a conversation belongs to */

struct host_channel;

/* Handles that a channel may wrongly use once more: released ones rest before they are used again.
 */
struct host_handle {
    struct host_channel *owner;
    struct host_handle *next, **prev; /* live ones of the owner */
    bool is_live;
};
struct host_pool {
    size_t bytes;
    struct host_handle *resting_first, *resting_last;
    size_t resting_n;
};

struct draht_token {
    struct host_handle h;
    struct router_send *send;
    struct draht_outbound out;
    struct draht_attachment *attachments;
    struct draht_span *references;
};
struct draht_http {
    struct host_handle h;
    struct http_exchange *x;
    int64_t begun_ms;
};
struct draht_timer {
    struct host_channel *owner;
    struct draht_timer *next, **prev;
    struct loop_timer *timer;
    void (*fn)(void *arg);
    void *arg;
};
struct draht_socket {
    struct host_route *route;
    struct ws *ws;
    void *user;
    bool is_open;
};
struct host_route {
    struct host_channel *owner;
    struct host_route *next;
    char *path;
    draht_http_route_fn fn;       /* HTTP */
    struct draht_socket_ops sops; /* WebSocket */
    bool is_socket, is_dropped;
};
struct host_lease {
    struct host_channel *owner;
    struct host_lease *next;
    struct router_lease *lease;
    void (*on_change)(void *channel, int held);
};

struct host_channel {
    struct host *host;
    struct draht_channel_ops ops; /* zero-extended copy */
    char *id, *type, *options, *queue;
    struct outbox_channel outbox;
    char mac_purpose[96];
    bool has_concurrency; /* the operator set it */
    bool is_built_in, is_open, is_started, is_up, is_broken, is_stopping, is_stopped;
    char sentence[HOST_SENTENCE_BYTES];
    json_t *files; /* what a reply may carry, as staff are told it; NULL: no limits */
    json_t *text;  /* how its text goes out; NULL: text_max alone counts */
    int64_t last_in_ms, last_out_ms;
    struct host_handle *tokens, *requests;
    size_t tokens_n, pending_n;
    struct draht_timer *timers;
    struct host_route *routes;
    struct host_lease *leases;
    struct host_scan *scans;
    struct draht_http_run *runs;
    struct host_log *log;
    size_t scans_n;
    void *state;
};
struct host_watch { /* a conversation that a channel wants to hear of */
    struct host_watch *next;
    struct host_channel *owner;
    size_t thread_n;
    bool wants_place;
    int64_t place; /* what was told last; -1: waits for no answer, -2: nothing yet */
    char name[THREAD_NAME_BYTES];
    char thread[];
};
struct host_thread {
    uint64_t hash;
    char ticket[24];
};
struct host {
    struct host_options o;
    const struct config *config;
    struct host_channel **channels;
    int channels_n;
    struct host_pool tokens, requests;
    struct host_thread *threads;
    struct host_watch **watches; /* watches_slots of them, a power of two, or none */
    size_t watches_n, watches_slots;
    size_t places_n;       /* watches that want their place */
    size_t places_asked_n; /* calls for them that still owe an answer */
    bool is_place_stale;   /* something happened since they were asked for */
    int64_t places_ms;     /* when that was */
    struct loop_timer *places;
    struct buf fact;
    struct loop_timer *drain;
    int64_t drain_until_ms;
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;
    size_t refs; /* answers that are still to come, sockets that are still open */
    bool is_dead;
};

extern const struct draht_host host_table;

static inline struct span host_span(struct draht_span s) {
    return (struct span){s.p, s.p ? s.n : 0};
}
static inline struct draht_span host_dspan(struct span s) {
    return (struct draht_span){s.p, s.n};
}
static inline int64_t host_now(const struct host *h) {
    return clock_ms(h->o.clock);
}
/* Copies a struct that crossed the border: what its writer did not know becomes zero. */
void host_extend(void *to, size_t to_bytes, const void *from);
/* Counts an answer that is still to come; host_unpend counts it off and is true while the channel
 * may be called. */
void host_ref(struct host *h);
void host_unref(struct host *h);
void host_pend(struct host_channel *c);
bool host_unpend(struct host_channel *c);
/* The channel broke the contract: logged, down, claims nothing any more. */
void host_broken(struct host_channel *c, const char *what);
struct host_channel *host_find(const struct host *h, const char *id);
void *host_pool_take(struct host_pool *p, struct host_channel *owner, struct host_handle **list);
/* False when the handle was released before (and the owner is then broken). */
bool host_pool_give(struct host_pool *p, struct host_handle *x, const char *what);
void host_pool_free(struct host_pool *p);
/* Up or down towards the router. */
void host_set_up(struct host_channel *c, bool is_up, const char *sentence);
void host_thread_learn(struct host *h, const char *channel, struct span thread, struct span ticket);
/* "" when unknown. */
const char *host_thread_ticket(const struct host *h, const char *channel, struct span thread);

/* host_in.c */
void host_accept(void *host, const struct draht_inbound *m, draht_accept_fn done, void *arg);
void host_receipt(void *host, const struct draht_receipt *r, draht_done_fn done, void *arg);
void host_typing_in(void *host, struct draht_span thread, int is_typing);
void host_lease_drop_all(struct host_channel *c);
void host_watch(void *host, struct draht_span thread, int is_on);
void host_watches_drop(struct host_channel *c);
struct host_watch *host_watched(const struct host *h, const char *name); /* NULL: nobody does */
/* host_place.c */
void host_watch_place(void *host, struct draht_span thread, int is_on);
void host_places_feed(struct host *h, const struct feed_event *e);
void host_places_end(struct host *h);
void host_tell(void *host, struct draht_span thread, struct draht_span word);
int host_lease(void *host, struct draht_span name, void (*on_change)(void *channel, int held));
/* host_store.c */
void host_history(void *host, struct draht_span thread, uint64_t after_seq, uint32_t limit,
                  draht_history_fn done, void *arg);
void host_read_mark(void *host, struct draht_span thread, uint64_t up_to_seq);
void host_blob_put(void *host, struct draht_span bytes, draht_blob_fn done, void *arg);
void host_blob_get(void *host, struct draht_span blob, draht_blob_fn done, void *arg);
void host_state_set(void *host, struct draht_span key, struct draht_span value, uint64_t ttl_ms,
                    draht_done_fn done, void *arg);
void host_state_get(void *host, struct draht_span key, draht_state_fn done, void *arg);
void host_state_del(void *host, struct draht_span key, draht_done_fn done, void *arg);
void host_state_rank(void *host, struct draht_span index, struct draht_span key, int64_t score,
                     int64_t cut, draht_done_fn done, void *arg);
void host_state_ranked(void *host, struct draht_span index, int64_t min, int64_t max, uint32_t skip,
                       uint32_t limit, draht_ranked_fn done, void *arg);
void host_tickets(void *host, const struct draht_span *numbers, size_t n, draht_tickets_fn done,
                  void *arg);
/* host_out.c */
void host_part_done(struct draht_token *t, uint32_t part, struct draht_span external_id);
void host_settle(struct draht_token *t, enum draht_verdict v, struct draht_span reason,
                 uint64_t retry_ms);
void host_tokens_drop(struct host_channel *c);
/* host_scan.c */
void host_scan(void *host, struct draht_span bytes, draht_scan_fn done, void *arg);
void host_scans_drop(struct host_channel *c);
/* host_http.c */
int host_route(void *host, const char *methods, const char *path, size_t body_max,
               draht_http_route_fn fn);
int host_socket_route(void *host, const char *path, const char *protocol,
                      const struct draht_socket_ops *ops);
struct draht_span host_http_method(struct draht_http *x);
struct draht_span host_http_path(struct draht_http *x);
struct draht_span host_http_rest(struct draht_http *x);
struct draht_span host_http_query(struct draht_http *x, const char *name);
struct draht_span host_http_header(struct draht_http *x, const char *name);
struct draht_span host_http_body(struct draht_http *x);
struct draht_span host_http_peer(struct draht_http *x);
void host_http_set_header(struct draht_http *x, const char *name, const char *value);
void host_aside(void *host, const struct draht_aside *given, draht_done_fn done, void *arg);
void host_http_respond(struct draht_http *x, int status, const char *type, struct draht_span body);
int host_socket_send(struct draht_socket *s, struct draht_span text);
void host_socket_close(struct draht_socket *s, int code, const char *reason);
struct draht_span host_socket_peer(struct draht_socket *s);
int host_http_request(void *host, const char *method, const char *url, const char *const *headers,
                      struct draht_span body, uint32_t timeout_ms, draht_http_answer_fn done,
                      void *arg);
/* host_call.c */
struct draht_http_run *host_http_call(void *host, const struct draht_http_call *call);
void host_http_cancel(struct draht_http_run *run);
/* Cancels what is under way; only_streams: those that would never end by themselves. */
void host_runs_drop(struct host_channel *c, bool only_streams);
void host_routes_drop(struct host_channel *c);
void host_requests_drop(struct host_channel *c);
/* host_fact.c */
struct draht_span host_fact(void *host, const char *name);
int64_t host_now_ms(void *host);
struct draht_timer *host_timer(void *host, uint64_t delay_ms, uint64_t repeat_ms,
                               void (*fn)(void *arg), void *arg);
void host_timer_stop(struct draht_timer *t);
void host_timers_drop(struct host_channel *c);
void host_mac(void *host, struct draht_span text, uint8_t out[32]);
void host_random(void *out, size_t n);
void host_log(void *host, int level, const char *event, const char *text);
void host_health(void *host, int is_up, const char *sentence);
void host_offer(void *host, uint32_t caps, uint32_t text_max, uint32_t concurrency);
void host_files(void *host, const struct draht_files *files);
void host_text(void *host, const struct draht_text *text);
void *host_builtin(void *host, const char *what);

#endif
