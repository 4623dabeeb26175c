/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_http: life of the generic channel. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/sms_http/sms_http_private.h"

void sms_log(struct sms_http *w, int level, const char *event, const char *text) {
    w->h->log(w->host, level, event, text);
}

const char *sms_path_secret(const struct sms_http *w) {
    bool is_path = strcmp(json_str(w->o, "in_secret_at", "path"), "path") == 0;
    return is_path ? json_str(w->o, "in_secret", "") : "";
}

static int open_channel(const struct draht_host *h, void *host, const char *id, const char *json,
                        void **out, char *err) {
    int rc = sms_http_check(json, err);
    if (rc < 0)
        return rc;
    struct sms_http *w = xcalloc(1, sizeof *w);
    w->h = h;
    w->host = host;
    w->o = json_parse(span_str(json), 1 << 20, NULL);
    w->id = xstrdup(id);
    if (json_flag(w->o, "basic_auth", false))
        w->authorization = sms_basic(json_str(w->o, "user", ""), json_str(w->o, "password", ""));
    *out = w;
    return 0;
}

static int start(void *channel, char *err) {
    struct sms_http *w = channel;
    bool has_path = *sms_path_secret(w) != 0, is_idempotent = json_flag(w->o, "idempotent", false);
    int64_t chars = json_int(w->o, "part_chars", 1530) * json_int(w->o, "max_parts", 10);
    (void)err;
    w->h->route(w->host, "GET POST", has_path ? "/message/*" : "/message", SMS_BODY_BYTES_MAX,
                sms_on_message);
    w->h->route(w->host, "GET POST", has_path ? "/status/*" : "/status", SMS_BODY_BYTES_MAX,
                sms_on_receipt);
    w->h->offer(w->host, sms_http_ops.caps | (is_idempotent ? DRAHT_CAP_IDEMPOTENT : 0),
                (uint32_t)chars, 0);
    w->h->health(w->host, 1, "");
    return 0;
}

void sms_idle(struct sms_http *w) {
    if (!w->stopped || w->works || w->sends)
        return;
    draht_done_fn done = w->stopped;
    w->stopped = NULL;
    done(w->stopped_arg, 0);
}

static void stop(void *channel, draht_done_fn done, void *arg) {
    struct sms_http *w = channel;
    w->is_stopping = true;
    w->stopped = done;
    w->stopped_arg = arg;
    sms_idle(w);
}

static void close_channel(void *channel) {
    struct sms_http *w = channel;
    sms_works_drop(w);
    json_decref(w->o);
    free(w->authorization);
    free(w->id);
    free(w);
}

const struct draht_channel_ops sms_http_ops = {
    .size = sizeof sms_http_ops,
    .caps = DRAHT_CAP_DELIVERED | DRAHT_CAP_FIRST,
    .type = "sms-http",
    .options = sms_http_options,
    .text_max = 15300,
    .open = open_channel,
    .start = start,
    .stop = stop,
    .close = close_channel,
    .send = sms_send,
    .normalize = sms_http_normalize,
};
