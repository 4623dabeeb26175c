/* SPDX-License-Identifier: EUPL-1.2 */
/* reply: what staff write: replies that go out, notes that stay. The client's id makes it happen
 * once. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/utf8.h"
#include "router/inner.h"

#define TEXT_MAX_BYTES (256u << 10)
#define CLIENT_ID_MAX_BYTES 128
#define ATTACHMENTS_MAX 20
#define RECIPIENT_MAX_BYTES 254

struct reply {
    struct router *r;
    struct arena *arena;
    router_json_fn done;
    void *arg;
    char *ticket, *user, *user_name, *kind, *channel /* empty: the ticket's own */;
    char *about;
    char client[CRYPTO_HASH_HEX];
    json_t *body, *record;
    int64_t now_ms, undo_ms;
    int error;
    bool is_remembered; /* the ticket's key was, instead of asked for */
};

static void finish(struct reply *x, int error, json_t *v) {
    x->r->open--;
    x->done(x->arg, error, v);
    json_decref(x->body);
    json_decref(x->record);
    struct arena *a = x->arena;
    arena_free(&a);
}

static void refuse(void *arg) {
    struct reply *x = arg;
    finish(x, x->error, NULL);
}

static int check(const json_t *body) {
    const char *kind = json_str(body, "kind", "");
    if (strcmp(kind, "reply") != 0 && strcmp(kind, "note") != 0)
        return ERR_INVALID;
    const json_t *text = json_object_get(body, "text"),
                 *files = json_object_get(body, "attachments");
    if (!json_is_string(text) || (!json_string_length(text) && !json_array_size(files)))
        return ERR_INVALID;
    if (json_string_length(text) > TEXT_MAX_BYTES || json_array_size(files) > ATTACHMENTS_MAX)
        return ERR_TOO_LARGE;
    if (*json_str(body, "channel", "") && !*json_str(body, "recipient", ""))
        return ERR_INVALID;
    if (strlen(json_str(body, "recipient", "")) > RECIPIENT_MAX_BYTES)
        return ERR_TOO_LARGE;
    if (strlen(json_str(body, "client_id", "")) > CLIENT_ID_MAX_BYTES)
        return ERR_TOO_LARGE;
    return 0;
}

static void read_back(void *arg, int error, json_t *v) {
    finish(arg, error, v);
}

static void ask_key(struct reply *x);

/* A repetition with the same client id shows what was stored then. */
static void stored(void *arg, int error, const struct redis_value *v) {
    struct reply *x = arg;
    if (!error && v->type == REDIS_INT) {
        message_read(x->r, x->ticket, v->i, read_back, x);
        return;
    }
    if (error == ERR_CONFLICT && x->is_remembered) {
        known_forget(x->r->known, x->ticket);
        ask_key(x);
        return;
    }
    if (error || v->type != REDIS_ARRAY) {
        finish(x, error ? error : ERR_UNAVAILABLE, NULL);
        return;
    }
    struct delivery d;
    bool is_out = delivery_parse(cell(v, 1), &d);
    json_t *shown = view_message(x->r, x->ticket, cell_int(v, 0), x->record, is_out ? &d : NULL,
                                 SPAN("") /* no reason is sealed yet */);
    finish(x, 0, shown);
    json_decref(shown);
}

static void build(struct reply *x, const struct known *k) {
    size_t n = 0;
    struct span text =
        utf8_clean(x->arena, span_str(json_str(x->body, "text", "")), TEXT_MAX_BYTES, NULL);
    struct attachment *files =
        attachments_from(x->arena, json_object_get(x->body, "attachments"), &n);
    json_decref(x->record);
    x->record = json_object();
    json_puts(x->record, "direction", strcmp(x->kind, "note") == 0 ? "note" : "out");
    json_puti(x->record, "at", x->now_ms);
    json_puts(x->record, "by", x->user);
    json_puts(x->record, "name", x->user_name);
    if (strcmp(x->kind, "aside") == 0)
        json_object_set_new(x->record, "automatic", json_true());
    if (*x->channel) {
        json_puts(x->record, "channel", x->channel);
        json_puts(x->record, "channel_type", json_str(x->body, "channel_type", ""));
        json_puts(x->record, "to", json_str(x->body, "recipient", ""));
    } else {
        json_puts(x->record, "channel", k->channel);
        json_puts(x->record, "channel_type", k->channel_type);
    }
    json_put(x->record, "text", text);
    if (n)
        json_object_set_new(x->record, "attachments", attachments_json(files, n));
}

static void send_reply(struct reply *x, const struct known *k) {
    struct router *r = x->r;
    const struct contact *c = &k->contact;
    struct args *a = args_new(r);
    struct buf record = {0}, preview = {0};
    build(x, k);
    envelope_seal_json(c, x->record, &record);
    json_t *p = json_object();
    json_put(p, "text",
             utf8_clean(a->arena, span_str(json_str(x->record, "text", "")), PREVIEW_BYTES, NULL));
    envelope_seal_json(c, p, &preview);
    json_decref(p);
    args_i(a, x->now_ms);
    args_z(a, x->ticket);
    args_z(a, x->user);
    args_z(a, x->client);
    args_s(a, buf_span(&record));
    args_z(a, x->kind);
    args_i(a, x->undo_ms);
    args_i(a, x->undo_ms);
    args_z(a, json_flag(x->body, "close", false) ? "1" : "0");
    args_s(a, buf_span(&preview));
    args_i(a, (int64_t)json_array_size(json_object_get(x->body, "attachments")));
    args_z(a, x->channel);
    args_z(a, x->about);
    store_call_durable(r->store, "reply_2", a, stored, x);
    args_free(&a);
    buf_free(&record);
    buf_free(&preview);
}

static void key_known(void *arg, int error, const struct redis_value *v) {
    struct reply *x = arg;
    struct known k;
    if (!error)
        error = cell(v, 0).n ? known_learn(x->r, span_str(x->ticket), cell(v, 0), cell(v, 1),
                                           cell(v, 2), cell(v, 3), &k)
                             : ERR_CONFLICT; /* erased */
    if (error) {
        finish(x, error, NULL);
        return;
    }
    send_reply(x, &k);
    explicit_bzero(&k, sizeof k);
}

static void ask_key(struct reply *x) {
    struct args *a = args_new(x->r);
    x->is_remembered = false;
    args_z(a, x->ticket);
    store_call(x->r->store, "keyof", a, key_known, x);
    args_free(&a);
}

static struct reply *reply_new(struct router *r, const char *ticket, const char *user,
                               const char *name, router_json_fn done, void *arg) {
    struct arena *arena = arena_new();
    struct reply *x = arena_alloc(arena, sizeof *x);
    x->r = r;
    x->arena = arena;
    x->done = done;
    x->arg = arg;
    x->ticket = arena_strdup(arena, ticket);
    x->user = arena_strdup(arena, user);
    x->user_name = arena_strdup(arena, name);
    x->about = "";
    x->now_ms = now_of(r);
    r->open++;
    return x;
}

/* body: taken. */
static void start(struct reply *x, const char *kind, const char *channel, json_t *body) {
    struct arena *arena = x->arena;
    x->body = body;
    x->kind = arena_strdup(arena, kind);
    x->channel = arena_strdup(arena, channel);
    const char *client = json_str(body, "client_id", "");
    struct span own = span_str(arena_printf(arena, "%s\n%s\n%s", x->user, x->ticket, client));
    if (*client)
        crypto_hash(x->r->crypto, "client", own, x->client);
    const struct known *k = known_find(x->r->known, x->ticket);
    x->is_remembered = k != NULL;
    if (k)
        send_reply(x, k);
    else
        ask_key(x);
}

void reply_create(struct router *r, const char *ticket, const char *user, const char *user_name,
                  const json_t *body, router_json_fn done, void *arg) {
    struct reply *x = reply_new(r, ticket, user, user_name ? user_name : user, done, arg);
    x->undo_ms = x->now_ms + (int64_t)r->config->undo_seconds * 1000;
    x->error = check(body);
    if (x->error) {
        loop_soon(r->loop, refuse, x);
        return;
    }
    const char *kind = json_str(body, "kind", "");
    start(x, kind, strcmp(kind, "reply") == 0 ? json_str(body, "channel", "") : "",
          json_deep_copy(body));
}

void reply_aside(struct router *r, const struct reply_aside *m, router_json_fn done, void *arg) {
    struct reply *x = reply_new(r, m->ticket, "", m->name, done, arg);
    x->undo_ms = x->now_ms + m->delay_ms;
    x->about = arena_strdup(x->arena, m->about);
    json_t *body = json_object();
    json_puts(body, "text", m->text);
    json_puts(body, "channel_type", m->channel_type);
    json_puts(body, "recipient", m->recipient);
    json_puts(body, "client_id", m->client);
    start(x, "aside", m->channel, body);
}
