/* SPDX-License-Identifier: EUPL-1.2 */
/* twilio_in: signed webhooks become messages and receipts; the provider has its 200 when they are
 * durable, 503 makes it use its fallback or try again. */
#include "channels/sms_http/twilio_private.h"
#include "gateway/base/crypto.h"
#include "gateway/base/utf8.h"

#define MEDIA_TIMEOUT_MS 8000 /* the provider itself waits 15 seconds for us */
#define TWIML "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>"

struct twilio_work {
    struct sms_work k;
    struct twilio_post p;
    struct draht_attachment files[TWILIO_MEDIA_MAX];
    size_t files_n, at;
    bool lacks_file;
};

static void finish(struct sms_work *k, int status) {
    if (status == DRAHT_E_UNAVAILABLE)
        sms_refuse(k->b, k->x, 503, "try again\n");
    else
        k->b->h->http_respond(k->x, 200, "text/xml; charset=utf-8", kit_str(TWIML));
    sms_work_end(k);
}

/* Delivered or given up: nobody needs the files of that message any more. */
static void received(struct sms_work *k, int status) {
    struct span handle = kit_in(k->b->h->http_rest(k->x));
    if (status != DRAHT_E_UNAVAILABLE && k->receipt.state != DRAHT_RECEIPT_SENT &&
        handle.n == TWILIO_HANDLE_BYTES - 1)
        twilio_media_forget((struct twilio *)k->b, arena_strndup(k->a, handle.p, handle.n));
    finish(k, status);
}

static void hand_receipt(struct twilio_work *k) {
    bool is_failed = k->p.state == DRAHT_RECEIPT_FAILED;
    sms_hand_receipt(&k->k, k->p.id, k->p.state,
                     is_failed ? twilio_reason(k->k.a, k->p.code) : NULL, received);
}

static void hand_message(struct twilio_work *k) {
    const struct twilio_post *p = &k->p;
    struct draht_inbound in = {.external_id = kit_out(p->id),
                               .sender = kit_out(p->from),
                               .sender_name = kit_out(p->name),
                               .recipient = kit_out(p->to),
                               .text = kit_out(p->text),
                               .attachments = k->files,
                               .attachments_n = k->files_n};
    sms_hand_message(&k->k, in, p->word,
                     k->lacks_file ? "[\"A file could not be fetched from the provider.\"]" : NULL,
                     finish);
}

static void next_file(struct twilio_work *k);

static void on_file(void *arg, const struct draht_http_answer *answer) {
    struct twilio_work *k = arg;
    if (!answer->error && answer->status == 200) {
        struct span bytes = arena_dup(k->k.a, kit_in(answer->body));
        k->files[k->files_n++] = (struct draht_attachment){.size = sizeof *k->files,
                                                           .name = kit_str("anhang"),
                                                           .type = kit_str(kit_sniff(bytes)),
                                                           .bytes = kit_out(bytes),
                                                           .length = bytes.n};
    } else {
        k->lacks_file = true;
    }
    next_file(k);
}

static bool is_below(struct span url, struct span api) {
    return url.n > api.n && url.p[api.n] == '/' && memcmp(url.p, api.p, api.n) == 0;
}

/* The account's password goes to the API's own address only; others are fetched as anyone may. */
static void next_file(struct twilio_work *k) {
    struct twilio *w = (struct twilio *)k->k.b;
    while (k->at < k->p.media_n) {
        struct span url = k->p.media[k->at++];
        bool is_api = is_below(url, span_str(json_str(w->b.o, "api_url", "")));
        const char *headers[] = {is_api ? w->b.authorization : NULL, NULL};
        struct draht_http_call call = {.size = sizeof call,
                                       .method = "GET",
                                       .url = arena_strndup(k->k.a, url.p, url.n),
                                       .headers = headers,
                                       .timeout_ms = MEDIA_TIMEOUT_MS,
                                       .answer_max = TWILIO_FILE_BYTES_MAX,
                                       .flags = is_api ? DRAHT_HTTP_OPERATOR : DRAHT_HTTP_REDIRECT,
                                       .done = on_file,
                                       .arg = k};
        if (w->b.h->http_call(w->b.host, &call))
            return;
        k->lacks_file = true;
    }
    hand_message(k);
}

static void begin(struct twilio *w, struct draht_http *x, struct arena *a,
                  const struct twilio_post *p) {
    struct twilio_work *k = sms_work_new(sizeof *k, &w->b, x, a);
    k->p = *p;
    if (p->kind == TWILIO_RECEIPT)
        hand_receipt(k);
    else if (p->kind == TWILIO_MESSAGE)
        next_file(k);
    else
        finish(&k->k, 0);
}

/* The address as the provider knows it: the public one, never what the Host header claims. */
static bool is_genuine(struct twilio *w, struct draht_http *x, const struct form *f, bool is_json) {
    struct span base = kit_in(w->b.h->fact(w->b.host, "public.url"));
    struct span path = kit_in(w->b.h->http_path(x)), body = kit_in(w->b.h->http_body(x));
    struct span sum = kit_in(w->b.h->http_query(x, "bodySHA256"));
    struct buf url = {0};
    char hex[65];
    buf_add(&url, base.p ? base.p : "", base.n);
    buf_add(&url, path.p, path.n);
    if (sum.n)
        buf_addf(&url, "?bodySHA256=%.*s", (int)sum.n, sum.p);
    crypto_sha256_hex(body, hex);
    bool ok = !is_json || (sum.n == 64 && crypto_equal(sum.p, hex, 64));
    ok = ok &&
         twilio_is_signed(span_str(json_str(w->b.o, "auth_token", "")), buf_span(&url),
                          is_json ? NULL : f, kit_in(w->b.h->http_header(x, "x-twilio-signature")));
    buf_free(&url);
    return ok;
}

void twilio_on_post(void *channel, struct draht_http *x) {
    struct twilio *w = channel;
    struct arena *a = arena_new();
    struct form f;
    struct twilio_post p = {0};
    struct span type = kit_in(w->b.h->http_header(x, "content-type"));
    int rc = twilio_fields(a, type, kit_in(w->b.h->http_body(x)), &f);
    const char *why = NULL;
    int status = 403;
    if (rc < 0)
        status = rc == ERR_UNSUPPORTED ? 415 : 400, why = "no form that can be read\n";
    else if (!is_genuine(w, x, &f, span_istarts(type, "application/json")))
        why = "bad signature\n";
    else if (sms_is_full(&w->b))
        status = 503, why = "try again\n";
    else
        twilio_read(a, &f, &p);
    if (!why && !span_eq(p.account, json_str(w->b.o, "account_sid", "")))
        why = "another account\n";
    if (!why) {
        begin(w, x, a, &p);
        return;
    }
    sms_log(&w->b, 2, "refused", why);
    sms_refuse(&w->b, x, status, why);
    arena_free(&a);
}
