/* SPDX-License-Identifier: EUPL-1.2 */
/* telegram: life of the channel, the one request all others are made of, and typing. */
#include "channels/telegram/telegram_private.h"

#include <stdio.h>
#include <stdlib.h>

#define TYPING_EVERY_MS 4000 /* Telegram shows it for five seconds */
#define SAY_TIMEOUT_MS 30000
#define ANSWER_BYTES_MAX (16u << 20)

static int open_channel(const struct draht_host *h, void *host, const char *id, const char *options,
                        void **out, char *err) {
    struct tg_settings s = {0};
    int rc = tg_settings_read(options, &s, err);
    if (rc < 0)
        return rc;
    struct telegram *t = xcalloc(1, sizeof *t);
    t->h = h;
    t->host = host;
    t->id = xstrdup(id);
    t->s = s;
    *out = t;
    return 0;
}

static int start(void *channel, char *err) {
    struct telegram *t = channel;
    (void)err;
    const struct draht_text text = {.size = sizeof text,
                                    .unit = DRAHT_TEXT_UTF16,
                                    .message_max = TG_TEXT_UNITS,
                                    .messages_max = TG_PIECES_MAX};
    kit_files_up_to(t->h, t->host, TG_UPLOAD_BYTES_MAX);
    t->h->text(t->host, &text);
    if (t->s.is_webhook) {
        tg_webhook_route(t);
        tg_webhook_register(t);
        t->h->lease(t->host, kit_str("updates"), tg_webhook_lease);
        return 0;
    }
    t->h->health(t->host, 1, "");
    t->h->lease(t->host, kit_str("updates"), tg_poll_lease);
    return 0;
}

void tg_idle(struct telegram *t) {
    if (!t->stopped || t->works || t->sends)
        return;
    draht_done_fn done = t->stopped;
    t->stopped = NULL;
    done(t->stopped_arg, 0);
}

static void stop(void *channel, draht_done_fn done, void *arg) {
    struct telegram *t = channel;
    t->is_stopping = true;
    tg_poll_stop(t);
    tg_album_stop(t);
    t->stopped = done;
    t->stopped_arg = arg;
    tg_idle(t);
}

static void close_channel(void *channel) {
    struct telegram *t = channel;
    tg_works_drop(t);
    tg_album_free(t);
    tg_sends_drop(t);
    tg_settings_free(&t->s);
    free(t->id);
    free(t);
}

void tg_log(struct telegram *t, int level, const char *event, const char *text) {
    t->h->log(t->host, level, event, text);
}

bool tg_call(struct telegram *t, const char *method, const char *content_type, struct span body,
             uint32_t timeout_ms, uint32_t flags, draht_http_answer_fn done, void *arg,
             struct draht_http_run **run) {
    struct buf url = {0}, type = {0};
    buf_addf(&url, "%s/bot%s/%s", t->s.api, t->s.token, method);
    buf_addf(&type, "Content-Type: %s", content_type ? content_type : "application/json");
    const char *headers[] = {type.p, NULL};
    struct draht_http_call call = {.size = sizeof call,
                                   .method = "POST",
                                   .url = url.p,
                                   .headers = headers,
                                   .body = kit_out(body),
                                   .timeout_ms = timeout_ms,
                                   .answer_max = ANSWER_BYTES_MAX,
                                   .flags = DRAHT_HTTP_OPERATOR | flags,
                                   .done = done,
                                   .arg = arg};
    struct draht_http_run *made = t->h->http_call(t->host, &call);
    bool ok = made != NULL;
    if (run)
        *run = made;
    buf_free(&url);
    buf_free(&type);
    return ok;
}

static void not_waited_for(void *arg, const struct draht_http_answer *a) {
    (void)arg, (void)a;
}

void tg_say(struct telegram *t, const char *method, struct span json) {
    tg_call(t, method, NULL, json, SAY_TIMEOUT_MS, 0, not_waited_for, NULL, NULL);
}

/* The sign fades by itself; there is none for having stopped. */
static void typing(void *channel, struct draht_span thread, struct draht_span who, int is_typing) {
    struct telegram *t = channel;
    struct span s = kit_in(thread);
    int64_t now = t->h->now_ms(t->host);
    (void)who;
    if (!is_typing || s.n == 0 || now < t->paused_ms ||
        kit_told(&t->typing_told, s, true, now, TYPING_EVERY_MS))
        return;
    struct buf b = {0};
    buf_adds(&b, "{\"action\":\"typing\",\"chat_id\":");
    kit_json(&b, s);
    buf_adds(&b, "}");
    tg_say(t, "sendChatAction", buf_span(&b));
    buf_free(&b);
}

const struct draht_channel_ops telegram_ops = {.size = sizeof telegram_ops,
                                               .caps = DRAHT_CAP_ATTACHMENTS | DRAHT_CAP_TYPING,
                                               .type = "telegram",
                                               .options = telegram_option_rows,
                                               .text_max = TG_TEXT_UNITS,
                                               .concurrency = 8,
                                               .open = open_channel,
                                               .start = start,
                                               .stop = stop,
                                               .close = close_channel,
                                               .send = tg_send,
                                               .typing = typing,
                                               .normalize = tg_normalize};
