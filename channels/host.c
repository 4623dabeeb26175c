/* SPDX-License-Identifier: EUPL-1.2 */
/* host: life of the channels: opens, starts, drains and closes them, and keeps those that break the
 * contract from harming anyone. What crosses the border is in host_in, host_store, host_out,
 * host_http. */
#include "channels/host_private.h"

#include <stdlib.h>

#include "channels/shared_object.h"

void host_extend(void *to, size_t to_bytes, const void *from) {
    uint32_t size;
    memcpy(&size, from, sizeof size);
    size_t n = size < to_bytes ? size : to_bytes;
    memset(to, 0, to_bytes);
    memcpy(to, from, n);
}

/* A dead host stays until the last answer came and the last socket closed, so that none meets freed
 * memory. */
static void bury(struct host *h) {
    if (!h->is_dead || h->refs > 0)
        return;
    for (int i = 0; i < h->channels_n; i++) {
        struct host_channel *c = h->channels[i];
        while (c->routes) {
            struct host_route *r = c->routes;
            c->routes = r->next;
            free(r->path);
            free(r);
        }
        host_log_free(&c->log);
        free(c->id);
        free(c->type);
        free(c->options);
        free(c->queue);
        json_decref(c->files);
        json_decref(c->text);
        free(c);
    }
    host_pool_free(&h->tokens);
    host_pool_free(&h->requests);
    free(h->channels);
    free(h->threads);
    buf_free(&h->fact);
    free(h);
}

void host_ref(struct host *h) {
    h->refs++;
}

void host_unref(struct host *h) {
    h->refs--;
    bury(h);
}

void host_pend(struct host_channel *c) {
    c->pending_n++;
    c->host->refs++;
}

bool host_unpend(struct host_channel *c) {
    struct host *h = c->host;
    c->pending_n--;
    h->refs--;
    if (!h->is_dead)
        return true;
    bury(h);
    return false;
}

void host_set_up(struct host_channel *c, bool is_up, const char *sentence) {
    snprintf(c->sentence, sizeof c->sentence, "%s", sentence ? sentence : "");
    if (c->is_broken || c->is_stopping)
        is_up = false;
    if (is_up == c->is_up)
        return;
    c->is_up = is_up;
    log_info("channel.health", "channel=%s up=%d", c->id, is_up);
    if (is_up)
        router_channel_up(c->host->o.router, &c->outbox);
    else
        router_channel_down(c->host->o.router, c->id);
}

void host_broken(struct host_channel *c, const char *what) {
    log_error("channel.broken", "channel=%s type=%s what=%s", c->id, c->type, what);
    char sentence[HOST_SENTENCE_BYTES];
    snprintf(sentence, sizeof sentence, "The channel broke its contract: %s.", what);
    c->is_broken = true;
    host_set_up(c, false, sentence);
}

struct host_channel *host_find(const struct host *h, const char *id) {
    for (int i = 0; id && i < h->channels_n; i++)
        if (strcmp(h->channels[i]->id, id) == 0)
            return h->channels[i];
    return NULL;
}

void *host_pool_take(struct host_pool *p, struct host_channel *owner, struct host_handle **list) {
    struct host_handle *x = NULL;
    if (p->resting_n > HOST_QUARANTINE) {
        x = p->resting_first;
        p->resting_first = x->next;
        p->resting_n--;
        memset(x, 0, p->bytes);
    } else {
        x = xcalloc(1, p->bytes);
    }
    x->owner = owner;
    x->is_live = true;
    x->next = *list;
    x->prev = list;
    if (x->next)
        x->next->prev = &x->next;
    *list = x;
    return x;
}

bool host_pool_give(struct host_pool *p, struct host_handle *x, const char *what) {
    if (!x->is_live) {
        host_broken(x->owner, what);
        return false;
    }
    *x->prev = x->next;
    if (x->next)
        x->next->prev = x->prev;
    x->is_live = false;
    x->next = NULL;
    if (p->resting_n++ == 0)
        p->resting_first = x;
    else
        p->resting_last->next = x;
    p->resting_last = x;
    return true;
}

void host_pool_free(struct host_pool *p) {
    while (p->resting_first) {
        struct host_handle *x = p->resting_first;
        p->resting_first = x->next;
        free(x);
    }
}

static struct host_channel *channel_new(struct host *h, const struct config_channel *cc,
                                        const struct draht_channel_ops *ops) {
    struct host_channel *c = xcalloc(1, sizeof *c);
    c->host = h;
    host_extend(&c->ops, sizeof c->ops, ops);
    c->id = xstrdup(cc->id);
    c->type = xstrdup(cc->type);
    c->queue = xstrdup(cc->queue ? cc->queue : "");
    c->options = xstrdup(cc->options ? cc->options : "{}");
    c->is_built_in = true;
    snprintf(c->mac_purpose, sizeof c->mac_purpose, "channel %s %s", c->type, c->id);
    c->outbox.id = c->id;
    c->outbox.type = c->type;
    c->outbox.concurrency = cc->concurrency > 0  ? (uint32_t)cc->concurrency
                            : c->ops.concurrency ? c->ops.concurrency
                                                 : 4;
    c->has_concurrency = cc->concurrency > 0;
    c->outbox.rate_per_minute = cc->rate_per_minute > 0 ? (uint32_t)cc->rate_per_minute : 0;
    c->outbox.is_idempotent = (c->ops.caps & DRAHT_CAP_IDEMPOTENT) != 0;
    c->outbox.has_history = (c->ops.caps & DRAHT_CAP_HISTORY) != 0;
    c->outbox.is_unthreaded = (c->ops.caps & DRAHT_CAP_UNTHREADED) != 0;
    c->outbox.resend_in_doubt = cc->in_doubt && strcmp(cc->in_doubt, "resend") == 0;
    return c;
}

static int open_one(struct host *h, const struct config_channel *cc, struct fault *f) {
    const struct draht_channel_ops *ops = registry_find(cc->type);
    if (!ops)
        return fault_set(f, ERR_UNSUPPORTED, "channel %s: there is no channel type \"%s\".", cc->id,
                         cc->type);
    char err[256] = "", *settings = NULL;
    bool is_object = strcmp(cc->type, shared_object_ops.type) == 0;
    if (is_object && !(ops = shared_object_load(cc->options, &settings, err)))
        return fault_set(f, ERR_UNSUPPORTED, "channel %s: %s", cc->id, err);
    struct host_channel *c = channel_new(h, cc, ops);
    c->is_built_in = !is_object;
    if (settings) {
        free(c->options);
        c->options = settings;
    }
    h->channels[h->channels_n++] = c;
    c->log = host_log_new(c, h->config->state_dir);
    if (!c->ops.open || !c->ops.start || !c->ops.stop || !c->ops.close || !c->ops.send)
        return fault_set(f, ERR_INVALID, "channel %s: the type \"%s\" lacks a required function.",
                         c->id, c->type);
    int rc = c->ops.open(&host_table, c, c->id, c->options, &c->state, err);
    if (rc < 0)
        return fault_set(f, rc, "channel %s: %s", c->id, err);
    c->is_open = true;
    return 0;
}

struct host *host_new(const struct host_options *o, struct fault *f) {
    struct host *h = xcalloc(1, sizeof *h);
    h->o = *o;
    h->config = o->config;
    h->tokens.bytes = sizeof(struct draht_token);
    h->requests.bytes = sizeof(struct draht_http);
    h->threads = xcalloc(HOST_THREADS, sizeof *h->threads);
    h->channels = xcalloc((size_t)o->config->channels_n + 1, sizeof(struct host_channel *));
    for (int i = 0; i < o->config->channels_n; i++) {
        const struct config_channel *cc = &o->config->channels[i];
        if (cc->enabled && open_one(h, cc, f) < 0) {
            host_free(&h);
            return NULL;
        }
    }
    return h;
}

int host_start(struct host *h, struct fault *f) {
    for (int i = 0; i < h->channels_n; i++) {
        struct host_channel *c = h->channels[i];
        char err[256] = "";
        int rc = c->ops.start(c->state, err);
        if (rc < 0)
            return fault_set(f, rc, "channel %s: %s", c->id, err);
        c->is_started = true;
        log_info("channel.started", "channel=%s type=%s", c->id, c->type);
    }
    return 0;
}

static bool is_drained(const struct host *h) {
    for (int i = 0; i < h->channels_n; i++) {
        const struct host_channel *c = h->channels[i];
        if (!c->is_stopped || c->tokens || c->pending_n)
            return false;
    }
    return true;
}

/* Gives back what belongs to the server and the router; idempotent. */
static void release_all(struct host *h) {
    for (int i = 0; i < h->channels_n; i++) {
        struct host_channel *c = h->channels[i];
        host_tokens_drop(c);
        host_scans_drop(c);
        host_runs_drop(c, false);
        host_requests_drop(c);
        host_lease_drop_all(c);
        host_watches_drop(c);
        host_routes_drop(c);
    }
}

static void drain_tick(void *arg) {
    struct host *h = arg;
    bool late = host_now(h) >= h->drain_until_ms;
    if (!is_drained(h) && !late)
        return;
    if (late)
        log_warn("channel.drain", "some channels did not finish in %d ms", HOST_DRAIN_MS);
    loop_timer_stop(&h->drain);
    release_all(h);
    if (h->on_stopped)
        h->on_stopped(h->on_stopped_arg);
}

static void on_channel_stopped(void *arg, int status) {
    struct host_channel *c = arg;
    (void)status;
    c->is_stopped = true;
    host_runs_drop(c, true);
    host_unpend(c);
}

void host_stop(struct host *h, void (*done)(void *arg), void *arg) {
    h->on_stopped = done;
    h->on_stopped_arg = arg;
    h->drain_until_ms = host_now(h) + HOST_DRAIN_MS;
    for (int i = 0; i < h->channels_n; i++) {
        struct host_channel *c = h->channels[i];
        host_set_up(c, false, "stopping");
        c->is_stopping = true;
        host_lease_drop_all(c);
        host_scans_drop(c);
        if (!c->is_started) {
            c->is_stopped = true;
            continue;
        }
        host_pend(c);
        c->ops.stop(c->state, on_channel_stopped, c);
    }
    h->drain = loop_timer(h->o.loop, 1, 20, drain_tick, h);
}

void host_free(struct host **hp) {
    struct host *h = *hp;
    if (!h)
        return;
    *hp = NULL;
    loop_timer_stop(&h->drain);
    host_places_end(h);
    release_all(h);
    for (int i = 0; i < h->channels_n; i++) {
        struct host_channel *c = h->channels[i];
        if (c->is_open)
            c->ops.close(c->state);
        c->is_open = false;
        host_timers_drop(c);
    }
    h->is_dead = true;
    bury(h);
}

static void reload_one(struct host_channel *c, const char *options) {
    if (strcmp(c->options, options) == 0)
        return;
    int rc = c->ops.reload ? c->ops.reload(c->state, options) : 1;
    log_info("channel.reload", "channel=%s needs_restart=%d", c->id, rc != 0);
    if (rc != 0)
        return;
    free(c->options);
    c->options = xstrdup(options);
}

void host_reload(struct host *h, const struct config *config) {
    h->config = config;
    for (int i = 0; i < config->channels_n; i++) {
        const struct config_channel *cc = &config->channels[i];
        struct host_channel *c = host_find(h, cc->id);
        char err[256] = "", *settings = NULL;
        if (!c || !cc->options)
            continue;
        if (c->is_built_in)
            reload_one(c, cc->options);
        else if (shared_object_load(cc->options, &settings, err))
            reload_one(c, settings);
        else
            log_warn("channel.reload", "channel=%s %s", c->id, err);
        free(settings);
    }
}

json_t *host_log_of(const struct host *h, const char *id, int limit) {
    const struct host_channel *c = host_find(h, id);
    return c ? host_log_lines(c->log, limit) : NULL;
}

json_t *host_caps(uint32_t caps) {
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {{DRAHT_CAP_ATTACHMENTS, "attachments"},
                 {DRAHT_CAP_DELIVERED, "delivered"},
                 {DRAHT_CAP_READ, "read"},
                 {DRAHT_CAP_IDEMPOTENT, "idempotent"},
                 {DRAHT_CAP_HISTORY, "history"},
                 {DRAHT_CAP_TYPING, "typing"},
                 {DRAHT_CAP_SUBJECT, "subject"},
                 {DRAHT_CAP_FIRST, "first"},
                 {DRAHT_CAP_UNTHREADED, "unthreaded"}};
    json_t *a = json_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (caps & names[i].bit)
            json_array_append_new(a, json_string(names[i].name));
    return a;
}

const char *host_first(const struct host *h, const char *id, bool *is_up) {
    const struct host_channel *c = host_find(h, id);
    *is_up = c && c->is_up;
    return c && c->ops.caps & DRAHT_CAP_FIRST ? c->type : NULL;
}

json_t *host_describe(const struct host *h) {
    json_t *all = json_array();
    for (int i = 0; i < h->channels_n; i++) {
        const struct host_channel *c = h->channels[i];
        json_t *o = json_object();
        json_puts(o, "id", c->id);
        json_puts(o, "type", c->type);
        json_object_set_new(o, "up", json_boolean(c->is_up));
        json_puts(o, "sentence", c->sentence);
        json_object_set_new(o, "caps", host_caps(c->ops.caps));
        json_puti(o, "text_max", c->ops.text_max);
        if (c->files)
            json_object_set(o, "files", c->files);
        if (c->text)
            json_object_set(o, "text", c->text);
        json_puti(o, "reply_window_hours", c->ops.reply_window_hours);
        json_puti(o, "last_in_ms", c->last_in_ms);
        json_puti(o, "last_out_ms", c->last_out_ms);
        json_puti(o, "waiting", (int64_t)c->tokens_n);
        json_array_append_new(all, o);
    }
    return all;
}

int host_normalize(const char *type, struct span raw, struct buf *out, char err[256]) {
    const struct draht_channel_ops *found = registry_find(type);
    if (!found) {
        snprintf(err, 256, "there is no channel type \"%s\"", type ? type : "");
        return ERR_NOT_FOUND;
    }
    struct draht_channel_ops ops;
    host_extend(&ops, sizeof ops, found);
    if (!ops.normalize) {
        snprintf(err, 256, "the channel type \"%s\" has no raw input of its own", type);
        return ERR_UNSUPPORTED;
    }
    char *text = NULL;
    int rc = ops.normalize(raw.p ? raw.p : "", raw.n, &text, err);
    if (rc < 0)
        return rc;
    if (text && *text)
        buf_adds(out, text);
    else
        buf_addf(out, "{\"kind\":\"ignored\",\"channel\":\"%s\",\"reason\":\"nothing in it\"}\n",
                 type);
    free(text);
    return 0;
}
