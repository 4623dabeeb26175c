/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * inner: what the files of the conformance kit share. script.c: the script and its words; host.c
 * and web.c: the pretended host; driver.c: providers that are programs; life.c: opening and
 * closing; cases_*.c: the table; crash.c: a process that ends in mid-send; run.c: the report.
 * Nobody outside this folder includes it.
 */
#ifndef DRAHT_CHANNELS_CONFORMANCE_INNER_H
#define DRAHT_CHANNELS_CONFORMANCE_INNER_H

#include "channels/abi/draht_channel.h"
#include "channels/conformance/conformance.h"
#include "gateway/base/buf.h"
#include "gateway/base/crypto.h"
#include "gateway/base/error.h"
#include "gateway/base/json.h"
#include "gateway/net/child.h"
#include "gateway/net/loop.h"
#include "gateway/net/transfer.h"

#define CONF_ID "conformance" /* the channel's id during the test */
#define CONF_PEER_URL "http://127.0.0.1:9"
#define CONF_PUBLIC_URL "https://draht.city.example"
#define CONF_TICKET "2026-000001"
#define CONF_ACCEPT_MS 60  /* the pretended store is this slow, so that an early yes shows */
#define CONF_WAIT_MS 45000 /* a machine may be slow; this is waited for at most once */
#define CONF_HURRY_MS 1500 /* once something that had to come did not */
#define CONF_DOWNS_MAX 4   /* said to be down so often for one reason, it will not come up */
#define CONF_REST_MS 300   /* how long nothing must happen */
#define CONF_TEXT_BYTES 600
#define CONF_PORTS 4
#define CONF_CYCLES 16 /* how often it is opened and closed to see whether memory is left */
#define CONF_OVERSIZE 1200000

enum conf_answer { CONF_SILENCE, CONF_ACCEPTED, CONF_LATER, CONF_REFUSED, CONF_OTHER };
enum conf_state { CONF_OK, CONF_FAILED, CONF_SKIPPED };

struct conf_in { /* a message that the channel handed in */
    char *external_id, *sender, *recipient, *thread, *text;
    bool has_file;
    int status, duplicate;
};
struct conf_receipt {
    char *external_id, *message;
    uint32_t state;
};
struct conf_entry { /* small state and blobs */
    char *key;
    struct buf value;
    struct conf_entry *next;
};
struct draht_token {
    struct conf *k;
    struct draht_outbound out;
    struct draht_attachment file;
    char *text, message[32];
    char *recipient, *thread, *external;
    int settled_n, verdict, parts_n;
    uint64_t retry_ms;
    char reason[CONF_TEXT_BYTES];
    struct draht_token *next;
};
struct draht_http {
    struct conf *k;
    char *method, *path, *rest, *query, *content_type;
    char *whole_path; /* as the server hands it out, below /channels/ */
    json_t *headers;
    struct buf body, answer;
    int status, answers_n;
    bool is_injected;
    struct draht_http *next;
};
struct draht_http_run { /* a request of the channel */
    struct conf *k;
    char *method, *url;
    struct buf body;
    char *idempotency_key; /* its header, or NULL */
    json_t *answer;
    void (*on_chunk)(void *arg, struct draht_span bytes);
    draht_http_answer_fn done;
    void *arg;
    struct loop_timer *timer;
    bool is_over;
    struct draht_http_run *next;
};
struct draht_timer {
    struct conf *k;
    struct loop_timer *timer;
    void (*fn)(void *arg);
    void *arg;
    struct draht_timer *next, **prev;
};
struct conf_route {
    char *methods, *path;
    size_t body_max;
    draht_http_route_fn fn;
    struct conf_route *next;
};
struct conf_job { /* an answer of the host that is still to come */
    struct conf *k;
    struct loop_timer *timer;
    void (*run)(struct conf_job *j);
    union {
        draht_accept_fn accept;
        draht_done_fn done;
        draht_state_fn state;
        draht_blob_fn blob;
        draht_history_fn history;
        draht_scan_fn scan;
        draht_ranked_fn ranked;
        draht_tickets_fn tickets;
        void (*lease)(void *channel, int held);
    } fn;
    void *arg;
    int status, duplicate;
    size_t at;
    struct buf bytes;
    bool has_bytes;
    struct conf_job *next, **prev;
};

struct conf {
    const struct conformance_options *o;
    struct loop *loop;
    struct transfers *transfers;
    struct crypto *crypto;
    char dir[64];
    char *here; /* folder of the script */
    json_t *script, *vars;
    struct buf file; /* the small picture that attachments carry */
    struct draht_channel_ops ops;
    const struct draht_channel_ops *loaded;
    void *library;
    char *program; /* its path, when the channel is one */
    char *options; /* checked, as JSON text */
    /* the channel */
    void *channel;
    bool is_open, is_started, is_up, is_stopping;
    int stops_n;
    char sentence[CONF_TEXT_BYTES], open_error[256];
    bool never_opened;
    int downs_n;                     /* in a row, for one reason */
    char why_down[CONF_TEXT_BYTES];  /* during the case under way; empty: it stayed up */
    char last_line[CONF_TEXT_BYTES]; /* about a program's faults, or of its standard error */
    /* written down */
    struct conf_in *ins;
    size_t ins_n;
    struct conf_receipt *receipts;
    size_t receipts_n;
    struct conf_entry *states, *blobs;
    struct draht_token *tokens;
    struct draht_http *exchanges;
    struct draht_http_run *runs;
    struct draht_timer *timers;
    struct conf_route *routes;
    struct conf_job *jobs;
    int accept_status, pending_accepts, typings;
    int stored_n, early; /* since the last injection: completions of accept, yeses before them */
    uint64_t seq;
    unsigned ids, news, messages;
    uint32_t attempt; /* of the sends to come */
    /* the provider */
    enum conf_answer answer;
    char answer_text[CONF_TEXT_BYTES];
    json_t *poll_message; /* given to the next poll until the host has it */
    bool poll_once;
    const char *mode; /* key of outbound.answers */
    bool hold_sends, saw_send, saw_text, saw_file, saw_typing, has_advanced;
    int sends_n;
    char send_key[CONF_TEXT_BYTES]; /* by which the provider knows a repetition of the last send */
    bool is_doomed;                 /* this process ends in mid-send */
    int64_t ahead_ms;               /* the channel's clock, after rests that a provider asked for */
    char stranger[CONF_TEXT_BYTES]; /* a request that the script does not know */
    bool is_injecting;              /* the exchange being made carries a message */
    const json_t *request;          /* the one under way */
    char prepared[128];             /* the sender for whom inbound.before was done */
    struct draht_http *asked;       /* the injected request under way */
    struct child *driver;
    bool driver_ready, driver_gone;
    struct buf driver_err;
    int64_t patience_ms;
    /* the case under way and the report */
    const char *name;
    enum conf_state state;
    char text[CONF_TEXT_BYTES];
    char violation[CONF_TEXT_BYTES];
    json_t *rows;
    int failed_n;
};

/* script.c */
/* Reads the script and the options file. 0, or negative with a sentence in f. */
int conf_script_load(struct conf *k, struct fault *f);
json_t *conf_yaml(const char *path, struct span text, struct fault *f); /* returned */
const json_t *conf_get(const struct conf *k, const char *dotted);       /* borrowed, or NULL */
void conf_set(struct conf *k, const char *name, const char *value);
void conf_setf(struct conf *k, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *conf_var(const struct conf *k, const char *name); /* "" when unknown */
/* Placeholders filled in; appended to out. */
void conf_expand(const struct conf *k, const char *text, struct buf *out);
json_t *conf_expand_json(const struct conf *k, const json_t *v); /* returned */
json_t *conf_merge(const json_t *base, const json_t *over);      /* returned; null removes */
bool conf_regex(const char *pattern, struct span text, struct buf *group);
/* Whether status and body of an answer fit; false when m is NULL. */
bool conf_fits(const json_t *m, int status, struct span body);
/* Body and content type of a request or an answer. */
void conf_body(const struct conf *k, const json_t *r, struct buf *out, const char **type);

/* Appends value as "hex" or "base64". */
void conf_encode(const char *how, struct span value, struct buf *out);

/* host.c, web.c */
extern const struct draht_host conf_host;
struct conf_job *conf_later(struct conf *k, void (*run)(struct conf_job *), void *arg,
                            uint64_t delay_ms);
void conf_host_forget(struct conf *k); /* after close: what is still pending goes */
void conf_host_free(struct conf *k);
void conf_violation(struct conf *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The host of a call; a call after close is a violation. */
struct conf *conf_check(struct conf *k, const char *what);
/* keep.c */
void conf_later_done(struct conf *k, draht_done_fn done, void *arg, int status);
void conf_blob_put(void *host, struct draht_span bytes, draht_blob_fn done, void *arg);
void conf_blob_get(void *host, struct draht_span blob, draht_blob_fn done, void *arg);
void conf_state_set(void *host, struct draht_span key, struct draht_span value, uint64_t ttl_ms,
                    draht_done_fn done, void *arg);
void conf_state_get(void *host, struct draht_span key, draht_state_fn done, void *arg);
void conf_state_del(void *host, struct draht_span key, draht_done_fn done, void *arg);
void conf_state_rank(void *host, struct draht_span index, struct draht_span key, int64_t score,
                     int64_t cut, draht_done_fn done, void *arg);
void conf_state_ranked(void *host, struct draht_span index, int64_t min, int64_t max, uint32_t skip,
                       uint32_t limit, draht_ranked_fn done, void *arg);
void conf_tickets(void *host, const struct draht_span *numbers, size_t n, draht_tickets_fn done,
                  void *arg);
struct conf_entry *conf_entry_new(struct conf_entry **list, const char *key); /* borrowed */
void conf_keep_free(struct conf *k);
void conf_web_forget(struct conf *k);
void conf_web_free(struct conf *k);
int conf_route(void *host, const char *methods, const char *path, size_t body_max,
               draht_http_route_fn fn);
int conf_http_request(void *host, const char *method, const char *url, const char *const *headers,
                      struct draht_span body, uint32_t timeout_ms, draht_http_answer_fn done,
                      void *arg);
struct draht_http_run *conf_http_call(void *host, const struct draht_http_call *call);
void conf_http_cancel(struct draht_http_run *run);
struct draht_span conf_http_method(struct draht_http *x);
struct draht_span conf_http_path(struct draht_http *x);
struct draht_span conf_http_rest(struct draht_http *x);
struct draht_span conf_http_query(struct draht_http *x, const char *name);
struct draht_span conf_http_header(struct draht_http *x, const char *name);
struct draht_span conf_http_body(struct draht_http *x);
struct draht_span conf_http_peer(struct draht_http *x);
void conf_http_set_header(struct draht_http *x, const char *name, const char *value);
void conf_http_respond(struct draht_http *x, int status, const char *type, struct draht_span body);
/* Hands an expanded request of the script to the channel's routes; the exchange is kept. NULL: no
 * route takes it, k->answer_text says why. */
struct draht_http *conf_web_call(struct conf *k, const json_t *request,
                                 const struct span *raw_body);

/* Whether a route takes the expanded request of the script (programs set theirs a moment late). */
bool conf_web_takes(const struct conf *k, const json_t *request);

/* peer.c: the provider. what: "message", "attachment", "forged", "typing", or a receipt. */
bool conf_can(const struct conf *k, const char *what);
/* With {id}, {sender}, {text} as they stand; waits until the provider was told something
 * (k->answer). */
void conf_inject(struct conf *k, const char *what);
void conf_inject_bytes(struct conf *k, struct span body); /* the message's request, another body */
/* "accepted", "try again", ... and what it said, for sentences; borrowed until the next call. */
const char *conf_answer_name(const struct conf *k);
/* Which answer a request of the channel gets; returned, or NULL. Notes what was seen. */
json_t *conf_peer_answer(struct conf *k, const struct draht_http_run *r, uint64_t *delay_ms);
void conf_peer_mode(struct conf *k, const char *mode);
void conf_peer_accepted(struct conf *k, int status); /* the host answered an accept */

/* driver.c */
int conf_driver_start(struct conf *k, const char *command, struct fault *f);
void conf_driver_inject(struct conf *k, const char *what);
void conf_driver_mode(struct conf *k, const char *mode);
void conf_driver_end(struct conf *k);

/* load.c */
int conf_load(struct conf *k, struct fault *f); /* finds the target */
void conf_unload(struct conf *k);
/* life.c */
/* Options of the script with over laid over them, checked as draht check would. 0 and k->options;
 * or negative with the sentence in err. */
int conf_options(struct conf *k, const json_t *over, struct buf *err);
int conf_open(struct conf *k);  /* opens and starts; 0, or negative with k->open_error */
void conf_stop(struct conf *k); /* asks it to stop */
void conf_close(struct conf *k);
bool conf_ready(struct conf *k); /* open, started, up; opens it when it is not */
bool conf_wait(struct conf *k, bool (*is)(const struct conf *k), int64_t ms);
/* For what has to come: 45 seconds, less when something did not come before. */
bool conf_expect(struct conf *k, bool (*is)(const struct conf *k));
void conf_rest(struct conf *k, int64_t ms);
int conf_children(const struct conf *k, bool kill_them); /* of ours, without the driver */

/* crash.c: sends the text in a process of its own, which opens the channel and ends by SIGKILL as
 * soon as the provider has the message or the channel its verdict. The channel here must be closed.
 * What the other one kept is in k afterwards, and k->send_key is that of its send. False: a fault
 * was reported. */
bool conf_crash(struct conf *k, const char *text);
void conf_crash_note(struct conf *k); /* what is kept has changed */

/* cases_*.c: ended by a row without a name */
struct conf_case {
    const char *name;
    void (*run)(struct conf *k);
};
extern const struct conf_case conf_cases_begin[], conf_cases_in[], conf_cases_out[],
    conf_cases_end[];
void conf_fail(struct conf *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void conf_skip(struct conf *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A remark beside ok. */
void conf_note(struct conf *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void conf_new_message(struct conf *k, const char *text, int sender);
const struct conf_in *conf_last(const struct conf *k);
struct draht_token *conf_send(struct conf *k, const char *text, bool with_file);
bool conf_sending(const struct conf *k); /* the provider has the latest send, or it is settled */
bool conf_settled(const struct conf *k); /* the latest send has its verdict */

static inline struct draht_span conf_span(const char *s) {
    return (struct draht_span){s, s ? strlen(s) : 0};
}
static inline struct span conf_own(struct draht_span s) {
    return (struct span){s.p, s.p ? s.n : 0};
}

#endif
