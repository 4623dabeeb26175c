/* SPDX-License-Identifier: EUPL-1.2 */
/* send: a reply becomes one request a part: pieces of the text, then each file (uploaded, then
 * named). How it may go out depends on when the citizen last wrote. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/kit/split.h"
#include "channels/meta/meta_private.h"
#include "gateway/base/utf8.h"

#define TEXT_UNITS_WHATSAPP 4096
#define TEXT_UNITS_MESSENGER 2000
#define TEXT_BYTES_INSTAGRAM 1000
#define TEMPLATE_POINTS_MAX 1024
#define PIECES_MAX 100
#define UNTOLD_WAIT_MS 60000 /* a limit without a time */
#define REASON_BYTES_MAX 400

enum mode { FREE, AGENT, TEMPLATE };
struct meta_send {
    struct meta *m;
    struct meta_send *next, **prev;
    const struct draht_outbound *out; /* borrowed until its token is settled */
    struct draht_token *token;
    struct arena *a;
    struct span pieces[PIECES_MAX];
    size_t pieces_n;
    uint32_t part;
    enum mode mode;
    int64_t begun_ms; /* of the request under way: marks that name a time mean the provider's */
};

static void next_part(struct meta_send *s);

static void send_free(struct meta_send *s) {
    *s->prev = s->next;
    if (s->next)
        s->next->prev = s->prev;
    arena_free(&s->a);
    free(s);
}

void meta_sends_drop(struct meta *m) {
    while (m->sends)
        send_free(m->sends);
}

static void settle(struct meta_send *s, enum draht_verdict v, const char *reason,
                   uint64_t retry_ms) {
    struct meta *m = s->m;
    struct draht_token *t = s->token;
    send_free(s);
    m->h->settle(t, v, kit_str(reason), retry_ms);
    meta_idle(m);
}

/* fault: may lie in the arena of s. */
static void refuse(struct meta_send *s, const char *fault) {
    char reason[REASON_BYTES_MAX];
    snprintf(reason, sizeof reason, "%s", fault);
    settle(s, DRAHT_REJECTED, reason, 0);
}

static bool is_number(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

/* Business-scoped user ids have a field of their own. */
void meta_address(const struct meta *m, struct buf *b, struct span recipient) {
    if (m->flavour == META_WHATSAPP) {
        buf_adds(b, "{\"messaging_product\":\"whatsapp\",\"recipient_type\":\"individual\",");
        buf_adds(b, is_number(recipient) ? "\"to\":" : "\"recipient\":");
        kit_json(b, recipient);
    } else {
        buf_adds(b, "{\"recipient\":{\"id\":");
        kit_json(b, recipient);
        buf_adds(b, "}");
    }
}

static bool post(struct meta *m, const char *edge, const char *content_type, struct span body,
                 draht_http_answer_fn done, void *arg) {
    char path[80];
    snprintf(path, sizeof path, "%s/%s", m->s.node, edge);
    return meta_call(m, "POST", path, content_type, body, done, arg);
}

void meta_mark_read(struct meta *m, struct span recipient, struct span mid, bool with_typing) {
    struct buf b = {0};
    if (m->flavour == META_WHATSAPP) {
        if (mid.n == 0)
            return;
        buf_adds(&b, "{\"messaging_product\":\"whatsapp\",\"status\":\"read\",\"message_id\":");
        kit_json(&b, mid);
        buf_adds(&b, with_typing ? ",\"typing_indicator\":{\"type\":\"text\"}}" : "}");
    } else {
        meta_address(m, &b, recipient);
        buf_adds(&b, ",\"sender_action\":\"mark_seen\"}");
    }
    post(m, "messages", NULL, buf_span(&b), NULL, NULL);
    buf_free(&b);
}

/* ---- one part ---- */

static json_t *member(json_t *o, const char *list, const char *key) {
    json_t *v = json_object_get(o, list ? list : key);
    return list ? json_object_get(json_array_get(v, 0), key) : v;
}

static void pause_all(struct meta *m, const struct draht_http_answer *a, int code,
                      const struct meta_verdict *e) {
    if (e->verdict == DRAHT_RETRY && meta_error_is_for_all(code, a->status))
        kit_pause_set(&m->pause, m->h->now_ms(m->host), e->retry_ms ? e->retry_ms : UNTOLD_WAIT_MS);
}

static void on_sent(void *arg, const struct draht_http_answer *a) {
    struct meta_send *s = arg;
    struct meta *m = s->m;
    int code;
    bool is_whatsapp = m->flavour == META_WHATSAPP;
    json_t *v = a->error || a->status != 200 ? NULL : json_parse(kit_in(a->body), 1 << 20, NULL);
    json_t *id = is_whatsapp ? member(v, "messages", "id") : member(v, NULL, "message_id");
    struct span mid = {json_string_value(id), json_string_length(id)};
    if (mid.n == 0) {
        struct meta_verdict e = meta_error_answer(a, true, &code);
        json_decref(v);
        pause_all(m, a, code, &e);
        char line[80];
        snprintf(line, sizeof line, "status=%d code=%d verdict=%d", a->status, code, e.verdict);
        meta_log(m, e.verdict == DRAHT_MISCONFIGURED ? 3 : 2, "meta.send", line);
        if (e.is_window && s->mode == FREE && *m->s.template_name && s->part == 0) {
            s->mode = TEMPLATE;
            next_part(s);
        } else {
            settle(s, e.verdict, e.reason, e.retry_ms);
        }
        return;
    }
    m->h->part_done(s->token, s->part, kit_out(mid));
    if (!is_whatsapp)
        meta_sent_put(m, kit_in(s->out->recipient), s->begun_ms, mid);
    json_decref(v);
    s->part++;
    next_part(s);
}

/* tail: the rest of the object behind the address. */
static void send_object(struct meta_send *s, struct span tail) {
    struct meta *m = s->m;
    struct buf b = {0};
    meta_address(m, &b, kit_in(s->out->recipient));
    if (m->flavour != META_WHATSAPP)
        buf_adds(&b, s->mode == AGENT
                         ? ",\"messaging_type\":\"MESSAGE_TAG\",\"tag\":\"HUMAN_AGENT\""
                         : ",\"messaging_type\":\"RESPONSE\"");
    buf_add(&b, tail.p, tail.n);
    buf_adds(&b, "}");
    s->begun_ms = m->h->now_ms(m->host);
    bool ok = post(m, "messages", NULL, buf_span(&b), on_sent, s);
    buf_free(&b);
    if (!ok)
        settle(s, DRAHT_MISCONFIGURED, "The provider's address may not be called.", 0);
}

static void send_text(struct meta_send *s, struct span text) {
    struct buf b = {0};
    if (s->m->flavour == META_WHATSAPP) {
        buf_adds(&b, ",\"type\":\"text\",\"text\":{\"preview_url\":false,\"body\":");
        kit_json(&b, text);
        buf_adds(&b, "}");
    } else {
        buf_adds(&b, ",\"message\":{\"text\":");
        kit_json(&b, text);
        buf_adds(&b, "}");
    }
    send_object(s, buf_span(&b));
    buf_free(&b);
}

/* A variable of a template holds one line without runs of blanks. */
static void send_template(struct meta_send *s) {
    struct meta *m = s->m;
    struct span text = kit_in(s->out->text);
    if (s->out->attachments_n || utf8_count(text) > TEMPLATE_POINTS_MAX) {
        settle(s, DRAHT_REJECTED,
               "The citizen wrote too long ago: the template carries up to 1,024 characters of "
               "text and no files.",
               0);
        return;
    }
    struct buf line = {0}, b = {0};
    for (size_t i = 0; i < text.n; i++) {
        bool is_blank = strchr(" \n\t", text.p[i]) != NULL;
        if (!is_blank || (line.n && line.p[line.n - 1] != ' '))
            buf_add(&line, is_blank ? " " : &text.p[i], 1);
    }
    buf_adds(&b, ",\"type\":\"template\",\"template\":{\"name\":");
    kit_json(&b, span_str(m->s.template_name));
    buf_adds(&b, ",\"language\":{\"code\":");
    kit_json(&b, span_str(m->s.template_language));
    buf_adds(&b, "},\"components\":[{\"type\":\"body\",\"parameters\":[{\"type\":\"text\","
                 "\"text\":");
    kit_json(&b, span_trim(buf_span(&line)));
    buf_adds(&b, "}]}]}");
    send_object(s, buf_span(&b));
    buf_free(&line);
    buf_free(&b);
}

static void send_file(struct meta_send *s, struct span id) {
    const struct draht_attachment *x = &s->out->attachments[s->part - s->pieces_n];
    const char *kind = meta_file_kind(s->m, x);
    struct buf b = {0};
    if (s->m->flavour == META_WHATSAPP) {
        buf_addf(&b, ",\"type\":\"%s\",\"%s\":{\"id\":", kind, kind);
        kit_json(&b, id);
        if (strcmp(kind, "document") == 0) {
            buf_adds(&b, ",\"filename\":");
            kit_json(&b, kit_name(s->a, kit_in(x->name)));
        }
        buf_adds(&b, "}");
    } else {
        buf_addf(&b, ",\"message\":{\"attachment\":{\"type\":\"%s\",\"payload\":", kind);
        buf_adds(&b, "{\"attachment_id\":");
        kit_json(&b, id);
        buf_adds(&b, "}}}");
    }
    send_object(s, buf_span(&b));
    buf_free(&b);
}

static void on_uploaded(void *arg, const struct draht_http_answer *a) {
    struct meta_send *s = arg;
    int code;
    json_t *v = a->error || a->status != 200 ? NULL : json_parse(kit_in(a->body), 1 << 20, NULL);
    struct span id = meta_id(s->a, v, s->m->flavour == META_WHATSAPP ? "id" : "attachment_id");
    json_decref(v);
    if (id.n) {
        send_file(s, id);
        return;
    }
    struct meta_verdict e = meta_error_answer(a, false, &code);
    pause_all(s->m, a, code, &e);
    if (e.verdict == DRAHT_IN_DOUBT) /* nothing was sent yet */
        e.verdict = DRAHT_RETRY;
    settle(s, e.verdict, e.reason, e.retry_ms);
}

static void upload(struct meta_send *s) {
    const struct draht_attachment *x = &s->out->attachments[s->part - s->pieces_n];
    struct kit_multipart b;
    meta_upload_body(s->m, x, &b);
    const char *edge = s->m->flavour == META_WHATSAPP ? "media" : "message_attachments";
    bool ok = post(s->m, edge, b.content_type, buf_span(&b.body), on_uploaded, s);
    buf_free(&b.body);
    if (!ok)
        settle(s, DRAHT_MISCONFIGURED, "The provider's address may not be called.", 0);
}

static bool is_done(const struct meta_send *s) {
    return s->mode == TEMPLATE ? s->part > 0 : s->part >= s->pieces_n + s->out->attachments_n;
}

static void next_part(struct meta_send *s) {
    uint64_t wait_ms = kit_pause_left(&s->m->pause, s->m->h->now_ms(s->m->host));
    if (is_done(s))
        settle(s, DRAHT_SENT, "", 0);
    else if (wait_ms)
        settle(s, DRAHT_RETRY, "The provider limits how many messages may be sent right now.",
               wait_ms);
    else if (s->mode == TEMPLATE)
        send_template(s);
    else if (s->part < s->pieces_n)
        send_text(s, s->pieces[s->part]);
    else
        upload(s);
}

/* ---- the beginning ---- */

static void on_last(void *arg, const struct meta_last *last) {
    struct meta_send *s = arg;
    struct meta *m = s->m;
    int64_t age_ms = m->h->now_ms(m->host) - last->at_ms;
    bool is_closed = last->at_ms && age_ms >= META_WINDOW_MS;
    if (is_closed && m->flavour == META_WHATSAPP && *m->s.template_name && s->part == 0)
        s->mode = TEMPLATE;
    else if (is_closed && m->s.has_agent && age_ms < META_AGENT_WINDOW_MS)
        s->mode = AGENT;
    else if (!is_closed && last->at_ms && m->s.marks_read && s->part == 0)
        meta_mark_read(m, kit_in(s->out->recipient), last->mid, false);
    next_part(s);
}

struct draht_text meta_text_limits(const struct meta *m) {
    static const uint32_t max[] = {[META_WHATSAPP] = TEXT_UNITS_WHATSAPP,
                                   [META_MESSENGER] = TEXT_UNITS_MESSENGER,
                                   [META_INSTAGRAM] = TEXT_BYTES_INSTAGRAM};
    int64_t window_ms = m->s.has_agent ? META_AGENT_WINDOW_MS : META_WINDOW_MS;
    return (struct draht_text){.size = sizeof(struct draht_text),
                               .unit = m->flavour == META_INSTAGRAM ? DRAHT_TEXT_BYTES
                                                                    : DRAHT_TEXT_UTF16,
                               .message_max = max[m->flavour],
                               .messages_max = PIECES_MAX,
                               .window_hours = (uint32_t)(window_ms / 3600000),
                               .late_max = *m->s.template_name ? TEMPLATE_POINTS_MAX : 0};
}

/* False: longer than can be sent in pieces. */
static bool cut(struct meta_send *s) {
    struct draht_text limits = meta_text_limits(s->m);
    struct span rest = kit_in(s->out->text);
    kit_cost_fn cost = limits.unit == DRAHT_TEXT_BYTES ? kit_cost_bytes : kit_cost_utf16;
    while (span_trim(rest).n && s->pieces_n < PIECES_MAX)
        s->pieces[s->pieces_n++] = kit_split(&rest, limits.message_max, cost, NULL);
    return span_trim(rest).n == 0;
}

int meta_send(void *channel, const struct draht_outbound *out, struct draht_token *t) {
    struct meta *m = channel;
    struct meta_send *s = xcalloc(1, sizeof *s);
    s->m = m;
    s->out = out;
    s->token = t;
    s->a = arena_new();
    s->part = out->part;
    s->next = m->sends;
    s->prev = &m->sends;
    if (s->next)
        s->next->prev = &s->next;
    m->sends = s;
    const char *fault = cut(s) ? meta_files_fault(m, s->a, out->attachments, out->attachments_n)
                               : "The text is longer than the channel carries.";
    if (fault) { /* before the first part goes out */
        refuse(s, fault);
        return 1;
    }
    struct span thread = kit_in(out->thread);
    meta_last_get(m, thread.n ? thread : kit_in(out->recipient), on_last, s);
    return 0;
}
