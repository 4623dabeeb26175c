/* SPDX-License-Identifier: EUPL-1.2 */
/* meta: life of the three channels, the one request all others are made of, and typing. */
#include "channels/meta/meta_private.h"

#include <stdio.h>
#include <stdlib.h>

#define TYPING_EVERY_MS 15000 /* Meta shows it for up to 25 seconds */
#define CALL_TIMEOUT_MS 60000
#define CALL_ANSWER_MAX (1u << 20)

static int open_as(enum meta_flavour flavour, const struct draht_host *h, void *host,
                   const char *options, void **out, char *err) {
    struct meta_settings s = {0};
    int rc = meta_settings_read(flavour, options, &s, err);
    if (rc < 0)
        return rc;
    struct meta *m = xcalloc(1, sizeof *m);
    m->h = h;
    m->host = host;
    m->flavour = flavour;
    m->s = s;
    *out = m;
    return 0;
}

static int open_whatsapp(const struct draht_host *h, void *host, const char *id,
                         const char *options, void **out, char *err) {
    (void)id;
    return open_as(META_WHATSAPP, h, host, options, out, err);
}
static int open_messenger(const struct draht_host *h, void *host, const char *id,
                          const char *options, void **out, char *err) {
    (void)id;
    return open_as(META_MESSENGER, h, host, options, out, err);
}
static int open_instagram(const struct draht_host *h, void *host, const char *id,
                          const char *options, void **out, char *err) {
    (void)id;
    return open_as(META_INSTAGRAM, h, host, options, out, err);
}

static int start(void *channel, char *err) {
    struct meta *m = channel;
    (void)err;
    m->h->route(m->host, "GET", "/webhook", 0, meta_on_verify);
    m->h->route(m->host, "POST", "/webhook", META_BODY_BYTES_MAX, meta_on_post);
    meta_offer_limits(m);
    m->h->health(m->host, 1, "");
    return 0;
}

void meta_idle(struct meta *m) {
    if (!m->stopped || m->posts || m->sends)
        return;
    draht_done_fn done = m->stopped;
    m->stopped = NULL;
    done(m->stopped_arg, 0);
}

static void stop(void *channel, draht_done_fn done, void *arg) {
    struct meta *m = channel;
    m->is_stopping = true;
    m->stopped = done;
    m->stopped_arg = arg;
    meta_idle(m);
}

static void close_channel(void *channel) {
    struct meta *m = channel;
    meta_posts_drop(m);
    meta_sends_drop(m);
    meta_settings_free(&m->s);
    free(m);
}

/* New tokens and templates hold from the next request on. */
static int reload(void *channel, const char *options) {
    struct meta *m = channel;
    struct meta_settings s = {0};
    char err[256];
    if (m->posts || m->sends || meta_settings_read(m->flavour, options, &s, err) < 0)
        return 1;
    meta_settings_free(&m->s);
    m->s = s;
    meta_offer_limits(m);
    return 0;
}

void meta_log(struct meta *m, int level, const char *event, const char *text) {
    m->h->log(m->host, level, event, text);
}

static void not_waited_for(void *arg, const struct draht_http_answer *a) {
    (void)arg, (void)a;
}

bool meta_call(struct meta *m, const char *method, const char *path, const char *content_type,
               struct span body, draht_http_answer_fn done, void *arg) {
    struct buf url = {0}, bearer = {0}, type = {0};
    buf_addf(&url, "%s/%s", m->s.api, path);
    buf_addf(&bearer, "Authorization: Bearer %s", m->s.access_token);
    buf_addf(&type, "Content-Type: %s", content_type ? content_type : "application/json");
    const char *headers[] = {bearer.p, type.p, NULL};
    struct draht_http_call call = {.size = sizeof call,
                                   .method = method,
                                   .url = url.p,
                                   .headers = headers,
                                   .body = kit_out(body),
                                   .timeout_ms = CALL_TIMEOUT_MS,
                                   .answer_max = CALL_ANSWER_MAX,
                                   .flags = DRAHT_HTTP_OPERATOR | DRAHT_HTTP_ONCE,
                                   .done = done ? done : not_waited_for,
                                   .arg = arg};
    bool ok = m->h->http_call(m->host, &call) != NULL;
    buf_free(&url);
    buf_free(&bearer);
    buf_free(&type);
    return ok;
}

struct typing {
    struct meta *m;
    bool is_typing;
    size_t thread_n;
    char thread[];
};

static void type_now(void *arg, const struct meta_last *last) {
    struct typing *t = arg;
    struct meta *m = t->m;
    int64_t age_ms = m->h->now_ms(m->host) - last->at_ms;
    if (last->at_ms && age_ms < META_WINDOW_MS && m->flavour == META_WHATSAPP) {
        meta_mark_read(m, SPAN_NONE, last->mid, true);
    } else if (last->at_ms && age_ms < META_WINDOW_MS) {
        struct buf b = {0};
        meta_address(m, &b, (struct span){t->thread, t->thread_n});
        buf_adds(&b, t->is_typing ? ",\"sender_action\":\"typing_on\"}"
                                  : ",\"sender_action\":\"typing_off\"}");
        char path[80];
        snprintf(path, sizeof path, "%s/messages", m->s.node);
        meta_call(m, "POST", path, NULL, buf_span(&b), NULL, NULL);
        buf_free(&b);
    }
    free(t);
}

/* WhatsApp's sign cannot be taken back, it fades by itself. */
static void typing(void *channel, struct draht_span thread, struct draht_span who, int is_typing) {
    struct meta *m = channel;
    struct span s = kit_in(thread);
    (void)who;
    int64_t now = m->h->now_ms(m->host);
    if (s.n == 0 || (!is_typing && m->flavour == META_WHATSAPP) ||
        kit_told(&m->typing_told, s, is_typing != 0, now, TYPING_EVERY_MS))
        return;
    struct typing *t = xcalloc(1, sizeof *t + s.n);
    t->m = m;
    t->is_typing = is_typing != 0;
    t->thread_n = s.n;
    memcpy(t->thread, s.p, s.n);
    meta_last_get(m, s, type_now, t);
}

/* Instagram reports what was read and nothing of delivery. */
#define CAPS_INSTAGRAM                                                                             \
    (DRAHT_CAP_ATTACHMENTS | DRAHT_CAP_READ | DRAHT_CAP_TYPING | DRAHT_CAP_UNTHREADED)
#define CAPS (CAPS_INSTAGRAM | DRAHT_CAP_DELIVERED)

const struct draht_channel_ops whatsapp_ops = {.size = sizeof whatsapp_ops,
                                               .caps = CAPS,
                                               .type = "whatsapp",
                                               .options = whatsapp_option_rows,
                                               .text_max = 4096,
                                               .concurrency = 16,
                                               .reply_window_hours = 24,
                                               .open = open_whatsapp,
                                               .start = start,
                                               .stop = stop,
                                               .close = close_channel,
                                               .send = meta_send,
                                               .typing = typing,
                                               .normalize = whatsapp_normalize,
                                               .reload = reload};
const struct draht_channel_ops messenger_ops = {.size = sizeof messenger_ops,
                                                .caps = CAPS,
                                                .type = "messenger",
                                                .options = messenger_option_rows,
                                                .text_max = 2000,
                                                .concurrency = 16,
                                                .reply_window_hours = 24,
                                                .open = open_messenger,
                                                .start = start,
                                                .stop = stop,
                                                .close = close_channel,
                                                .send = meta_send,
                                                .typing = typing,
                                                .normalize = messenger_normalize,
                                                .reload = reload};
const struct draht_channel_ops instagram_ops = {.size = sizeof instagram_ops,
                                                .caps = CAPS_INSTAGRAM,
                                                .type = "instagram",
                                                .options = instagram_option_rows,
                                                .text_max = 1000,
                                                .concurrency = 16,
                                                .reply_window_hours = 24,
                                                .open = open_instagram,
                                                .start = start,
                                                .stop = stop,
                                                .close = close_channel,
                                                .send = meta_send,
                                                .typing = typing,
                                                .normalize = instagram_normalize,
                                                .reload = reload};
