/* SPDX-License-Identifier: EUPL-1.2 */
/* peer: the provider as the script describes it: hands messages in, by request or when the channel
 * asks, and answers what the channel sends. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/conformance/inner.h"

enum { POLL_REST_MS = 50, HOLD_MS = 400 };

static bool is_receipt(const char *what) {
    return !strcmp(what, "sent") || !strcmp(what, "delivered") || !strcmp(what, "read") ||
           !strcmp(what, "failed");
}

static const json_t *part(const struct conf *k, const char *folder, const char *what) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s", folder, what);
    return conf_get(k, name);
}

bool conf_can(const struct conf *k, const char *what) {
    bool has_driver = conf_get(k, "driver") != NULL;
    if (is_receipt(what) && part(k, "receipts", what))
        return true;
    if (!strcmp(what, "message"))
        return has_driver || conf_get(k, "inbound.request") || conf_get(k, "inbound.poll.message");
    if (conf_get(k, "inbound.poll") && part(k, "inbound.poll", what))
        return true;
    const json_t *v = part(k, "inbound", what);
    return v && (json_is_object(v) || has_driver);
}

const char *conf_answer_name(const struct conf *k) {
    static char text[CONF_TEXT_BYTES + 64];
    static const char *const names[] = {"nothing", "its yes", "\"try again\"", "its refusal",
                                        "something that the script does not name"};
    snprintf(text, sizeof text, "%s%s%s%s", names[k->answer], k->answer_text[0] ? " (" : "",
             k->answer_text, k->answer_text[0] ? ")" : "");
    return text;
}

static bool has_answer(const struct conf *k) {
    return k->answer != CONF_SILENCE || k->driver_gone;
}

static bool asked_done(const struct conf *k) {
    return k->asked->answers_n > 0;
}

static enum conf_answer class_of(const struct conf *k, const struct draht_http *x) {
    static const struct {
        const char *name, *fallback;
        enum conf_answer answer;
    } classes[] = {{"inbound.accepted", "2xx", CONF_ACCEPTED},
                   {"inbound.later", "503", CONF_LATER},
                   {"inbound.refused", "4xx", CONF_REFUSED}};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        const json_t *m = conf_get(k, classes[i].name);
        json_t *own = m ? NULL : json_pack("{s:s}", "status", classes[i].fallback);
        bool fits = conf_fits(m ? m : own, x->status, buf_span(&x->answer));
        json_decref(own);
        if (fits)
            return classes[i].answer;
    }
    return x->status == 413 ? CONF_REFUSED : x->status == 429 ? CONF_LATER : CONF_OTHER;
}

static struct draht_http *call(struct conf *k, const json_t *request, const struct span *raw) {
    k->asked = conf_web_call(k, request, raw);
    conf_expect(k, asked_done);
    return k->asked;
}

/* What has to be said before a message, once for each sender: a page opened, a session begun. */
static void prepare(struct conf *k) {
    const json_t *steps = conf_get(k, "inbound.before");
    if (!steps || !strcmp(k->prepared, conf_var(k, "sender")))
        return;
    snprintf(k->prepared, sizeof k->prepared, "%s", conf_var(k, "sender"));
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        const struct draht_http *x = call(k, json_object_get(step, "request"), NULL);
        const char *name;
        json_t *pattern;
        json_object_foreach(json_object_get(step, "capture"), name, pattern) {
            struct buf group = {0};
            if (conf_regex(json_string_value(pattern), buf_span(&x->answer), &group))
                conf_set(k, name, group.p);
            buf_free(&group);
        }
    }
}

static bool has_route(const struct conf *k) {
    return conf_web_takes(k, k->request);
}

static void by_request(struct conf *k, const json_t *request, const struct span *raw) {
    prepare(k);
    k->answer_text[0] = 0;
    k->request = request;
    conf_expect(k, has_route);
    k->is_injecting = true;
    k->asked = conf_web_call(k, request, raw);
    k->is_injecting = false;
    if (!conf_expect(k, asked_done))
        return;
    const struct draht_http *x = k->asked;
    k->answer = class_of(k, x);
    if (!k->answer_text[0] || x->status != 404)
        snprintf(k->answer_text, sizeof k->answer_text, "%d %.200s", x->status,
                 x->answer.p ? x->answer.p : "");
}

static json_t *request_for(struct conf *k, const char *what) {
    const json_t *base = conf_get(k, "inbound.request");
    if (is_receipt(what))
        return json_deep_copy(part(k, "receipts", what));
    return strcmp(what, "message") ? conf_merge(base, part(k, "inbound", what))
                                   : json_deep_copy(base);
}

void conf_inject_bytes(struct conf *k, struct span body) {
    json_t *request = request_for(k, "message");
    k->answer = CONF_SILENCE;
    k->early = k->stored_n = 0;
    by_request(k, request, &body);
    json_decref(request);
}

void conf_inject(struct conf *k, const char *what) {
    k->answer = CONF_SILENCE;
    k->answer_text[0] = 0;
    k->early = k->stored_n = 0;
    const json_t *poll = part(k, "inbound.poll", what);
    if (conf_get(k, "driver") && !conf_get(k, "inbound.request")) {
        conf_driver_inject(k, what);
        conf_expect(k, has_answer);
    } else if (poll) {
        json_decref(k->poll_message);
        k->poll_message = conf_expand_json(k, poll);
        k->poll_once = strcmp(what, "message") != 0 && strcmp(what, "attachment") != 0;
        k->has_advanced = false;
        conf_expect(k, has_answer);
    } else {
        json_t *request = request_for(k, what);
        by_request(k, request, NULL);
        json_decref(request);
    }
}

void conf_peer_accepted(struct conf *k, int status) {
    if (!conf_get(k, "inbound.poll") || !k->poll_message)
        return;
    k->answer = status == 0                     ? CONF_ACCEPTED
                : status == DRAHT_E_UNAVAILABLE ? CONF_LATER
                                                : CONF_REFUSED;
    if (status == DRAHT_E_UNAVAILABLE)
        return;
    json_decref(k->poll_message);
    k->poll_message = NULL;
}

void conf_peer_mode(struct conf *k, const char *mode) {
    k->mode = mode;
    if (k->driver)
        conf_driver_mode(k, mode);
}

/* ---- what the channel asks */

static bool holds(const struct draht_http_run *r, const char *text) {
    return *text && ((r->body.p && strstr(r->body.p, text)) || strstr(r->url, text));
}

/* Whether the request carries a value, in whichever notation. */
static bool holds_value(const struct conf *k, const struct draht_http_run *r, const char *name) {
    static const char *const as[] = {"", ":json", ":form", ":xml", ":base64", ":hex"};
    for (size_t i = 0; i < sizeof as / sizeof *as; i++) {
        char word[64];
        struct buf b = {0};
        snprintf(word, sizeof word, "{%s%s}", name, as[i]);
        conf_expand(k, word, &b);
        bool hit = b.n && (memmem(r->body.p ? r->body.p : "", r->body.n, b.p, b.n) ||
                           (strlen(b.p) == b.n && holds(r, b.p)));
        buf_free(&b);
        if (hit)
            return true;
    }
    return false;
}

static bool matches(const struct conf *k, const json_t *m, const struct draht_http_run *r) {
    const char *method = json_str(m, "method", NULL), *url = json_str(m, "url", NULL);
    const char *body = json_str(m, "body", NULL);
    struct buf b = {0};
    bool hit = json_is_object(m) && (!method || !strcmp(method, r->method));
    if (hit && url) {
        conf_expand(k, url, &b);
        hit = conf_regex(b.p ? b.p : "", span_str(r->url), NULL);
        buf_clear(&b);
    }
    if (hit && body) {
        conf_expand(k, body, &b);
        hit = b.n && memmem(r->body.p ? r->body.p : "", r->body.n, b.p, b.n);
    }
    buf_free(&b);
    return hit;
}

/* By what the provider would know the same message: what the script names, a header that is made
 * for it, an address that is put to. Empty: by nothing. */
static void note_key(struct conf *k, const struct draht_http_run *r) {
    const char *pattern = json_string_value(conf_get(k, "outbound.key"));
    struct buf group = {0};
    k->send_key[0] = 0;
    if (pattern && (conf_regex(pattern, buf_span(&r->body), &group) ||
                    conf_regex(pattern, span_str(r->url), &group)))
        snprintf(k->send_key, sizeof k->send_key, "%s", group.p);
    else if (!pattern && r->idempotency_key)
        snprintf(k->send_key, sizeof k->send_key, "%s", r->idempotency_key);
    else if (!pattern && !strcmp(r->method, "PUT"))
        snprintf(k->send_key, sizeof k->send_key, "%s", r->url);
    buf_free(&group);
}

static json_t *send_answer(struct conf *k, const struct draht_http_run *r, uint64_t *delay_ms) {
    const json_t *a = part(k, "outbound.answers", k->mode ? k->mode : "sent");
    note_key(k, r);
    k->saw_send = true;
    k->sends_n++;
    conf_setf(k, "new", "%u", 7000 + ++k->news);
    if (k->hold_sends)
        *delay_ms = HOLD_MS;
    return a ? json_deep_copy(a) : json_object();
}

static json_t *poll_answer(struct conf *k, uint64_t *delay_ms) {
    if (k->poll_message && k->poll_once) { /* signs, which Draht does not store */
        json_t *v = k->poll_message;
        k->poll_message = NULL;
        k->answer = CONF_ACCEPTED;
        return v;
    }
    if (k->poll_message)
        return json_deep_copy(k->poll_message);
    *delay_ms = POLL_REST_MS;
    const json_t *empty = conf_get(k, "inbound.poll.empty");
    return empty ? json_deep_copy(empty) : json_object();
}

static json_t *other_answer(struct conf *k, const struct draht_http_run *r) {
    const json_t *list = conf_get(k, "peer");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const json_t *answer = json_object_get(one, "answer");
        if (matches(k, json_object_get(one, "request"), r))
            return answer ? json_deep_copy(answer) : json_object();
    }
    return NULL;
}

json_t *conf_peer_answer(struct conf *k, const struct draht_http_run *r, uint64_t *delay_ms) {
    bool typed = matches(k, conf_get(k, "outbound.typing"), r);
    bool filed = matches(k, conf_get(k, "outbound.attachment"), r);
    k->saw_text = k->saw_text || holds_value(k, r, "text");
    k->saw_typing = k->saw_typing || typed;
    k->saw_file = k->saw_file || filed || holds_value(k, r, "file");
    if (matches(k, conf_get(k, "inbound.poll.advanced"), r))
        k->has_advanced = true;
    if (matches(k, conf_get(k, "outbound.request"), r))
        return send_answer(k, r, delay_ms);
    if (matches(k, conf_get(k, "inbound.poll.request"), r))
        return poll_answer(k, delay_ms);
    json_t *other = other_answer(k, r);
    if (other || filed || typed)
        return other ? other : typed ? json_object() : send_answer(k, r, delay_ms);
    snprintf(k->stranger, sizeof k->stranger, "%.10s %.400s", r->method, r->url);
    return NULL;
}
