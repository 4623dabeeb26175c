/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * exec_private: what the files of the exec channel share. exec.c: options and life; run.c: one
 * process from its start to its end; talk.c: requests to it; calls*.c: its requests;
 * sends.c: replies; web.c: routes, web_call.c: requests, socket.c: WebSockets. A run outlives its
 * channel until its process is gone.
 */
#ifndef DRAHT_CHANNELS_EXEC_PRIVATE_H
#define DRAHT_CHANNELS_EXEC_PRIVATE_H

#include "channels/exec/exec.h"
#include "channels/exec/files.h"
#include "channels/exec/manifest.h"
#include "channels/exec/wire.h"
#include "channels/kit/kit.h"
#include "gateway/base/error.h"
#include "gateway/net/child.h"

#define EXEC_CREDIT 32
#define EXEC_HANDSHAKE_MS 10000
#define EXEC_HEALTH_MS 30000
#define EXEC_SHUTDOWN_MS 3000
#define EXEC_TERM_MS 5000
#define EXEC_TICK_MS 250
#define EXEC_BACKOFF_MIN_MS 500
#define EXEC_HELD_MS 60000 /* a run that held this long forgives those before */
#define EXEC_FAILS_MAX 8   /* then it rests */
#define EXEC_REST_MS 600000
#define EXEC_STDERR_BURST 100
#define EXEC_STDERR_EVERY_MS 100
#define EXEC_STDERR_LINE_BYTES 2000
#define EXEC_ROUTES_MAX 32
#define EXEC_BODY_BYTES_MAX ((size_t)262144)
#define EXEC_SENTENCE_BYTES 256

enum exec_outcome { EXEC_ANSWERED, EXEC_DIED, EXEC_LATE };
struct exec;
struct run;
/* m only with EXEC_ANSWERED. */
typedef void (*exec_answer_fn)(struct exec *x, void *arg, enum exec_outcome o,
                               const struct wire_message *m);
struct pending { /* our request under way */
    struct pending *next;
    const char *method; /* borrowed forever */
    int64_t id, began_ms, until_ms;
    exec_answer_fn fn;
    void *arg;
};
struct ask { /* the program's request (or notification) under way */
    struct exec *x;
    struct run *run; /* NULL: the program is gone, the answer goes nowhere */
    struct ask *next, **prev;
    json_t *id, *params;      /* id NULL: notification */
    const char *method;       /* for the log: borrowed forever; NULL: not one that is told there */
    struct draht_http *reply; /* asked over HTTP (mode once): answered there; run is NULL */
    struct files_job *job;
    struct draht_http_run *http; /* a request of its under way */
    const char *stream;          /* its name, in params; NULL: the answer comes whole */
    uint64_t nr;
    size_t unread; /* pieces that the program has not answered */
    bool wants_file;
};
struct sending { /* a reply under way */
    struct exec *x;
    struct sending *next, **prev;
    struct draht_token *token;
    const struct draht_outbound *m; /* borrowed until the token is settled */
    struct files_job *job;
    struct once *once; /* its own process, in mode once */
    size_t files_n;
    uint64_t nr; /* names its files */
};
struct web { /* a request to one of its routes */
    struct exec *x;
    struct web *next, **prev;
    struct draht_http *http;
};
struct exec_route {
    struct exec_route *next;
    char *path;
    json_t *headers, *query; /* names, lists */
};
enum run_state { RUN_MANIFEST, RUN_INIT, RUN_READY, RUN_SHUTDOWN, RUN_ENDING };
struct run {
    struct exec *x; /* NULL: the channel was closed */
    struct child *child;
    enum run_state state;
    struct wire wire;
    struct pending *pending;
    int64_t last_id, began_ms, health_ms, alive_ms;
    size_t asks_n;
    bool is_paused, is_pumping, asks_health, wants_lease;
    char why[EXEC_SENTENCE_BYTES]; /* why it was ended */
};
struct exec {
    const struct draht_host *h;
    void *host;
    struct loop *loop;
    char *id, *spool;
    json_t *options;
    int64_t timeout_ms;
    struct arena *memory; /* of the manifest */
    struct manifest manifest;
    json_t *settings; /* checked */
    struct run *run;
    struct loop_timer *tick, *again;
    struct files_job *clearing;
    struct ask *asks;
    struct sending *sends;
    struct web *webs;
    struct exec_route *routes;
    struct exec_socket *sockets;
    size_t sockets_n;
    char *socket_path, *origins; /* NULL: no route; origins: who may open one, empty: anybody */
    struct kit_bucket lines;
    uint64_t lines_lost, sends_nr;
    char *lease;     /* its name, once asked for */
    json_t *present; /* conversations that are looked at, as members */
    int fails;
    bool is_started, is_stopping, holds_lease, is_up, is_once;
    draht_done_fn stopped;
    void *stopped_arg;
};

static inline int64_t exec_now(const struct exec *x) {
    return x->h->now_ms(x->host);
}
void exec_log(struct exec *x, int level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void exec_up(struct exec *x, bool is_up, const char *sentence);
static inline struct draht_span exec_text(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_string(v) ? (struct draht_span){json_string_value(v), json_string_length(v)}
                             : (struct draht_span){0};
}
/* The text of a member, 1 to most bytes, without NUL; or NULL. */
static inline const char *exec_name(const json_t *o, const char *key, size_t most) {
    struct draht_span s = exec_text(o, key);
    return s.p && s.n && s.n <= most && strlen(s.p) == s.n ? s.p : NULL;
}

/* run.c */
/* How long a program waits that failed so often in a row; dice: any number, for the jitter. */
uint64_t run_delay_ms(int fails, uint32_t dice);
void run_begin(struct exec *x); /* clears the spool, then starts the program */
/* The program broke the contract or hangs: everything under way fails, it is ended and started
 * again later. The run stays until the process is gone. */
void run_break(struct run *r, const char *why);
void run_shutdown(struct exec *x); /* x->stopped is called at the end */
void run_forget(struct exec *x);   /* the channel is closed */
/* The program's words, and its environment: env in the arena. */
int exec_spawn(struct loop *l, const json_t *options, const char *spool, struct child_options *o,
               struct child **out, struct fault *f);

/* talk.c */
/* fn comes once, later, unless the request could not be written: then -1 and fn does not come. */
int talk_ask(struct run *r, const char *method, json_t *params, int64_t timeout_ms,
             exec_answer_fn fn, void *arg);
void talk_tell(struct run *r, const char *method, json_t *params);
void talk_bytes(struct run *r, struct span bytes); /* what the program wrote */
void talk_late(struct run *r);                     /* requests whose time is over */
void talk_fail_all(struct run *r);                 /* it died */
/* Both release the ask. */
void ask_result(struct ask *k, json_t *result);
void ask_error(struct ask *k, enum wire_code code, const char *message);
void ask_release(struct ask *k);
void ask_done(void *ask, int status);                   /* has the form of draht_done_fn */
void ask_value(struct ask *k, struct draht_span value); /* {"value":...}; p NULL: null */

/* calls.c: NULL when there is no such method */
typedef void (*call_fn)(struct ask *k, const json_t *params);
call_fn calls_find(const char *method);
void calls_ready(struct exec *x); /* says what a program has to know that has just got ready */
/* calls_store.c */
void call_state_set(struct ask *k, const json_t *params);
void call_state_get(struct ask *k, const json_t *params);
void call_state_del(struct ask *k, const json_t *params);
void call_state_rank(struct ask *k, const json_t *params);
void call_state_ranked(struct ask *k, const json_t *params);
void call_tickets(struct ask *k, const json_t *params);
void call_aside(struct ask *k, const json_t *params);
void call_present(struct ask *k, const json_t *params);
/* calls_in.c */
void call_inbound(struct ask *k, const json_t *params);
void call_receipt(struct ask *k, const json_t *params);
void call_blob_put(struct ask *k, const json_t *params);
void call_blob_get(struct ask *k, const json_t *params);
void call_scan(struct ask *k, const json_t *params);
/* Reads a file of spool/in into k->job, or answers what is wrong with its name. */
void ask_read_file(struct ask *k, const char *name, files_fn done);
void exec_folder(const struct exec *x, const char *name, struct buf *out); /* of the spool */
/* Ends the reading of files (status: that of files_fn). False: it failed, and the ask is answered
 * with what is wrong. */
bool ask_has_files(struct ask *k, int status);
/* sends.c */
int sends_new(struct exec *x, const struct draht_outbound *m, struct draht_token *t);
void sends_forget(struct exec *x);
/* Both release s. */
void sends_settle(struct sending *s, enum draht_verdict v, const char *reason);
void sends_unknown(struct sending *s, const char *reason); /* what became of it, nobody knows */
/* once.c: mode once */
int once_start(struct exec *x, char *err);
void once_stop(struct exec *x);
void once_settled(struct exec *x);
/* Starts the program for this reply. params: taken. Negative: it did not start. */
int once_begin(struct sending *s, json_t *params);
void once_forget(struct once *o); /* its process is killed; accepts NULL */
/* once_in.c: what scripts hand in over HTTP, in mode once with a secret */
int once_routes(struct exec *x);
void once_reply(struct ask *k, json_t *result, enum wire_code code, const char *message);
bool exec_can_run(const json_t *options); /* the program is there (spawn.c) */
void call_part(struct ask *k, const json_t *params);
/* web.c */
void call_http_route(struct ask *k, const json_t *params);
bool web_is_header(const char *name, const char *value);
void web_forget(struct exec *x);
/* web_call.c */
void call_http_request(struct ask *k, const json_t *params);
void call_http_cancel(struct ask *k, const json_t *params);
/* Streams of a program that is gone, or of a channel that ends, end. */
void web_streams_end(struct exec *x);
/* socket.c */
void call_socket_route(struct ask *k, const json_t *params);
void call_socket_send(struct ask *k, const json_t *params);
void call_socket_close(struct ask *k, const json_t *params);
/* Those of a program that is gone, or of a channel that ends, are closed with 1012. */
void sockets_end(struct exec *x);
void sockets_forget(struct exec *x); /* the channel is closed: no call comes from them any more */

#endif
