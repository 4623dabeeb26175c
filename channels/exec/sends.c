/* SPDX-License-Identifier: EUPL-1.2 */
/* sends: replies on their way through a program. What it was asked and did not answer is in doubt,
 * unless it said that sending twice is harmless. */
#include "channels/exec/exec_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/utf8.h"

#define REASON_BYTES_MAX 500
#define PARTS_MAX 200

static void file_name(const struct sending *s, size_t i, char *out, size_t bytes) {
    snprintf(out, bytes, "send-%llu-%zu", (unsigned long long)s->nr, i);
}

static void release(struct sending *s) {
    struct buf path = {0};
    for (size_t i = 0; i < s->files_n; i++) {
        char name[64];
        file_name(s, i, name, sizeof name);
        buf_clear(&path);
        buf_addf(&path, "%s/out/%s", s->x->spool, name);
        unlink(path.p);
    }
    buf_free(&path);
    files_drop(s->job);
    once_forget(s->once);
    *s->prev = s->next;
    if (s->next)
        s->next->prev = s->prev;
    free(s);
}

static void settle(struct sending *s, enum draht_verdict v, struct draht_span reason,
                   uint64_t retry_ms) {
    struct draht_token *t = s->token;
    struct exec *x = s->x;
    release(s);
    x->h->settle(t, v, reason, retry_ms);
    once_settled(x);
}

void sends_settle(struct sending *s, enum draht_verdict v, const char *reason) {
    settle(s, v, kit_str(reason), 0);
}

/* The request went out, nobody knows what became of it. */
void sends_unknown(struct sending *s, const char *reason) {
    bool harmless = (s->x->manifest.caps & DRAHT_CAP_IDEMPOTENT) != 0;
    settle(s, harmless ? DRAHT_RETRY : DRAHT_IN_DOUBT, kit_str(reason), 0);
}

static void unknown(struct sending *s) {
    sends_unknown(s, "The program gave no answer.");
}

static void settle_error(struct sending *s, const json_t *e) {
    int64_t code = json_int(e, "code", 0),
            retry = json_int(json_object_get(e, "data"), "retry_ms", 0);
    struct arena *a = arena_new();
    struct draht_span text =
        kit_out(utf8_clean(a, kit_in(exec_text(e, "message")), REASON_BYTES_MAX, NULL));
    if (code == WIRE_NOT_NOW)
        settle(s, DRAHT_RETRY, text, retry > 0 ? (uint64_t)retry : 0);
    else if (code == WIRE_NEVER || code == WIRE_BAD_PARAMS)
        settle(s, DRAHT_REJECTED, text, 0);
    else if (code == WIRE_NO_METHOD)
        settle(s, DRAHT_MISCONFIGURED, text, 0);
    else
        unknown(s);
    arena_free(&a);
}

static void name_parts(struct sending *s, const json_t *r) {
    const json_t *parts = json_object_get(r, "parts"), *v;
    struct draht_span id = exec_text(r, "external_id");
    size_t i;
    if (id.n)
        s->x->h->part_done(s->token, s->m->part, id);
    json_array_foreach((json_t *)(uintptr_t)parts, i,
                       v) if (i >= s->m->part && i < PARTS_MAX && json_is_string(v))
        s->x->h->part_done(s->token, (uint32_t)i, kit_str(json_string_value(v)));
}

/* 0: there is no such word. */
static int verdict_of(const char *word) {
    static const char *const verdicts[] = {"",          "sent",          "retry",   "rejected",
                                           "opted_out", "misconfigured", "in_doubt"};
    for (int i = DRAHT_SENT; i <= DRAHT_IN_DOUBT; i++)
        if (strcmp(verdicts[i], word) == 0)
            return i;
    return 0;
}

/* Nobody can know what became of the reply. The word is named when it can be nothing personal. */
static void settle_wordless(struct sending *s, const char *word) {
    char reason[120] = "The program answered without a verdict.";
    size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz_");
    if (n && !word[n] && n < 24)
        snprintf(reason, sizeof reason,
                 "The program gave the verdict \"%s\", which does not exist.", word);
    exec_log(s->x, 2, "exec.verdict", "%s", reason);
    settle(s, DRAHT_IN_DOUBT, kit_str(reason), 0);
}

static void on_answer(struct exec *x, void *arg, enum exec_outcome o,
                      const struct wire_message *m) {
    struct sending *s = arg;
    (void)x;
    if (o != EXEC_ANSWERED) {
        unknown(s);
        return;
    }
    if (m->error) {
        settle_error(s, m->error);
        return;
    }
    const char *word = json_str(m->result, "verdict", "");
    int v = verdict_of(word);
    if (!v) {
        settle_wordless(s, word);
        return;
    }
    if (v == DRAHT_SENT)
        name_parts(s, m->result);
    int64_t retry = json_int(m->result, "retry_ms", 0);
    struct arena *a = arena_new();
    settle(s, (enum draht_verdict)v,
           kit_out(utf8_clean(a, kit_in(exec_text(m->result, "reason")), REASON_BYTES_MAX, NULL)),
           retry > 0 ? (uint64_t)retry : 0);
    arena_free(&a);
}

static void put(json_t *o, const char *key, struct draht_span s) {
    if (s.n)
        json_put(o, key, kit_in(s));
}

static json_t *put_files(const struct sending *s) {
    json_t *list = json_array();
    for (size_t i = 0; i < s->files_n; i++) {
        const struct draht_attachment *a = &s->m->attachments[i];
        char name[64];
        struct buf path = {0};
        file_name(s, i, name, sizeof name);
        buf_addf(&path, "%s/out/%s", s->x->spool, name);
        json_t *o = json_object();
        json_put(o, "name", kit_in(a->name));
        json_put(o, "type", kit_in(a->type));
        json_puti(o, "length", (int64_t)a->bytes.n);
        json_put(o, "file", buf_span(&path));
        json_array_append_new(list, o);
        buf_free(&path);
    }
    return list;
}

static json_t *params(const struct sending *s) {
    const struct draht_outbound *m = s->m;
    json_t *o = json_object(), *references = json_array();
    put(o, "message", m->message);
    put(o, "ticket", m->ticket);
    json_puti(o, "attempt", m->attempt);
    json_puti(o, "part", m->part);
    put(o, "recipient", m->recipient);
    put(o, "recipient_name", m->recipient_name);
    put(o, "thread", m->thread);
    put(o, "sender_name", m->sender_name);
    put(o, "subject", m->subject);
    put(o, "text", m->text);
    put(o, "html", m->html);
    put(o, "in_reply_to", m->in_reply_to);
    for (size_t i = 0; i < m->references_n; i++)
        json_array_append_new(references, json_stringn(m->references[i].p, m->references[i].n));
    json_object_set_new(o, "references", references);
    json_object_set_new(o, "attachments", put_files(s));
    json_puti(o, "thread_seq", (int64_t)m->thread_seq);
    json_puti(o, "created_ms", m->created_ms);
    json_object_set_new(o, "automatic", json_boolean(m->flags & DRAHT_OUT_AUTOMATIC));
    put(o, "language", m->language);
    return o;
}

static void ask(struct sending *s) {
    struct exec *x = s->x;
    int rc = ERR_CLOSED;
    if (x->is_once && !x->is_stopping)
        rc = once_begin(s, params(s));
    else if (x->run && x->run->state == RUN_READY && !x->is_stopping)
        rc = talk_ask(x->run, "send", params(s), x->timeout_ms, on_answer, s);
    if (rc == ERR_TOO_LARGE)
        settle(s, DRAHT_REJECTED, kit_str("The reply is longer than a line of the wire."), 0);
    else if (rc < 0)
        settle(s, DRAHT_RETRY, kit_str("The program is not there."), 0);
}

static void on_written(void *arg, int status, const struct files_item *items, size_t n,
                       size_t which) {
    struct sending *s = arg;
    (void)items, (void)n, (void)which;
    s->job = NULL;
    if (status < 0)
        settle(s, DRAHT_RETRY, kit_str("The attachments could not be written to the spool."), 0);
    else
        ask(s);
}

static void write_files(struct sending *s) {
    struct files_item *items = xcalloc(s->files_n, sizeof *items);
    struct buf path = {0};
    for (size_t i = 0; i < s->files_n; i++) {
        struct draht_span b = s->m->attachments[i].bytes;
        file_name(s, i, items[i].name, sizeof items[i].name);
        if (b.n)
            buf_add(&items[i].bytes, b.p, b.n); /* the token may end before the pool is done */
    }
    buf_addf(&path, "%s/out", s->x->spool);
    s->job = files_write(s->x->loop, path.p, items, s->files_n, on_written, s);
    buf_free(&path);
}

int sends_new(struct exec *x, const struct draht_outbound *m, struct draht_token *t) {
    if (x->is_once ? !x->is_up : !x->run || x->run->state != RUN_READY)
        return DRAHT_E_UNAVAILABLE;
    struct sending *s = xcalloc(1, sizeof *s);
    *s = (struct sending){.x = x,
                          .token = t,
                          .m = m,
                          .files_n = m->attachments_n,
                          .nr = ++x->sends_nr,
                          .next = x->sends,
                          .prev = &x->sends};
    if (s->next)
        s->next->prev = &s->next;
    x->sends = s;
    if (s->files_n)
        write_files(s);
    else
        ask(s);
    return 0;
}

void sends_forget(struct exec *x) {
    while (x->sends)
        release(x->sends);
}

void call_part(struct ask *k, const json_t *p) {
    struct draht_span message = exec_text(p, "message"), id = exec_text(p, "external_id");
    int64_t part = json_int(p, "part", 0);
    struct sending *s = k->x->sends;
    while (s && !span_is(kit_in(s->m->message), kit_in(message)))
        s = s->next;
    if (!s || part < 0 || part >= PARTS_MAX) {
        ask_error(k, WIRE_BAD_PARAMS, "No such message is under way.");
        return;
    }
    k->x->h->part_done(s->token, (uint32_t)part, id);
    ask_result(k, NULL);
}
