/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_http: life of the generic channel. */
#include "channels/sms_http/sms_http_private.h"

const char *sms_path_secret(const struct sms_http *w) {
    bool is_path = strcmp(json_str(w->b.o, "in_secret_at", "path"), "path") == 0;
    return is_path ? json_str(w->b.o, "in_secret", "") : "";
}

static int open_channel(const struct draht_host *h, void *host, const char *id, const char *json,
                        void **out, char *err) {
    int rc = sms_http_check(json, err);
    if (rc < 0)
        return rc;
    json_t *o = json_parse(span_str(json), 1 << 20, NULL);
    bool is_basic = json_flag(o, "basic_auth", false);
    struct sms_http *w = sms_base_new(
        sizeof *w, h, host, "sms", id, o,
        is_basic ? sms_basic(json_str(o, "user", ""), json_str(o, "password", "")) : NULL);
    w->confirms = json_flag(o, "confirm", true);
    kit_words_read(&w->words, KIT_WORD_STOP, o, "stop_words", KIT_STOP_WORDS);
    kit_words_read(&w->words, KIT_WORD_START, o, "start_words", KIT_START_WORDS);
    kit_words_read(&w->words, KIT_WORD_HELP, o, "help_words", KIT_HELP_WORDS);
    *out = w;
    return 0;
}

static int start(void *channel, char *err) {
    struct sms_http *w = channel;
    bool has_path = *sms_path_secret(w) != 0,
         is_idempotent = json_flag(w->b.o, "idempotent", false);
    int64_t chars = json_int(w->b.o, "part_chars", 1530) * json_int(w->b.o, "max_parts", 10);
    (void)err;
    w->b.h->route(w->b.host, "GET POST", has_path ? "/message/*" : "/message", SMS_BODY_BYTES_MAX,
                  sms_on_message);
    w->b.h->route(w->b.host, "GET POST", has_path ? "/status/*" : "/status", SMS_BODY_BYTES_MAX,
                  sms_on_receipt);
    w->b.h->offer(w->b.host, sms_http_ops.caps | (is_idempotent ? DRAHT_CAP_IDEMPOTENT : 0),
                  (uint32_t)chars, 0);
    const struct draht_text text = {.size = sizeof text, .unit = DRAHT_TEXT_SMS};
    w->b.h->text(w->b.host, &text);
    w->b.h->health(w->b.host, 1, "");
    return 0;
}

static void close_channel(void *channel) {
    struct sms_http *w = channel;
    sms_base_free(&w->b);
}

const struct draht_channel_ops sms_http_ops = {
    .size = sizeof sms_http_ops,
    .caps = DRAHT_CAP_DELIVERED | DRAHT_CAP_FIRST | DRAHT_CAP_UNTHREADED,
    .type = "sms-http",
    .options = sms_http_options,
    .text_max = 15300,
    .open = open_channel,
    .start = start,
    .stop = sms_stop,
    .close = close_channel,
    .send = sms_send,
    .normalize = sms_http_normalize,
};
