/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_out: a reply becomes one request a part, as the settings describe it; what the answer says
 * decides what becomes of it. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/kit/gsm0338.h"
#include "channels/kit/split.h"
#include "channels/sms_http/sms_http_private.h"
#include "gateway/base/crypto.h"

enum { HEADERS_MAX = 24 };

struct sms_out {
    struct sms_http *w;
    struct draht_token *t; /* NULL: a text of the city's own */
    const struct draht_outbound *m;
    struct draht_outbound own;
    struct arena *a;
    struct span parts[SMS_PARTS_MAX];
    size_t parts_n;
    uint32_t part;
    struct sms_value values[SMS_VALUES];
};

static void settle(struct sms_out *s, enum draht_verdict v, const char *why, uint64_t ms) {
    struct sms_http *w = s->w;
    if (s->t)
        w->b.h->settle(s->t, v, kit_str(why), ms);
    else if (v != DRAHT_SENT)
        sms_log(&w->b, 2, "confirm", why);
    w->says_n -= s->t == NULL;
    arena_free(&s->a);
    free(s);
    w->b.busy--;
    sms_idle(&w->b);
}

static void send_part(struct sms_out *s);

static enum draht_verdict verdict_of(const struct sms_http *w, const char *code, int status,
                                     const char **word) {
    static const struct {
        const char *word;
        enum draht_verdict v;
    } rows[] = {{"retry", DRAHT_RETRY},       {"throttled", DRAHT_RETRY},
                {"rejected", DRAHT_REJECTED}, {"opted_out", DRAHT_OPTED_OUT},
                {"in_doubt", DRAHT_IN_DOUBT}, {"misconfigured", DRAHT_MISCONFIGURED}};
    const json_t *table = json_object_get(w->b.o, "errors");
    char text[16];
    snprintf(text, sizeof text, "%d", status);
    *word = json_str(table, code, json_str(table, text, ""));
    if (!**word)
        *word = status == 429 || status == 503                     ? "throttled"
                : status == 401 || status == 403 || status == 404  ? "misconfigured"
                : status >= 500 || (status >= 300 && status < 400) ? "in_doubt"
                                                                   : "rejected";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(*word, rows[i].word) == 0)
            return rows[i].v;
    return DRAHT_REJECTED;
}

/* For operators: the answer that was no yes. */
static void log_refusal(struct sms_out *s, int status, const char *code, const char *word) {
    char line[160];
    snprintf(line, sizeof line, "status=%d code=%s meaning=%s", status, code, word);
    sms_log(&s->w->b, strcmp(word, "misconfigured") == 0 ? 3 : 2, "send", line);
}

static const char *sentence(struct sms_out *s, const char *word, const char *code) {
    static const struct {
        const char *word, *text;
    } rows[] = {{"retry", "The provider could not take the text message now"},
                {"throttled", "The provider asks to wait"},
                {"rejected", "The provider refused the text message"},
                {"opted_out", "The recipient has opted out of text messages"},
                {"in_doubt", "The provider failed while it took the text message"},
                {"misconfigured", "The provider refuses the account or the request; check the "
                                  "settings"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(word, rows[i].word) == 0)
            return arena_printf(s->a, "%s (code %s).", rows[i].text, code);
    return "";
}

static bool is_ok(struct sms_out *s, const struct sms_answer *x) {
    const json_t *o = s->w->b.o, *values = json_object_get(o, "ok_values"), *v;
    const char *ok = json_str(o, "ok", "");
    size_t i;
    if (!sms_status_is_in(json_object_get(o, "ok_status"), x->status))
        return false;
    struct span found = *ok ? sms_pick(s->a, ok, x) : SPAN("");
    json_array_foreach(values, i,
                       v) if (*ok && found.p && span_eq(found, json_string_value(v))) return true;
    return found.p && json_array_size(values) == 0;
}

/* A yes by its status that neither looks as a yes should nor names an error. */
static bool is_unclear(struct sms_out *s, const struct sms_answer *x, struct span error) {
    const json_t *o = s->w->b.o;
    const char *ok = json_str(o, "ok", "");
    char status[16];
    snprintf(status, sizeof status, "%d", x->status);
    bool is_told = error.n && strcmp(json_str(o, "error", "status"), "status") != 0;
    return x->status >= 200 && x->status < 300 && !is_told && *ok && !sms_pick(s->a, ok, x).p &&
           !json_object_get(json_object_get(o, "errors"), status);
}

static void failed(struct sms_out *s, const struct sms_answer *x, int64_t retry_after_ms) {
    const char *word;
    struct span c = sms_pick(s->a, json_str(s->w->b.o, "error", "status"), x);
    if (is_unclear(s, x, c)) {
        log_refusal(s, x->status, "none", "in_doubt");
        settle(s, DRAHT_IN_DOUBT, "The provider's answer says neither yes nor no.", 0);
        return;
    }
    char plain[64];
    size_t n = 0;
    for (size_t i = 0; i < c.n && n + 1 < sizeof plain; i++)
        if (c.p[i] >= ' ' && c.p[i] <= '~')
            plain[n++] = c.p[i];
    plain[n] = 0;
    if (!n)
        snprintf(plain, sizeof plain, "%d", x->status);
    enum draht_verdict v = verdict_of(s->w, plain, x->status, &word);
    uint64_t wait = retry_after_ms >= 0              ? (uint64_t)retry_after_ms
                    : strcmp(word, "throttled") == 0 ? SMS_BUSY_MS
                                                     : 0;
    log_refusal(s, x->status, plain, word);
    if (strcmp(word, "throttled") == 0)
        kit_pause_set(&s->w->b.pause, s->w->b.h->now_ms(s->w->b.host), wait);
    settle(s, v, sentence(s, word, plain), v == DRAHT_RETRY ? wait : 0);
}

static const char *own_id(struct sms_out *s) {
    return arena_printf(s->a, "%.*s-%u", (int)s->m->message.n, s->m->message.p, s->part + 1);
}

static void on_answer(void *arg, const struct draht_http_answer *answer) {
    struct sms_out *s = arg;
    if (answer->error) {
        settle(s, answer->is_unsent ? DRAHT_RETRY : DRAHT_IN_DOUBT,
               answer->is_unsent ? "The provider cannot be reached."
                                 : "The provider did not answer.",
               0);
        return;
    }
    struct span body = arena_dup(s->a, kit_in(answer->body));
    json_t *json = json_parse(body, SMS_ANSWER_BYTES_MAX, NULL);
    struct sms_answer x = {answer->status, body, json};
    const char *pick = json_str(s->w->b.o, "message_id", "");
    bool ok = is_ok(s, &x);
    struct span id = !*pick ? span_str(own_id(s)) : ok ? sms_pick(s->a, pick, &x) : SPAN_NONE;
    if (!ok) {
        failed(s, &x, answer->retry_after_ms);
    } else if (!id.n || id.n > SMS_ID_BYTES_MAX) {
        settle(s, DRAHT_IN_DOUBT, "The provider's answer has no message id.", 0);
    } else {
        if (s->t)
            s->w->b.h->part_done(s->t, s->part, kit_out(id));
        s->part++;
        send_part(s);
    }
    json_decref(json);
}

static struct span number(struct sms_out *s) {
    struct span to = kit_in(s->m->recipient);
    const char *how = json_str(s->w->b.o, "number", "plus");
    if (to.p[0] != '+' || strcmp(how, "plus") == 0)
        return to;
    return span_str(arena_printf(s->a, "%s%.*s", strcmp(how, "zeros") == 0 ? "00" : "",
                                 (int)to.n - 1, to.p + 1));
}

/* "0": the mobile network's own alphabet has every letter; "2": it takes two octets a letter. */
static const char *coding(struct span text) {
    uint8_t out[2];
    while (text.n)
        if (gsm_encode(gsm_next(&text), out) == 0)
            return "2";
    return "0";
}

static void fill(struct sms_out *s) {
    struct sms_http *w = s->w;
    struct span own = kit_in(w->b.h->fact(w->b.host, "public.url")), text = s->parts[s->part];
    const char *word = sms_path_secret(w);
    struct sms_value v[SMS_VALUES] = {
        {"to", number(s)},
        {"from", span_str(json_str(w->b.o, "from", ""))},
        {"text", text},
        {"id", span_str(own_id(s))},
        {"receipt_url",
         span_str(arena_printf(s->a, "%.*s/channels/%s/status%s%s", (int)own.n, own.p ? own.p : "",
                               w->b.id, *word ? "/" : "", word))},
        {"user", span_str(json_str(w->b.o, "user", ""))},
        {"password", span_str(json_str(w->b.o, "password", ""))},
        {"secret", span_str(json_str(w->b.o, "secret", ""))},
        {"in_secret", span_str(json_str(w->b.o, "in_secret", ""))},
        {"part", span_str(arena_printf(s->a, "%u", s->part + 1))},
        {"parts", span_str(arena_printf(s->a, "%zu", s->parts_n))},
        {"coding", span_str(coding(text))}};
    memcpy(s->values, v, sizeof v);
}

static void add_fields(struct sms_out *s, struct buf *b) {
    const char *name;
    json_t *v;
    json_object_foreach(json_object_get(s->w->b.o, "fields"), name, v) {
        struct buf value = {0};
        sms_template(json_string_value(v), SMS_RAW, s->values, SMS_VALUES, &value);
        buf_adds(b, b->n ? "&" : "");
        sms_percent(b, span_str(name));
        buf_adds(b, "=");
        sms_percent(b, buf_span(&value));
        buf_free(&value);
    }
}

/* Type of the body, or NULL when there is none. */
static const char *body_of(struct sms_out *s, struct buf *b) {
    const json_t *o = s->w->b.o;
    const char *type = json_str(o, "content_type", "form"), *body = json_str(o, "body", "");
    bool is_json = strcmp(type, "json") == 0, is_xml = strcmp(type, "xml") == 0;
    if (strcmp(json_str(o, "method", "POST"), "GET") == 0 || strcmp(type, "none") == 0)
        return NULL;
    if (*body) {
        sms_template(body,
                     is_json  ? SMS_JSON
                     : is_xml ? SMS_XML
                              : SMS_URL,
                     s->values, SMS_VALUES, b);
    } else if (is_json) {
        json_t *v = sms_template_tree(json_object_get(o, "fields"), s->values, SMS_VALUES);
        char *text = json_text(v);
        buf_adds(b, text ? text : "{}");
        free(text);
        json_decref(v);
    } else {
        add_fields(s, b);
    }
    return is_json  ? "Content-Type: application/json"
           : is_xml ? "Content-Type: application/xml; charset=utf-8"
                    : "Content-Type: application/x-www-form-urlencoded";
}

static void url_of(struct sms_out *s, bool has_body, struct buf *url) {
    struct buf query = {0};
    sms_template(json_str(s->w->b.o, "url", ""), SMS_URL, s->values, SMS_VALUES, url);
    if (!has_body)
        add_fields(s, &query);
    if (query.n)
        buf_addf(url, "%s%s", strchr(url->p, '?') ? "&" : "?", query.p);
    buf_free(&query);
}

static void headers_of(struct sms_out *s, const char *type, const char *out[HEADERS_MAX]) {
    size_t n = 0, i;
    json_t *v;
    if (type)
        out[n++] = type;
    if (s->w->b.authorization)
        out[n++] = s->w->b.authorization;
    json_array_foreach(json_object_get(s->w->b.o, "headers"), i, v) {
        struct buf b = {0};
        sms_template(json_string_value(v), SMS_HEADER, s->values, SMS_VALUES, &b);
        if (n + 1 < HEADERS_MAX)
            out[n++] = arena_strndup(s->a, b.p, b.n);
        buf_free(&b);
    }
    out[n] = NULL;
}

static void send_part(struct sms_out *s) {
    struct sms_http *w = s->w;
    struct buf body = {0}, url = {0};
    const char *headers[HEADERS_MAX];
    if (s->part >= s->parts_n) {
        settle(s, DRAHT_SENT, NULL, 0);
        return;
    }
    uint64_t wait_ms = kit_pause_left(&w->b.pause, w->b.h->now_ms(w->b.host));
    if (wait_ms) {
        settle(s, DRAHT_RETRY, "The provider asks to wait.", wait_ms);
        return;
    }
    fill(s);
    const char *type = body_of(s, &body);
    url_of(s, type != NULL, &url);
    headers_of(s, type, headers);
    bool is_idempotent = json_flag(w->b.o, "idempotent", false);
    struct draht_http_call call = {.size = sizeof call,
                                   .method = json_str(w->b.o, "method", "POST"),
                                   .url = url.p,
                                   .headers = headers,
                                   .body = kit_out(buf_span(&body)),
                                   .timeout_ms = (uint32_t)json_int(w->b.o, "timeout_s", 30) * 1000,
                                   .answer_max = SMS_ANSWER_BYTES_MAX,
                                   .flags =
                                       DRAHT_HTTP_OPERATOR | (is_idempotent ? 0 : DRAHT_HTTP_ONCE),
                                   .done = on_answer,
                                   .arg = s};
    bool is_long = url.n > SMS_URL_BYTES_MAX;
    bool is_called = !is_long && w->b.h->http_call(w->b.host, &call) != NULL;
    buf_free(&body);
    buf_free(&url);
    if (!is_called)
        settle(s, is_long ? DRAHT_REJECTED : DRAHT_MISCONFIGURED,
               is_long ? "The text is too long for an address; use POST, or less part_chars."
                       : "The address in url cannot be called.",
               0);
}

static void on_stop_word(void *arg, int status, struct draht_span value) {
    struct sms_out *s = arg;
    if (status < 0) {
        settle(s, DRAHT_RETRY, "The store cannot be reached.", 0);
        return;
    }
    if (value.p) {
        settle(s, DRAHT_OPTED_OUT, "The recipient has opted out of text messages.", 0);
        return;
    }
    s->part = s->m->part;
    send_part(s);
}

/* The text in parts; false: there are more than allowed. */
static bool split(struct sms_out *s) {
    const json_t *o = s->w->b.o;
    size_t max = (size_t)json_int(o, "max_parts", 10);
    struct span rest = kit_in(s->m->text);
    while (s->parts_n < max) {
        struct span part =
            kit_split(&rest, (size_t)json_int(o, "part_chars", 1530), kit_cost_utf16, NULL);
        if (!part.n)
            return true;
        s->parts[s->parts_n++] = part;
    }
    return span_trim(rest).n == 0;
}

int sms_send(void *channel, const struct draht_outbound *m, struct draht_token *t) {
    struct sms_http *w = channel;
    struct sms_out *s = xcalloc(1, sizeof *s);
    *s = (struct sms_out){.w = w, .t = t, .m = m, .a = arena_new()};
    const char *fault = m->attachments_n ? "Text messages carry no files; send a link instead."
                        : !split(s)      ? "The text is longer than max_parts allows."
                        : !s->parts_n    ? "There is no text to send."
                        : !kit_phone_is_dialable(kit_in(m->recipient))
                            ? "The recipient is no telephone number."
                            : NULL;
    w->b.busy++;
    if (fault) {
        settle(s, DRAHT_REJECTED, fault, 0);
        return 1;
    }
    w->b.h->state_get(w->b.host, sms_stop_key(w->b.h, w->b.host, s->a, kit_in(m->recipient)),
                      on_stop_word, s);
    return 0;
}

void sms_say(struct sms_http *w, struct span number, struct span text) {
    if (w->says_n >= SMS_SAYS_MAX || !text.n || !kit_phone_is_dialable(number)) {
        sms_log(&w->b, 2, "confirm", "a stop, start or help word was not answered");
        return;
    }
    struct sms_out *s = xcalloc(1, sizeof *s);
    uint8_t name[8];
    char hex[17];
    *s = (struct sms_out){.w = w, .m = &s->own, .a = arena_new()};
    w->b.h->random(name, sizeof name);
    crypto_hex(name, sizeof name, hex);
    s->own = (struct draht_outbound){.size = sizeof s->own,
                                     .message = kit_str(arena_printf(s->a, "word.%s", hex)),
                                     .recipient = kit_out(arena_dup(s->a, number)),
                                     .text = kit_out(arena_dup(s->a, text))};
    w->b.busy++;
    w->says_n++;
    if (split(s))
        send_part(s);
    else
        settle(s, DRAHT_REJECTED, "The answer to a word is longer than max_parts allows.", 0);
}
