/* SPDX-License-Identifier: EUPL-1.2 */
/* twilio_in: signed webhooks become messages and receipts; the provider has its 200 when they are
 * durable, 503 makes it use its fallback or try again. */
#include <stdlib.h>

#include "channels/kit/keyword.h"
#include "channels/sms_http/twilio_private.h"
#include "gateway/base/crypto.h"
#include "gateway/base/utf8.h"

#define MEDIA_TIMEOUT_MS 8000 /* the provider itself waits 15 seconds for us */
#define TWIML "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>"

struct twilio_work {
    struct twilio *w;
    struct twilio_work *next, **prev;
    struct draht_http *x;
    struct arena *a;
    struct twilio_post p;
    struct draht_attachment files[TWILIO_MEDIA_MAX];
    size_t files_n, at;
    bool lacks_file;
    enum kit_keyword word;
    struct draht_timer *early;
    int tries;
};

static void work_free(struct twilio_work *k) {
    *k->prev = k->next;
    if (k->next)
        k->next->prev = k->prev;
    k->w->works_n--;
    if (k->early)
        k->w->h->timer_stop(k->early);
    arena_free(&k->a);
    free(k);
}

void twilio_works_drop(struct twilio *w) {
    while (w->works)
        work_free(w->works);
}

static void refuse(struct twilio *w, struct draht_http *x, int status, const char *why) {
    w->h->http_respond(x, status, "text/plain; charset=utf-8", kit_str(why));
}

static void finish(struct twilio_work *k, int status) {
    struct twilio *w = k->w;
    if (status == 200)
        w->h->http_respond(k->x, 200, "text/xml; charset=utf-8", kit_str(TWIML));
    else
        refuse(w, k->x, status, "try again\n");
    work_free(k);
    twilio_idle(w);
}

static void hand_receipt(struct twilio_work *k);

/* Delivered or given up: nobody needs the files of that message any more. */
static void forget_files(struct twilio_work *k) {
    struct span handle = kit_in(k->w->h->http_rest(k->x));
    if (k->p.state != DRAHT_RECEIPT_SENT && handle.n == TWILIO_HANDLE_BYTES - 1)
        twilio_media_forget(k->w, arena_strndup(k->a, handle.p, handle.n));
}

static void again(void *arg) {
    struct twilio_work *k = arg;
    k->w->h->timer_stop(k->early);
    k->early = NULL;
    hand_receipt(k);
}

static void on_receipt(void *arg, int status) {
    struct twilio_work *k = arg;
    struct twilio *w = k->w;
    if (status == ERR_NOT_FOUND && k->tries++ < SMS_EARLY_TRIES && !w->is_stopping) {
        k->early = w->h->timer(w->host, SMS_EARLY_WAIT_MS, 0, again, k);
    } else if (status < 0 && (status == DRAHT_E_UNAVAILABLE || error_is_retryable(status))) {
        finish(k, 503);
    } else {
        forget_files(k);
        finish(k, 200);
    }
}

static void hand_receipt(struct twilio_work *k) {
    struct draht_receipt r = {.size = sizeof r,
                              .external_id = kit_out(k->p.id),
                              .state = k->p.state,
                              .is_permanent = 1,
                              .at_ms = k->w->h->now_ms(k->w->host)};
    if (r.state == DRAHT_RECEIPT_FAILED)
        r.reason = kit_str(twilio_reason(k->p.code));
    k->w->h->receipt(k->w->host, &r, on_receipt, k);
}

static void on_word(void *arg, int status) {
    finish(arg, status < 0 ? 503 : 200);
}

static void on_accepted(void *arg, int status, const struct draht_accepted *accepted) {
    struct twilio_work *k = arg;
    struct twilio *w = k->w;
    (void)accepted;
    if (status == DRAHT_E_UNAVAILABLE) {
        finish(k, 503);
        return;
    }
    if (status < 0)
        twilio_log(w, 2, "twilio.rejected", "a message is beyond the limits and was not taken in");
    struct draht_span key = sms_stop_key(w->h, w->host, k->a, k->p.from);
    if (k->word == KIT_WORD_STOP)
        w->h->state_set(w->host, key, kit_str("1"), 0, on_word, k);
    else if (k->word == KIT_WORD_START)
        w->h->state_del(w->host, key, on_word, k);
    else
        finish(k, 200);
}

static const char *warnings_of(const struct twilio_work *k) {
    if (k->word == KIT_WORD_STOP)
        return "[\"The citizen wants no more text messages: answers are held back.\"]";
    return k->lacks_file ? "[\"A file could not be fetched from the provider.\"]" : NULL;
}

static void hand_message(struct twilio_work *k) {
    const struct twilio_post *p = &k->p;
    struct draht_thread_hint hint = {DRAHT_THREAD_KEY, kit_out(p->from)};
    k->word = kit_keyword(p->text);
    struct draht_inbound in = {.size = sizeof in,
                               .external_id = kit_out(p->id),
                               .sender = kit_out(p->from),
                               .sender_name = kit_out(p->name),
                               .recipient = kit_out(p->to),
                               .text = kit_out(p->text),
                               .thread = kit_out(p->from),
                               .hints = &hint,
                               .hints_n = 1,
                               .attachments = k->files,
                               .attachments_n = k->files_n,
                               .warnings = kit_str(warnings_of(k))};
    k->w->h->accept(k->w->host, &in, on_accepted, k);
}

static void next_file(struct twilio_work *k);

static void on_file(void *arg, const struct draht_http_answer *answer) {
    struct twilio_work *k = arg;
    if (!answer->error && answer->status == 200) {
        struct span bytes = arena_dup(k->a, kit_in(answer->body));
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
    struct twilio *w = k->w;
    while (k->at < k->p.media_n) {
        struct span url = k->p.media[k->at++];
        bool is_api = is_below(url, span_str(json_str(w->o, "api_url", "")));
        const char *headers[] = {is_api ? w->authorization : NULL, NULL};
        struct draht_http_call call = {.size = sizeof call,
                                       .method = "GET",
                                       .url = arena_strndup(k->a, url.p, url.n),
                                       .headers = headers,
                                       .timeout_ms = MEDIA_TIMEOUT_MS,
                                       .answer_max = TWILIO_FILE_BYTES_MAX,
                                       .flags = is_api ? DRAHT_HTTP_OPERATOR : DRAHT_HTTP_REDIRECT,
                                       .done = on_file,
                                       .arg = k};
        if (w->h->http_call(w->host, &call))
            return;
        k->lacks_file = true;
    }
    hand_message(k);
}

static void begin(struct twilio *w, struct draht_http *x, struct arena *a,
                  const struct twilio_post *p) {
    struct twilio_work *k = xcalloc(1, sizeof *k);
    k->w = w;
    k->x = x;
    k->a = a;
    k->p = *p;
    k->next = w->works;
    k->prev = &w->works;
    if (k->next)
        k->next->prev = &k->next;
    w->works = k;
    w->works_n++;
    if (p->kind == TWILIO_RECEIPT)
        hand_receipt(k);
    else if (p->kind == TWILIO_MESSAGE)
        next_file(k);
    else
        finish(k, 200);
}

/* The address as the provider knows it: the public one, never what the Host header claims. */
static bool is_genuine(struct twilio *w, struct draht_http *x, const struct form *f, bool is_json) {
    struct span base = kit_in(w->h->fact(w->host, "public.url"));
    struct span path = kit_in(w->h->http_path(x)), body = kit_in(w->h->http_body(x));
    struct span sum = kit_in(w->h->http_query(x, "bodySHA256"));
    struct buf url = {0};
    char hex[65];
    buf_add(&url, base.p ? base.p : "", base.n);
    buf_add(&url, path.p, path.n);
    if (sum.n)
        buf_addf(&url, "?bodySHA256=%.*s", (int)sum.n, sum.p);
    crypto_sha256_hex(body, hex);
    bool ok = !is_json || (sum.n == 64 && crypto_equal(sum.p, hex, 64));
    ok = ok &&
         twilio_is_signed(span_str(json_str(w->o, "auth_token", "")), buf_span(&url),
                          is_json ? NULL : f, kit_in(w->h->http_header(x, "x-twilio-signature")));
    buf_free(&url);
    return ok;
}

void twilio_on_post(void *channel, struct draht_http *x) {
    struct twilio *w = channel;
    struct arena *a = arena_new();
    struct form f;
    struct twilio_post p = {0};
    struct span type = kit_in(w->h->http_header(x, "content-type"));
    int rc = twilio_fields(a, type, kit_in(w->h->http_body(x)), &f);
    const char *why = NULL;
    int status = 403;
    if (rc < 0)
        status = rc == ERR_UNSUPPORTED ? 415 : 400, why = "no form that can be read\n";
    else if (!is_genuine(w, x, &f, span_istarts(type, "application/json")))
        why = "bad signature\n";
    else if (w->works_n >= TWILIO_WORKS_MAX || w->is_stopping)
        status = 503, why = "try again\n";
    else
        twilio_read(a, &f, &p);
    if (!why && !span_eq(p.account, json_str(w->o, "account_sid", "")))
        why = "another account\n";
    if (!why) {
        begin(w, x, a, &p);
        return;
    }
    twilio_log(w, 2, "twilio.refused", why);
    refuse(w, x, status, why);
    arena_free(&a);
}
