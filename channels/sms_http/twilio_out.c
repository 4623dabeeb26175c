/* SPDX-License-Identifier: EUPL-1.2 */
/* twilio_out: replies as text messages, part by part; the code in the answer decides what becomes
 * of them. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/kit/split.h"
#include "channels/sms_http/twilio_private.h"

#define CALL_TIMEOUT_MS 30000
#define CALL_ANSWER_MAX (256u << 10)

struct twilio_send {
    struct twilio *w;
    struct draht_token *t;
    const struct draht_outbound *m;
    struct arena *a;
    struct span rest;
    uint32_t part;
    struct twilio_media_keep files; /* with a handle: they can be fetched */
};

static void settle(struct twilio_send *s, enum draht_verdict v, const char *why, uint64_t ms) {
    struct twilio *w = s->w;
    if (*s->files.handle && s->part == 0 && v != DRAHT_SENT && v != DRAHT_IN_DOUBT)
        twilio_media_forget(w, s->files.handle);
    w->b.h->settle(s->t, v, kit_str(why), ms);
    arena_free(&s->a);
    free(s);
    w->b.busy--;
    sms_idle(&w->b);
}

static void next_part(struct twilio_send *s);

static enum draht_verdict verdict_of(struct arena *a, int status, int64_t code, const char **why) {
    *why = twilio_reason(a, (unsigned long long)(code > 0 ? code : 0));
    if (code == 21610)
        return DRAHT_OPTED_OUT;
    if (status == 429 || status == 503 || code == 20429 || code == 21611 || code == 63017 ||
        code == 63018) {
        *why = "The provider asks to wait.";
        return DRAHT_RETRY;
    }
    if (status == 401 || status == 403 || code == 20003 || code == 20404 || code == 21408 ||
        code == 21606 || code == 21659) {
        *why = "The provider refuses the account or the sender's number; check the settings.";
        return DRAHT_MISCONFIGURED;
    }
    if (status >= 500) {
        *why = "The provider failed while it took the message.";
        return DRAHT_IN_DOUBT;
    }
    return DRAHT_REJECTED;
}

/* For operators: Twilio's own number of the fault, which its pages explain. */
static void log_refusal(struct twilio *w, int status, int64_t code, const char *why,
                        enum draht_verdict v) {
    char line[300];
    snprintf(line, sizeof line, "status=%d code=%lld %s", status, (long long)code, why);
    sms_log(&w->b, v == DRAHT_MISCONFIGURED ? 3 : 2, "send", line);
}

static void on_answer(void *arg, const struct draht_http_answer *x) {
    struct twilio_send *s = arg;
    const char *why = "The provider did not answer.";
    if (x->error) {
        settle(s, x->is_unsent ? DRAHT_RETRY : DRAHT_IN_DOUBT, why, 0);
        return;
    }
    json_t *o = json_parse(kit_in(x->body), CALL_ANSWER_MAX, NULL);
    struct span sid = arena_dup(s->a, span_str(json_str(o, "sid", "")));
    int64_t code = json_int(o, "code", 0);
    json_decref(o);
    if (x->status >= 200 && x->status < 300 && sid.n) {
        s->w->b.h->part_done(s->t, s->part++, kit_out(sid));
        next_part(s);
    } else if (x->status >= 200 && x->status < 300) {
        settle(s, DRAHT_IN_DOUBT, "The provider's answer has no message id.", 0);
    } else {
        enum draht_verdict v = verdict_of(s->a, x->status, code, &why);
        log_refusal(s->w, x->status, code, why, v);
        uint64_t wait = x->retry_after_ms >= 0 ? (uint64_t)x->retry_after_ms : SMS_BUSY_MS;
        if (v == DRAHT_RETRY)
            kit_pause_set(&s->w->b.pause, s->w->b.h->now_ms(s->w->b.host), wait);
        settle(s, v, why, v == DRAHT_RETRY ? wait : 0);
    }
}

static void field(struct buf *b, const char *name, struct span value) {
    buf_addf(b, "%s%s=", b->n ? "&" : "", name);
    sms_percent(b, value);
}

static struct span url_of(struct twilio_send *s, struct span own, unsigned file) {
    struct twilio *w = s->w;
    struct twilio_token t = {.file = file, .expires_ms = s->files.expires_ms};
    char token[TWILIO_TOKEN_BYTES];
    memcpy(t.handle, s->files.handle, sizeof t.handle);
    twilio_token_write(w->b.h->mac, w->b.host, &t, token);
    return span_str(
        arena_printf(s->a, "%.*s/channels/%s/media/%s", (int)own.n, own.p, w->b.id, token));
}

static void body_of(struct twilio_send *s, struct span text, struct buf *b) {
    struct twilio *w = s->w;
    const char *from = json_str(w->b.o, "from", "");
    struct span own = kit_in(w->b.h->fact(w->b.host, "public.url"));
    bool is_service = strncmp(from, "MG", 2) == 0;
    field(b, "To", kit_in(s->m->recipient));
    field(b, is_service ? "MessagingServiceSid" : "From", span_str(from));
    if (text.n)
        field(b, "Body", text);
    bool has_files = *s->files.handle && s->part == 0;
    if (own.n)
        field(b, "StatusCallback",
              span_str(arena_printf(s->a, "%.*s/channels/%s/status%s%s", (int)own.n, own.p, w->b.id,
                                    has_files ? "/" : "", has_files ? s->files.handle : "")));
    for (size_t i = 0; has_files && i < s->m->attachments_n; i++)
        field(b, "MediaUrl", url_of(s, own, (unsigned)i));
}

static void post(struct twilio_send *s, struct span text) {
    struct twilio *w = s->w;
    struct buf body = {0};
    body_of(s, text, &body);
    const char *headers[] = {w->b.authorization, "Content-Type: application/x-www-form-urlencoded",
                             NULL};
    struct draht_http_call call = {
        .size = sizeof call,
        .method = "POST",
        .url = arena_printf(s->a, "%s/2010-04-01/Accounts/%s/Messages.json",
                            json_str(w->b.o, "api_url", ""), json_str(w->b.o, "account_sid", "")),
        .headers = headers,
        .body = kit_out(buf_span(&body)),
        .timeout_ms = CALL_TIMEOUT_MS,
        .answer_max = CALL_ANSWER_MAX,
        .flags = DRAHT_HTTP_OPERATOR | DRAHT_HTTP_ONCE,
        .done = on_answer,
        .arg = s};
    bool ok = w->b.h->http_call(w->b.host, &call) != NULL;
    buf_free(&body);
    if (!ok)
        settle(s, DRAHT_MISCONFIGURED, "The address in api_url cannot be called.", 0);
}

static void next_part(struct twilio_send *s) {
    struct span text = kit_split(&s->rest, TWILIO_TEXT_UNITS, kit_cost_utf16, NULL);
    uint64_t wait_ms = kit_pause_left(&s->w->b.pause, s->w->b.h->now_ms(s->w->b.host));
    if (!text.n && !(*s->files.handle && s->part == 0))
        settle(s, DRAHT_SENT, NULL, 0);
    else if (wait_ms)
        settle(s, DRAHT_RETRY, "The provider asks to wait.", wait_ms);
    else
        post(s, text);
}

static void on_kept(void *arg, int status) {
    struct twilio_send *s = arg;
    if (status < 0)
        settle(s, DRAHT_RETRY, "The store cannot be reached.", 0);
    else
        next_part(s);
}

static void on_stop_word(void *arg, int status, struct draht_span value) {
    struct twilio_send *s = arg;
    if (status < 0) {
        settle(s, DRAHT_RETRY, "The store cannot be reached.", 0);
        return;
    }
    if (value.p) {
        settle(s, DRAHT_OPTED_OUT, twilio_reason(s->a, 21610), 0);
        return;
    }
    for (uint32_t i = 0; i < s->m->part; i++, s->part++)
        kit_split(&s->rest, TWILIO_TEXT_UNITS, kit_cost_utf16, NULL);
    if (s->m->attachments_n && s->part == 0) { /* they go with the first part */
        s->files = (struct twilio_media_keep){.w = s->w, .done = on_kept, .arg = s};
        twilio_media_keep(&s->files, s->m);
    } else {
        next_part(s);
    }
}

/* NULL, or why staff must change the reply; in the arena. */
static const char *fault_of(const struct twilio *w, struct arena *a,
                            const struct draht_outbound *m) {
    if (m->attachments_n && !w->takes_files)
        return "Text messages carry no files here; send a link instead.";
    if (!m->text.n && !m->attachments_n)
        return "There is no text to send.";
    return kit_files_fault(a, &twilio_files, m->attachments, m->attachments_n, &twilio_files_words);
}

int twilio_send(void *channel, const struct draht_outbound *m, struct draht_token *t) {
    struct twilio *w = channel;
    struct arena *a = arena_new();
    const char *fault = fault_of(w, a, m);
    if (fault) {
        w->b.h->settle(t, DRAHT_REJECTED, kit_str(fault), 0);
        arena_free(&a);
        return 1;
    }
    struct twilio_send *s = xcalloc(1, sizeof *s);
    *s = (struct twilio_send){.w = w, .t = t, .m = m, .a = a, .rest = kit_in(m->text)};
    w->b.busy++;
    w->b.h->state_get(w->b.host, sms_stop_key(w->b.h, w->b.host, s->a, kit_in(m->recipient)),
                      on_stop_word, s);
    return 0;
}
