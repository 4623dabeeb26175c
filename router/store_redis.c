/* SPDX-License-Identifier: EUPL-1.2 */
/* store_redis: the store in Redis: one connection for calls, one that blocks on the stream. */
#include "router/store_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/error.h"
#include "gateway/base/log.h"

#define STREAM STORE_PREFIX "stream"
#define FEED_BLOCK_MS 5000
#define WAIT_MS 4000
#define FEED_BATCH "500"
#define LANES                                                                                      \
    8 /* Redis reads 16 KiB of a connection before it makes all it read durable: more connections, \
         fewer syncs */
#define AGAIN_MIN_MS 100
#define AGAIN_MAX_MS 2000
#define REFUSED_EVERY_MS 5000

/* A server that is still loading answers, but not yet with what we ask: each refusal in a row waits
 * twice as long. */
struct again {
    struct loop_timer *timer;
    uint64_t wait_ms;
};

struct store {
    struct loop *loop;
    struct redis *redis, *feed,
        *lanes[LANES]; /* lanes: further connections, only for messages coming in */
    int replicas;
    bool is_ready, is_closing;
    bool is_proven; /* functions and durability are fine, the feed has yet to find its place */
    void (*on_ready)(void *arg);
    void (*on_fatal)(void *arg, const char *why);
    void (*on_event)(void *arg, const struct store_event *e);
    void *arg;
    char last_id[64];
    struct again load, feed_read;
    uint64_t refused_ms; /* when a refusal was last logged */
    unsigned refused_n;  /* since then */
};

/* Whatever is not one of the known kinds of answer counts as refused: better an error than a wrong
 * yes. */
static bool is_refusal(const struct redis_value *v) {
    return v->type == REDIS_ERROR || (unsigned)v->type > REDIS_ARRAY;
}

struct call {
    struct store *store;
    store_fn fn;
    void *arg;
};

static bool starts(struct span s, const char *word) {
    size_t n = strlen(word);
    return s.n >= n && memcmp(s.p, word, n) == 0;
}

static int error_of(struct span s) {
    static const struct {
        const char *word;
        int code;
    } table[] = {{"NOTFOUND", ERR_NOT_FOUND}, {"CONFLICT", ERR_CONFLICT}, {"INVALID", ERR_INVALID},
                 {"LIMIT", ERR_TOO_LARGE},    {"MISCONF", ERR_STORAGE},   {"OOM", ERR_STORAGE},
                 {"NOAUTH", ERR_FORBIDDEN},   {"NOPERM", ERR_FORBIDDEN}};
    if (starts(s, "ERR NOTFOUND"))
        return ERR_NOT_FOUND;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (starts(s, table[i].word))
            return table[i].code;
    return ERR_UNAVAILABLE;
}

/* Every caller hears of its refusal; the log hears of one in five seconds. */
static void log_refusal(struct store *s, struct span answer) {
    uint64_t now = uv_now(loop_uv(s->loop));
    s->refused_n++;
    if (s->refused_ms && now - s->refused_ms < REFUSED_EVERY_MS)
        return;
    log_warn("store.refused", "answer=\"%.*s\" times=%u", (int)(answer.n > 120 ? 120 : answer.n),
             answer.p, s->refused_n);
    s->refused_ms = now ? now : 1;
    s->refused_n = 0;
}

static void finish(void *arg, int error, const struct redis_value *v) {
    struct call *c = arg;
    if (!error && is_refusal(v)) {
        error = error_of(v->s);
        if (error == ERR_UNAVAILABLE || error == ERR_STORAGE)
            log_refusal(c->store, v->s);
    }
    c->fn(c->arg, error, error ? NULL : v);
    free(c);
}

static struct call *call_new(struct store *s, store_fn fn, void *arg) {
    struct call *c = xcalloc(1, sizeof *c);
    *c = (struct call){s, fn, arg};
    return c;
}

void store_ask(struct store *s, int n, const struct span *words, store_fn fn, void *arg) {
    redis_command(s->redis, n, words, finish, call_new(s, fn, arg));
}

/* ---- calls ---- */
/* Messages of one thread, or else of one sender, keep their order. WAIT speaks of its own
 * connection alone. */
static struct redis *lane_of(const struct store *s, const char *function, const struct args *a) {
    if (s->replicas || strcmp(function, "accept") || a->n < 17)
        return s->redis;
    struct span key = a->v[16].n ? a->v[16] : a->v[2];
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < key.n; i++)
        hash = (hash ^ (unsigned char)key.p[i]) * 16777619u;
    struct redis *lane = s->lanes[hash % LANES];
    return lane && redis_is_ready(lane) ? lane : s->redis;
}

void store_call(struct store *s, const char *function, const struct args *a, store_fn fn,
                void *arg) {
    struct span argv[ARGS_MAX + 4];
    char name[64];
    bool has_version = strstr(function, "_2") != NULL;
    snprintf(name, sizeof name, "draht_%s%s", function, has_version ? "" : "_1");
    argv[0] = SPAN("FCALL");
    argv[1] = span_str(name);
    argv[2] = SPAN("1");
    argv[3] = SPAN(STORE_PREFIX);
    if (a->n)
        memcpy(argv + 4, a->v, sizeof(struct span) * (size_t)a->n);
    redis_command(lane_of(s, function, a), a->n + 4, argv, finish, call_new(s, fn, arg));
}

/* The answer is kept until the replicas have spoken; both commands travel together. */
struct durable {
    struct store *store;
    store_fn fn;
    void *arg;
    int error;
    struct redis_value copy;
    struct redis_value cells[8];
    struct arena *arena;
};

static void durable_answer(void *arg, int error, const struct redis_value *v) {
    struct durable *d = arg;
    d->error = error;
    if (error)
        return;
    d->copy = (struct redis_value){
        .type = v->type, .i = v->i, .s = arena_dup(d->arena, v->s), .a = d->cells};
    for (size_t i = 0; v->type == REDIS_ARRAY && i < v->n && i < 8; i++) {
        d->cells[i] = v->a[i];
        d->cells[i].s = arena_dup(d->arena, v->a[i].s);
        d->copy.n = i + 1;
    }
}

static void durable_waited(void *arg, int error, const struct redis_value *v) {
    struct durable *d = arg;
    if (d->error)
        error = d->error;
    else if (!error && (v->type != REDIS_INT || v->i < d->store->replicas))
        error = ERR_STORAGE;
    d->fn(d->arg, error, error ? NULL : &d->copy);
    arena_free(&d->arena);
    free(d);
}

void store_call_durable(struct store *s, const char *function, const struct args *a, store_fn fn,
                        void *arg) {
    if (!s->replicas) {
        store_call(s, function, a, fn, arg);
        return;
    }
    struct durable *d = xcalloc(1, sizeof *d);
    *d = (struct durable){.store = s, .fn = fn, .arg = arg, .arena = arena_new()};
    store_call(s, function, a, durable_answer, d);
    char n[16], ms[16];
    snprintf(n, sizeof n, "%d", s->replicas);
    snprintf(ms, sizeof ms, "%d", WAIT_MS);
    struct span wait[] = {SPAN("WAIT"), span_str(n), span_str(ms)};
    redis_command_timeout(s->redis, 3, wait, WAIT_MS + 2000, durable_waited, d);
}

/* True for the first refusal in a row: that one is worth a line. */
static bool later(struct store *s, struct again *t, void (*fn)(void *arg)) {
    bool is_first = t->wait_ms == 0;
    t->wait_ms = is_first ? AGAIN_MIN_MS : t->wait_ms * 2;
    if (t->wait_ms > AGAIN_MAX_MS)
        t->wait_ms = AGAIN_MAX_MS;
    if (t->timer)
        loop_timer_again(t->timer, t->wait_ms, 0);
    else
        t->timer = loop_timer(s->loop, t->wait_ms, 0, fn, s);
    return is_first;
}

static void again_stop(struct again *t) {
    loop_timer_stop(&t->timer);
    t->wait_ms = 0;
}

/* ---- the stream ---- */
static void feed_ask(struct store *s);
static void feed_begin(void *arg);
static void ready(struct store *s);

static void emit(struct store *s, struct span id, const struct redis_value *f) {
    struct arena *a = arena_new();
    struct store_event e = {.id = arena_strndup(a, id.p, id.n),
                            .type = "",
                            .ticket = "",
                            .n = "",
                            .channel = "",
                            .queue = "",
                            .actor = "",
                            .info = "",
                            .thread = "",
                            .seq = ""};
    const struct {
        const char *name;
        const char **to;
    } fields[] = {{"type", &e.type},       {"ticket", &e.ticket}, {"n", &e.n},
                  {"channel", &e.channel}, {"queue", &e.queue},   {"actor", &e.actor},
                  {"info", &e.info},       {"thread", &e.thread}, {"seq", &e.seq}};
    for (size_t i = 0; i + 1 < f->n; i += 2) {
        struct span value = cell(f, i + 1);
        if (span_eq(cell(f, i), "at"))
            e.at_ms = cell_int(f, i + 1);
        for (size_t k = 0; k < sizeof fields / sizeof *fields; k++)
            if (span_eq(cell(f, i), fields[k].name))
                *fields[k].to = arena_strndup(a, value.p, value.n);
    }
    snprintf(s->last_id, sizeof s->last_id, "%s", e.id);
    s->on_event(s->arg, &e);
    arena_free(&a);
}

static void feed_got(void *arg, int error, const struct redis_value *v) {
    struct store *s = arg;
    if (s->is_closing || error)
        return; /* on_ready of the connection asks again */
    if (is_refusal(v)) {
        if (later(s, &s->feed_read, feed_begin))
            log_warn("feed.refused", "answer=\"%.*s\"", (int)(v->s.n > 80 ? 80 : v->s.n), v->s.p);
        return;
    }
    s->feed_read.wait_ms = 0;
    const struct redis_value *entries = cell_row(cell_row(v, 0), 1);
    for (size_t i = 0; i < entries->n && !s->is_closing; i++)
        emit(s, cell(&entries->a[i], 0), cell_row(&entries->a[i], 1));
    if (!s->is_closing)
        feed_ask(s);
}

static void feed_ask(struct store *s) {
    struct span v[] = {SPAN("XREAD"), SPAN("COUNT"),   SPAN(FEED_BATCH), SPAN("BLOCK"),
                       SPAN("5000"),  SPAN("STREAMS"), SPAN(STREAM),     span_str(s->last_id)};
    redis_command_timeout(s->feed, 8, v, FEED_BLOCK_MS + 5000, feed_got, s);
}

/* "$" is asked once as a real id, so that nothing is missed between two reads or across a
 * reconnect. */
static void feed_last(void *arg, int error, const struct redis_value *v) {
    struct store *s = arg;
    if (error || s->is_closing)
        return;
    if (is_refusal(v)) {
        if (later(s, &s->feed_read, feed_begin))
            log_warn("feed.refused", "answer=\"%.*s\"", (int)(v->s.n > 80 ? 80 : v->s.n), v->s.p);
        return;
    }
    s->feed_read.wait_ms = 0;
    struct span id = cell(cell_row(v, 0), 0);
    snprintf(s->last_id, sizeof s->last_id, "%.*s", id.n ? (int)id.n : 3, id.n ? id.p : "0-0");
    feed_ask(s);
    if (s->is_proven && redis_is_ready(s->redis))
        ready(s);
}

static void feed_begin(void *arg) {
    struct store *s = arg;
    if (s->is_closing || !redis_is_ready(s->feed))
        return;
    if (s->last_id[0]) {
        feed_ask(s);
        return;
    }
    struct span v[] = {SPAN("XREVRANGE"), SPAN(STREAM),  SPAN("+"),
                       SPAN("-"),         SPAN("COUNT"), SPAN("1")};
    redis_command(s->feed, 6, v, feed_last, s);
}

static void feed_ready(void *arg, struct redis *r) {
    struct store *s = arg;
    s->feed = r;
    loop_timer_stop(&s->feed_read.timer);
    if (s->last_id[0]) {
        feed_ask(s);
        return;
    }
    struct span v[] = {SPAN("XREVRANGE"), SPAN(STREAM),  SPAN("+"),
                       SPAN("-"),         SPAN("COUNT"), SPAN("1")};
    redis_command(r, 6, v, feed_last, s);
}

/* ---- life ---- */
/* Not before the feed knows where it stands: what is stored from now on is heard. */
static void ready(struct store *s) {
    s->is_proven = s->last_id[0] == 0;
    if (s->is_proven)
        return;
    s->is_ready = true;
    s->on_ready(s->arg);
}

/* A server that does not let us look at its settings is managed; its operator vouches for it. */
static void checked(void *arg, int error, const struct redis_value *v) {
    struct store *s = arg;
    if (error || s->is_closing)
        return;
    bool is_append = false, is_always = false;
    for (size_t i = 0; i + 1 < v->n; i += 2) {
        if (span_eq(cell(v, i), "appendonly"))
            is_append = span_eq(cell(v, i + 1), "yes");
        if (span_eq(cell(v, i), "appendfsync"))
            is_always = span_eq(cell(v, i + 1), "always");
    }
    if (is_refusal(v))
        log_warn("store.unchecked",
                 "CONFIG GET is refused; appendonly and appendfsync are not proven");
    else if (!is_append || !is_always) {
        s->on_fatal(s->arg, "Redis does not keep durability: disk. It needs appendonly yes and "
                            "appendfsync always.");
        return;
    }
    ready(s);
}

static void replicas_checked(void *arg, int error, const struct redis_value *v) {
    struct store *s = arg;
    if (error || s->is_closing)
        return;
    if (v->type != REDIS_INT || v->i < s->replicas) {
        s->on_fatal(s->arg, "Redis does not have as many replicas as durability asks for.");
        return;
    }
    ready(s);
}

static void load_functions(void *arg);

static void prove(struct store *s) {
    s->load.wait_ms = 0;
    if (s->replicas) {
        char n[16];
        snprintf(n, sizeof n, "%d", s->replicas);
        struct span w[] = {SPAN("WAIT"), span_str(n), SPAN("1000")};
        redis_command(s->redis, 3, w, replicas_checked, s);
        return;
    }
    struct span c[] = {SPAN("CONFIG"), SPAN("GET"), SPAN("append*")};
    redis_command(s->redis, 3, c, checked, s);
}

static void loaded(void *arg, int error, const struct redis_value *v) {
    struct store *s = arg;
    if (error || s->is_closing)
        return;
    if (is_refusal(v)) {
        if (!starts(v->s, "ERR")) { /* LOADING, BUSY, READONLY, MISCONF: it passes */
            if (later(s, &s->load, load_functions))
                log_warn("store.waiting", "answer=\"%.*s\"", (int)(v->s.n > 80 ? 80 : v->s.n),
                         v->s.p);
            return;
        }
        log_error("store.functions", "answer=\"%.*s\"", (int)(v->s.n > 200 ? 200 : v->s.n), v->s.p);
        s->on_fatal(s->arg, "Redis refuses the function library; version 7.0 or newer is needed.");
        return;
    }
    prove(s);
}

/* An older release next to a newer one must not take its functions away: they have ours, too. A
 * refusal (no such function, still loading) is met again by the load. */
static void version_known(void *arg, int error, const struct redis_value *v) {
    struct store *s = arg;
    if (error || s->is_closing)
        return;
    if (library_is_newer(v)) {
        log_info("store.functions", "version=%lld of a newer release stay", v->i);
        prove(s);
        return;
    }
    struct span load[] = {SPAN("FUNCTION"), SPAN("LOAD"), SPAN("REPLACE"), library_text()};
    redis_command(s->redis, 4, load, loaded, s);
}

static void load_functions(void *arg) {
    struct store *s = arg;
    if (s->is_closing)
        return;
    struct span v[] = {SPAN("FCALL"), SPAN("draht_library_1"), SPAN("1"), SPAN(STORE_PREFIX)};
    redis_command(s->redis, 4, v, version_known, s);
}

static void connected(void *arg, struct redis *r) {
    struct store *s = arg;
    s->redis = r;
    s->is_ready = s->is_proven = false;
    loop_timer_stop(&s->load.timer);
    load_functions(s);
}

struct store *store_new(const struct store_options *o) {
    struct store *s = xcalloc(1, sizeof *s);
    s->loop = o->loop;
    s->replicas = o->replicas;
    s->on_ready = o->on_ready;
    s->on_fatal = o->on_fatal;
    s->on_event = o->on_event;
    s->arg = o->arg;
    struct redis_options ro = {.address = o->address,
                               .username = o->username,
                               .password = o->password,
                               .on_ready = connected,
                               .arg = s};
    if (ro.username && !*ro.username)
        ro.username = NULL;
    if (ro.password && !*ro.password)
        ro.password = NULL;
    s->redis = redis_new(o->loop, &ro);
    ro.on_ready = feed_ready;
    s->feed = redis_new(o->loop, &ro);
    ro.on_ready = NULL;
    for (int i = 0; i < LANES; i++)
        s->lanes[i] = redis_new(o->loop, &ro);
    return s;
}

bool store_is_ready(const struct store *s) {
    return s->is_ready && redis_is_ready(s->redis);
}

void store_close(struct store **sp) {
    struct store *s = *sp;
    if (!s)
        return;
    s->is_closing = true;
    s->is_ready = false;
    for (int i = 0; i < LANES; i++)
        redis_close(&s->lanes[i]);
    again_stop(&s->load);
    again_stop(&s->feed_read);
    redis_close(&s->feed);
    redis_close(&s->redis);
    free(s);
    *sp = NULL;
}
