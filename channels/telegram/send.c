/* SPDX-License-Identifier: EUPL-1.2 */
/* send: a reply becomes one request a part: pieces of the text, then each file. Telegram has no key
 * against doubles, so a request without an answer leaves us in doubt. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/kit/multipart.h"
#include "channels/kit/split.h"
#include "channels/telegram/telegram_private.h"

#define SEND_TIMEOUT_MS 60000

struct tg_send {
    struct telegram *t;
    struct tg_send *next, **prev;
    const struct draht_outbound *out; /* borrowed until its token is settled */
    struct draht_token *token;
    struct span pieces[TG_PIECES_MAX];
    size_t pieces_n;
    uint32_t part;
    bool as_document; /* Telegram takes this picture as a file only */
};

static void next_part(struct tg_send *s);

static void send_free(struct tg_send *s) {
    *s->prev = s->next;
    if (s->next)
        s->next->prev = s->prev;
    free(s);
}

void tg_sends_drop(struct telegram *t) {
    while (t->sends)
        send_free(t->sends);
}

static void settle(struct tg_send *s, enum draht_verdict v, const char *reason, uint64_t ms) {
    struct telegram *t = s->t;
    struct draht_token *token = s->token;
    send_free(s);
    t->h->settle(token, v, kit_str(reason), ms);
    tg_idle(t);
}

/* Pictures beyond its limits of width and height, or such that it cannot read, are refused as
 * photos and taken as files. */
static bool is_no_photo(const struct draht_http_answer *a) {
    static const char *const words[] = {"PHOTO_INVALID_DIMENSIONS", "IMAGE_PROCESS_FAILED",
                                        "PHOTO_EXT_INVALID", "PHOTO_SAVE_FILE_INVALID"};
    struct span body = a->error ? SPAN_NONE : kit_in(a->body);
    for (size_t i = 0; i < sizeof words / sizeof *words && a->status == 400; i++)
        if (body.n && memmem(body.p, body.n, words[i], strlen(words[i])))
            return true;
    return false;
}

static void on_sent(void *arg, const struct draht_http_answer *a) {
    struct tg_send *s = arg;
    struct telegram *t = s->t;
    json_t *v = a->error ? NULL : json_parse(kit_in(a->body), TG_UPDATE_BYTES_MAX, NULL);
    const json_t *m = json_flag(v, "ok", false) ? json_object_get(v, "result") : NULL;
    int64_t id = json_int(m, "message_id", 0);
    json_decref(v);
    if (id <= 0 && s->part >= s->pieces_n && !s->as_document && is_no_photo(a)) {
        s->as_document = true;
        next_part(s);
        return;
    }
    if (id <= 0) {
        struct tg_verdict e = tg_error(a, true);
        if (e.verdict == DRAHT_RETRY && e.retry_ms) /* the limit counts for the whole bot */
            t->paused_ms = t->h->now_ms(t->host) + (int64_t)e.retry_ms;
        tg_log(t, e.verdict == DRAHT_MISCONFIGURED ? 3 : 2, "telegram.send", e.reason);
        settle(s, e.verdict, e.reason, e.retry_ms);
        return;
    }
    struct span chat = kit_in(s->out->recipient);
    char external[120];
    snprintf(external, sizeof external, "%.*s.%" PRId64, (int)(chat.n < 60 ? chat.n : 60), chat.p,
             id);
    t->h->part_done(s->token, s->part++, kit_str(external));
    s->as_document = false;
    next_part(s);
}

static void call(struct tg_send *s, const char *method, const char *type, struct span body) {
    if (!tg_call(s->t, method, type, body, SEND_TIMEOUT_MS, DRAHT_HTTP_ONCE, on_sent, s, NULL))
        settle(s, DRAHT_MISCONFIGURED, "The API's address may not be called.", 0);
}

/* "<chat>.<message>" of this chat as the message that is answered; 0: none. */
static unsigned long long answered(const struct tg_send *s) {
    struct span rest = kit_in(s->out->in_reply_to), chat = span_cut(&rest, '.');
    struct span id = span_cut(&rest, '.');
    unsigned long long n = 0;
    return span_is(chat, kit_in(s->out->recipient)) && span_u64(id, INT64_MAX, &n) >= 0 ? n : 0;
}

static void send_text(struct tg_send *s, struct span text) {
    struct buf b = {0};
    unsigned long long to = s->part == 0 ? answered(s) : 0;
    buf_adds(&b, "{\"chat_id\":");
    kit_json(&b, kit_in(s->out->recipient));
    if (to)
        buf_addf(&b,
                 ",\"reply_parameters\":{\"message_id\":%llu,\"allow_sending_without_reply\":true}",
                 to);
    buf_adds(&b, ",\"link_preview_options\":{\"is_disabled\":true},\"text\":");
    kit_json(&b, text);
    buf_adds(&b, "}");
    call(s, "sendMessage", NULL, buf_span(&b));
    buf_free(&b);
}

static void send_file(struct tg_send *s, const struct draht_attachment *x) {
    char kind[60];
    uint8_t raw[KIT_BOUNDARY_RANDOM_BYTES];
    struct kit_multipart b;
    snprintf(kind, sizeof kind, "%.*s", (int)(x->type.n < 50 ? x->type.n : 50),
             x->type.p ? x->type.p : "");
    bool is_photo = !s->as_document && x->bytes.n <= TG_PHOTO_BYTES_MAX &&
                    kit_type_listed("image/jpeg image/png", kind);
    s->t->h->random(raw, sizeof raw);
    kit_multipart_begin(&b, raw);
    kit_multipart_field(&b, "chat_id", kit_in(s->out->recipient));
    kit_multipart_file(&b, is_photo ? "photo" : "document", kit_in(x->name), kit_in(x->type),
                       kit_in(x->bytes));
    kit_multipart_end(&b);
    call(s, is_photo ? "sendPhoto" : "sendDocument", b.content_type, buf_span(&b.body));
    buf_free(&b.body);
}

static void next_part(struct tg_send *s) {
    struct telegram *t = s->t;
    int64_t wait_ms = t->paused_ms - t->h->now_ms(t->host);
    if (s->part >= s->pieces_n + s->out->attachments_n)
        settle(s, DRAHT_SENT, "", 0);
    else if (wait_ms > 0)
        settle(s, DRAHT_RETRY, "Telegram limits how much may be sent right now.",
               (uint64_t)wait_ms);
    else if (s->part < s->pieces_n)
        send_text(s, s->pieces[s->part]);
    else
        send_file(s, &s->out->attachments[s->part - s->pieces_n]);
}

static bool is_chat(struct span s) {
    size_t i = s.n && s.p[0] == '-';
    if (s.n <= i || s.n > 20)
        return false;
    for (; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

/* NULL, or why nothing of the reply can go out. */
static const char *fault_of(const struct tg_send *s, struct span rest) {
    if (span_trim(rest).n)
        return "The text is longer than the channel carries.";
    if (!is_chat(kit_in(s->out->recipient)))
        return "This is no chat of Telegram.";
    for (size_t i = 0; i < s->out->attachments_n; i++)
        if (s->out->attachments[i].bytes.n > TG_UPLOAD_BYTES_MAX)
            return "A file is larger than Telegram carries (50 MB).";
    return NULL;
}

int tg_send(void *channel, const struct draht_outbound *out, struct draht_token *token) {
    struct telegram *t = channel;
    struct span rest = kit_in(out->text);
    struct tg_send *s = xcalloc(1, sizeof *s);
    s->t = t;
    s->out = out;
    s->token = token;
    s->part = out->part;
    s->next = t->sends;
    s->prev = &t->sends;
    if (s->next)
        s->next->prev = &s->next;
    t->sends = s;
    while (span_trim(rest).n && s->pieces_n < TG_PIECES_MAX)
        s->pieces[s->pieces_n++] = kit_split(&rest, TG_TEXT_UNITS, kit_cost_utf16, NULL);
    const char *fault = fault_of(s, rest);
    if (fault) {
        settle(s, DRAHT_REJECTED, fault, 0);
        return 1;
    }
    next_part(s);
    return 0;
}
