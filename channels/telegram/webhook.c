/* SPDX-License-Identifier: EUPL-1.2 */
/* webhook: Telegram calls us, with our own word in a header. It hears 200 when the update is
 * durable; anything else makes it send the update again. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/telegram/telegram_private.h"
#include "gateway/base/crypto.h"

#define REGISTER_TIMEOUT_MS 30000
#define REGISTER_AGAIN_MS 60000

struct post {
    struct telegram *t;
    struct draht_http *x;
};

static void respond(struct telegram *t, struct draht_http *x, int status) {
    t->h->http_respond(x, status, "text/plain; charset=utf-8",
                       kit_str(status == 200 ? "ok\n" : "not taken\n"));
}

static void on_taken(void *arg, size_t taken) {
    struct post *p = arg;
    respond(p->t, p->x, taken == 1 ? 200 : 503);
    free(p);
}

static bool is_ours(const struct telegram *t, struct span given) {
    return given.n == strlen(t->s.secret) && crypto_equal(given.p, t->s.secret, given.n);
}

static void on_post(void *channel, struct draht_http *x) {
    struct telegram *t = channel;
    if (!is_ours(t, kit_in(t->h->http_header(x, "x-telegram-bot-api-secret-token")))) {
        tg_log(t, 2, "telegram.secret", "a request without the right secret was refused");
        respond(t, x, 401);
        return;
    }
    if (t->works_n >= TG_POSTS_MAX || t->is_stopping) {
        t->h->http_set_header(x, "retry-after", "5");
        respond(t, x, 503);
        return;
    }
    json_t *v = json_parse(kit_in(t->h->http_body(x)), TG_UPDATE_BYTES_MAX, NULL);
    if (!json_is_object(v)) {
        json_decref(v);
        respond(t, x, 400);
        return;
    }
    struct post *p = xcalloc(1, sizeof *p);
    *p = (struct post){t, x};
    json_t *list = json_array();
    json_array_append_new(list, v);
    tg_take(t, list, on_taken, p);
}

/* Every gateway takes updates; one puts albums together. */
void tg_webhook_lease(void *channel, int held) {
    struct telegram *t = channel;
    t->is_held = held != 0;
    tg_album_wake(t, 0);
}

void tg_webhook_route(struct telegram *t) {
    t->h->route(t->host, "POST", "/webhook", TG_UPDATE_BYTES_MAX, on_post);
}

static void on_again(void *arg) {
    struct telegram *t = arg;
    t->h->timer_stop(t->again);
    t->again = NULL;
    tg_webhook_register(t);
}

static void on_registered(void *arg, const struct draht_http_answer *a) {
    struct telegram *t = arg;
    t->run = NULL;
    json_t *v = a->error || a->status != 200 ? NULL : json_parse(kit_in(a->body), 1 << 16, NULL);
    bool ok = json_flag(v, "ok", false);
    json_decref(v);
    t->h->health(t->host, ok, ok ? "" : tg_error(a, false).reason);
    if (!ok && !t->is_stopping)
        t->again = t->h->timer(t->host, REGISTER_AGAIN_MS, 0, on_again, t);
    tg_idle(t);
}

void tg_webhook_register(struct telegram *t) {
    struct draht_span base = t->h->fact(t->host, "public.url");
    if (!base.p || !base.n) {
        t->h->health(t->host, 0, "mode: webhook needs listen.public_url.");
        return;
    }
    struct buf url = {0}, b = {0};
    bool has_slash = base.p[base.n - 1] == '/';
    buf_addf(&url, "%.*s%schannels/%s/webhook", (int)base.n, base.p, has_slash ? "" : "/", t->id);
    buf_adds(&b, "{\"url\":");
    kit_json(&b, buf_span(&url));
    buf_adds(&b, ",\"secret_token\":");
    kit_json(&b, span_str(t->s.secret));
    buf_adds(&b, ",\"allowed_updates\":[\"message\",\"edited_message\",\"my_chat_member\"]}");
    tg_call(t, "setWebhook", NULL, buf_span(&b), REGISTER_TIMEOUT_MS, 0, on_registered, t, &t->run);
    buf_free(&url);
    buf_free(&b);
    if (!t->run)
        t->h->health(t->host, 0, "The API's address may not be called.");
}
