/* SPDX-License-Identifier: EUPL-1.2 */
/* router: puts the parts together, starts and stops them. No rule of the house stands here. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "router/inner.h"

#define CONTACTS_REMEMBERED 10000
#define REMIND_EVERY_MS 20000
#define DUE_BATCH 100 /* as 70_change.lua has it */
#define REINDEX_BATCH 200
#define STOP_MAX_MS 10000
#define STOP_LOOK_MS 20

/* The instance's name survives a restart, so that it finds its own leases again. */
static int instance_open(struct router *r, const char *state_dir, struct fault *f) {
    char path[600];
    snprintf(path, sizeof path, "%s/instance", state_dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = read(fd, r->instance, ID_BYTES - 1);
        close(fd);
        if (n == ID_BYTES - 1)
            return 0;
    }
    id_new(now_of(r), r->instance);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_written =
        fd >= 0 && write(fd, r->instance, ID_BYTES - 1) == ID_BYTES - 1 && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    return is_written ? 0
                      : fault_set(f, ERR_STORAGE, "%s cannot be written: %s.", path, strerror(why));
}

static void reminded(void *arg, int error, const struct redis_value *v) {
    (void)arg;
    (void)v;
    if (error && error != ERR_UNAVAILABLE && error != ERR_CLOSED)
        log_warn("ticket.remind", "error=%s", error_name(error));
}

static void look_at_due(struct router *r);

/* A full batch: there may be more. */
static void due_looked(void *arg, int error, const struct redis_value *v) {
    reminded(arg, error, v);
    if (!error && v->type == REDIS_INT && v->i >= DUE_BATCH)
        look_at_due(arg);
}

static void look_at_due(struct router *r) {
    if (r->is_stopping || !store_is_ready(r->store))
        return;
    struct args *a = args_new(r);
    args_i(a, now_of(r));
    store_call(r->store, "due", a, due_looked, r);
    args_free(&a);
}

static void remind(void *arg) {
    struct router *r = arg;
    look_at_due(r);
    if (!store_is_ready(r->store))
        return;
    struct args *a = args_new(r);
    args_i(a, now_of(r));
    store_call(r->store, "remind", a, reminded, r);
    args_free(&a);
}

static void reindex(struct router *r);

/* Batch by batch, so that messages are taken in between. */
static void reindexed(void *arg, int error, const struct redis_value *v) {
    struct router *r = arg;
    if (error && error != ERR_UNAVAILABLE && error != ERR_CLOSED)
        log_warn("store.reindex", "error=%s", error_name(error));
    if (!error && v->type == REDIS_INT && v->i == 1)
        reindex(r);
}

static void reindex(struct router *r) {
    if (r->is_stopping || !store_is_ready(r->store))
        return;
    struct args *a = args_new(r);
    args_i(a, now_of(r));
    args_i(a, REINDEX_BATCH);
    store_call(r->store, "reindex", a, reindexed, r);
    args_free(&a);
}

static void store_ready(void *arg) {
    struct router *r = arg;
    names_load(r);
    reindex(r);
    outbox_ready(r->outbox);
    if (r->on_ready)
        r->on_ready(r->arg);
}

static void store_fatal(void *arg, const char *why) {
    struct router *r = arg;
    if (r->on_fatal)
        r->on_fatal(r->arg, why);
}

static void store_event(void *arg, const struct store_event *e) {
    struct router *r = arg;
    if (r->is_stopping)
        return;
    char message[64] = "";
    if (*e->n && strcmp(e->n, "0") != 0)
        snprintf(message, sizeof message, "%.30s.%.20s", e->ticket, e->n);
    if (strcmp(e->type, "contact.erased") == 0) {
        contacts_forget(r->contacts, e->info);
        known_forget_contact(r->known, e->info);
    }
    bool is_queued = strcmp(e->type, "message.received") != 0 || strstr(e->info, ",ack");
    if (is_queued && strncmp(e->type, "message.", 8) == 0)
        outbox_wake(r->outbox, e->channel);
    if (!r->listener)
        return;
    struct feed_event f = {.id = e->id,
                           .type = e->type,
                           .ticket = e->ticket,
                           .message = message,
                           .channel = e->channel,
                           .queue = e->queue,
                           .actor = e->actor,
                           .info = e->info,
                           .thread = e->thread,
                           .seq = strtoull(e->seq, NULL, 10),
                           .at_ms = e->at_ms};
    r->listener(r->listener_arg, &f);
}

static int replicas_of(const char *durability) {
    int n = 0;
    if (durability && sscanf(durability, "replicas:%d", &n) == 1 && n > 0)
        return n;
    return 0;
}

struct router *router_new(const struct router_options *o, struct fault *f) {
    struct router *r = xcalloc(1, sizeof *r);
    r->loop = o->loop;
    r->crypto = o->crypto;
    r->clock = o->clock;
    r->config = o->config;
    r->sender = o->sender;
    r->sender_arg = o->sender_arg;
    r->listener = o->listener;
    r->listener_arg = o->listener_arg;
    r->on_ready = o->on_ready;
    r->on_fatal = o->on_fatal;
    r->arg = o->arg;
    r->blobs = instance_open(r, o->config->state_dir, f)
                   ? NULL
                   : blobs_open(o->loop, o->crypto, o->config->state_dir, f);
    if (!r->blobs) {
        free(r);
        return NULL;
    }
    crypto_purpose_key(o->crypto, "house", r->house_key);
    r->contacts = contacts_new(CONTACTS_REMEMBERED);
    r->known = known_new();
    r->rules = rules_new(o->config);
    r->staff_names = json_object();
    r->staff_rows = memo_new();
    r->outbox = outbox_new(r);
    struct store_options so = {.loop = o->loop,
                               .address = o->redis_address,
                               .username = o->config->redis_username,
                               .password = o->config->redis_password,
                               .replicas = replicas_of(o->config->durability),
                               .on_ready = store_ready,
                               .on_fatal = store_fatal,
                               .on_event = store_event,
                               .arg = r};
    r->store = store_new(&so);
    r->minute = loop_timer(o->loop, REMIND_EVERY_MS, REMIND_EVERY_MS, remind, r);
    return r;
}

bool router_is_ready(const struct router *r) {
    return !r->is_stopping && store_is_ready(r->store);
}

void router_reload(struct router *r, const struct config *c) {
    r->config = c;
    rules_free(&r->rules);
    r->rules = rules_new(c);
}

static void look(void *arg) {
    struct router *r = arg;
    bool is_idle = !r->open && outbox_is_idle(r->outbox) && blobs_is_idle(r->blobs);
    int64_t waited = (int64_t)uv_now(loop_uv(r->loop)) - r->stop_ms;
    if (!is_idle && waited < STOP_MAX_MS)
        return;
    loop_timer_stop(&r->stopping);
    if (!is_idle)
        log_warn("router.stop", "open=%zu", r->open);
    r->stopped(r->stopped_arg);
}

void router_stop(struct router *r, void (*done)(void *arg), void *arg) {
    r->is_stopping = true;
    r->stopped = done;
    r->stopped_arg = arg;
    r->stop_ms = (int64_t)uv_now(loop_uv(r->loop));
    outbox_stop(r->outbox);
    r->stopping = loop_timer(r->loop, 0, STOP_LOOK_MS, look, r);
}

void router_free(struct router **rp) {
    struct router *r = *rp;
    if (!r)
        return;
    loop_timer_stop(&r->minute);
    loop_timer_stop(&r->stopping);
    store_close(&r->store);
    outbox_free(&r->outbox);
    rules_free(&r->rules);
    contacts_free(&r->contacts);
    known_free(&r->known);
    blobs_close(&r->blobs);
    names_free(r);
    memo_free(&r->staff_rows);
    explicit_bzero(r->house_key, sizeof r->house_key);
    free(r);
    *rp = NULL;
}
