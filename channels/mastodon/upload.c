/* SPDX-License-Identifier: EUPL-1.2 */
/* upload: a file of a reply to the instance; large ones are still being worked on when the answer
 * comes (202), and are asked for until they are done. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/mastodon/mastodon_private.h"
#include "gateway/base/crypto.h"

#define ASK_EVERY_MS 1000
#define ASKS_MAX 120

struct mast_upload {
    struct mastodon *m;
    mast_uploaded_fn done;
    void *arg;
    struct draht_timer *timer;
    char id[TOOT_ID_BYTES_MAX + 1];
    int asks;
    bool is_asking;
};

static void finish(struct mast_upload *u, struct span id, struct mast_verdict v) {
    mast_uploaded_fn done = u->done;
    void *arg = u->arg;
    char copy[TOOT_ID_BYTES_MAX + 1] = "";
    if (id.n)
        memcpy(copy, u->id, sizeof copy);
    if (u->timer)
        u->m->h->timer_stop(u->timer);
    free(u);
    done(arg, id.n ? span_str(copy) : SPAN_NONE, v);
}

static void ask(void *arg);

static void ask_later(struct mast_upload *u) {
    if (++u->asks > ASKS_MAX)
        finish(u, SPAN_NONE,
               (struct mast_verdict){DRAHT_RETRY, "The instance is still working on a file.", 0});
    else if (!u->timer)
        u->timer = u->m->h->timer(u->m->host, ASK_EVERY_MS, ASK_EVERY_MS, ask, u);
}

static void on_progress(void *arg, const struct draht_http_answer *a) {
    struct mast_upload *u = arg;
    u->is_asking = false;
    if (!a->error && a->status == 200)
        finish(u, span_str(u->id), (struct mast_verdict){0});
    else if (!a->error && (a->status == 206 || a->status == 202))
        ask_later(u);
    else
        finish(u, SPAN_NONE, mast_verdict_of(u->m, a));
}

static void ask(void *arg) {
    struct mast_upload *u = arg;
    char path[TOOT_ID_BYTES_MAX + 32];
    if (u->is_asking)
        return;
    snprintf(path, sizeof path, "/api/v1/media/%s", u->id);
    u->is_asking = mast_call(u->m, "GET", path, NULL, NULL, SPAN_NONE, on_progress, u);
}

static void on_answer(void *arg, const struct draht_http_answer *a) {
    struct mast_upload *u = arg;
    u->is_asking = false;
    json_t *v = !a->error && (a->status == 200 || a->status == 202)
                    ? json_parse(kit_in(a->body), MASTODON_ANSWER_BYTES_MAX, NULL)
                    : NULL;
    const char *id = json_str(v, "id", "");
    bool is_plain = *id && strlen(id) <= TOOT_ID_BYTES_MAX && !strpbrk(id, "/?#&%\\ ");
    snprintf(u->id, sizeof u->id, "%s", is_plain ? id : "");
    json_decref(v);
    if (!is_plain)
        finish(u, SPAN_NONE, mast_verdict_of(u->m, a));
    else if (a->status == 202)
        ask_later(u);
    else
        finish(u, span_str(u->id), (struct mast_verdict){0});
}

struct mast_upload *mast_upload(struct mastodon *m, const struct draht_attachment *x,
                                mast_uploaded_fn done, void *arg) {
    struct mast_upload *u = xcalloc(1, sizeof *u);
    struct arena *a = arena_new();
    uint8_t raw[16];
    char boundary[50] = "draht", type[120];
    u->m = m;
    u->done = done;
    u->arg = arg;
    m->h->random(raw, sizeof raw);
    crypto_hex(raw, sizeof raw, boundary + 5);
    snprintf(type, sizeof type, "multipart/form-data; boundary=%s", boundary);
    struct span name = kit_name(a, kit_in(x->name));
    struct buf b = {0};
    buf_addf(&b,
             "--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%.*s\"\r\n"
             "Content-Type: %.*s\r\n\r\n",
             boundary, (int)name.n, name.p, (int)x->type.n, x->type.p ? x->type.p : "");
    buf_add(&b, x->bytes.p, x->bytes.n);
    buf_addf(&b, "\r\n--%s\r\nContent-Disposition: form-data; name=\"description\"\r\n\r\n%.*s",
             boundary, (int)name.n, name.p);
    buf_addf(&b, "\r\n--%s--\r\n", boundary);
    u->is_asking = mast_call(m, "POST", "/api/v2/media", NULL, type, buf_span(&b), on_answer, u);
    bool ok = u->is_asking;
    buf_free(&b);
    arena_free(&a);
    if (ok)
        return u;
    free(u);
    return NULL;
}

void mast_upload_drop(struct mast_upload *u) {
    if (u->timer)
        u->m->h->timer_stop(u->timer);
    free(u);
}
