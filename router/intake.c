/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * intake: a citizen's message becomes durable: limits, blobs, rules, one call of the store. It
 * answers the channel only when the store has answered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/base/utf8.h"
#include "router/inner.h"

#define ID_MAX_BYTES 1024
#define ADDRESS_MAX_BYTES 512
#define NAME_MAX_BYTES 256
#define SUBJECT_MAX_BYTES 512
#define QUOTED_MAX_BYTES 65536
#define HTML_MAX_BYTES (512u << 10)
#define HINTS_MAX 60
#define ATTACHMENTS_MAX 64
#define WARNINGS_MAX 32

struct intake {
    struct router *r;
    struct arena *arena;
    accepted_fn done;
    void *arg;
    struct inbound m;
    struct attachment *attachments;
    struct attachment original;
    struct contact contact;
    uint8_t wrapped[CRYPTO_WRAPPED_BYTES];
    char address[CRYPTO_HASH_HEX];
    size_t blobs; /* still to be stored */
    int error, tries;
    bool is_proposed; /* a fresh contact, its wrapped key goes along */
    int64_t now_ms;
};
struct blob_slot {
    struct intake *x;
    struct attachment *to;
};

static void finish(struct intake *x, int error, const struct accepted *a) {
    x->r->open--;
    x->done(x->arg, error, a);
    explicit_bzero(&x->contact, sizeof x->contact);
    json_decref(x->m.warnings);
    struct arena *arena = x->arena;
    arena_free(&arena);
}

static void refuse(void *arg) {
    struct intake *x = arg;
    finish(x, x->error, NULL);
}

/* ---- limits ---- */
static int check(const struct router *r, const struct inbound *m) {
    if (!m->external_id.n || !m->sender.n || !m->channel || !*m->channel)
        return ERR_INVALID;
    if (m->external_id.n > ID_MAX_BYTES || m->sender.n > ADDRESS_MAX_BYTES ||
        m->recipient.n > ADDRESS_MAX_BYTES)
        return ERR_TOO_LARGE;
    if (m->thread.n > ID_MAX_BYTES || m->language.n > 35 || m->attachments_n > ATTACHMENTS_MAX)
        return ERR_TOO_LARGE;
    uint64_t total = m->original.n, max = (uint64_t)r->config->attachment_max_mb << 20;
    for (size_t i = 0; i < m->attachments_n; i++)
        total += m->attachments[i].bytes.n;
    if (total > 4 * max)
        return ERR_TOO_LARGE;
    return 0;
}

static void copy(struct intake *x, const struct inbound *m) {
    struct arena *a = x->arena;
    struct utf8_notes notes = {0};
    x->m = *m;
    x->m.channel = arena_strdup(a, m->channel);
    x->m.channel_type = arena_strdup(a, m->channel_type ? m->channel_type : "");
    x->m.external_id = arena_dup(a, m->external_id);
    x->m.sender = utf8_clean(a, m->sender, ADDRESS_MAX_BYTES, NULL);
    x->m.sender_name = utf8_clean(a, m->sender_name, NAME_MAX_BYTES, NULL);
    x->m.recipient = utf8_clean(a, m->recipient, ADDRESS_MAX_BYTES, NULL);
    x->m.subject = utf8_clean(a, m->subject, SUBJECT_MAX_BYTES, NULL);
    size_t text_max = (size_t)x->r->config->message_text_max;
    x->m.text = utf8_clean(a, m->text, text_max ? text_max * 4 : 65536, &notes);
    x->m.text_quoted = utf8_clean(a, m->text_quoted, QUOTED_MAX_BYTES, NULL);
    x->m.html =
        m->html.n <= HTML_MAX_BYTES ? utf8_clean(a, m->html, HTML_MAX_BYTES, NULL) : SPAN_NONE;
    x->m.language = utf8_clean(a, m->language, 35, NULL);
    x->m.thread = arena_dup(a, m->thread);
    x->m.status_url = arena_dup(a, m->status_url);
    x->m.original = SPAN_NONE;
    size_t n = m->hints_n < HINTS_MAX ? m->hints_n : HINTS_MAX;
    struct thread_hint *hints = arena_alloc(a, sizeof *hints * (n + 1));
    for (size_t i = 0; i < n; i++)
        hints[i] = (struct thread_hint){m->hints[i].kind, arena_dup(a, m->hints[i].value)};
    x->m.hints = hints;
    x->m.hints_n = n;
    json_t *w = json_array();
    for (size_t i = 0; i < json_array_size(m->warnings) && i < WARNINGS_MAX; i++) {
        json_t *s = json_array_get(m->warnings, i);
        if (json_is_string(s) && json_string_length(s) <= NAME_MAX_BYTES)
            json_array_append(w, s);
    }
    if (notes.was_cut)
        json_array_append_new(w, json_string("text_cut"));
    if (notes.had_bidi)
        json_array_append_new(w, json_string("text_bidi"));
    if (m->html.n > HTML_MAX_BYTES)
        json_array_append_new(w, json_string("html_dropped"));
    x->m.warnings = w;
}

/* ---- what is sealed ---- */
static json_t *record(const struct intake *x) {
    const struct inbound *m = &x->m;
    json_t *v = json_object();
    json_puts(v, "direction", "in");
    json_puti(v, "at", x->now_ms);
    if (m->sent_ms)
        json_puti(v, "sent", m->sent_ms);
    json_puts(v, "channel", m->channel);
    json_puts(v, "channel_type", m->channel_type);
    json_put(v, "external_id", m->external_id);
    json_put(v, "address", m->sender);
    json_put(v, "name", m->sender_name);
    json_put(v, "recipient", m->recipient);
    json_put(v, "subject", m->subject);
    json_put(v, "text", m->text);
    if (m->text_quoted.n)
        json_put(v, "quoted", m->text_quoted);
    if (m->html.n)
        json_put(v, "html", m->html);
    if (m->is_automatic)
        json_object_set_new(v, "automatic", json_true());
    if (m->is_unverified)
        json_object_set_new(v, "unverified", json_true());
    if (m->is_system)
        json_object_set_new(v, "system", json_true());
    if (m->is_by_staff)
        json_object_set_new(v, "by_staff", json_true());
    if (json_array_size(m->warnings))
        json_object_set(v, "warnings", m->warnings);
    if (m->attachments_n)
        json_object_set_new(v, "attachments", attachments_json(x->attachments, m->attachments_n));
    if (x->original.blob.n) {
        json_t *all = attachments_json(&x->original, 1);
        json_object_set(v, "original", json_array_get(all, 0));
        json_decref(all);
    }
    return v;
}

static json_t *face(const struct intake *x) {
    json_t *v = json_object();
    json_put(v, "subject", x->m.subject);
    json_put(v, "name", x->m.sender_name);
    json_put(v, "address", x->m.sender);
    json_put(v, "thread", x->m.thread);
    json_put(v, "recipient", x->m.recipient);
    return v;
}

static struct span sealed(struct intake *x, struct arena *a, json_t *v) {
    struct buf b = {0};
    envelope_seal_json(&x->contact, v, &b);
    json_decref(v);
    struct span s = arena_dup(a, buf_span(&b));
    buf_free(&b);
    return s;
}

static struct span preview(struct intake *x, struct arena *a) {
    struct span s = utf8_clean(a, x->m.text, PREVIEW_BYTES, NULL);
    char *p = arena_strndup(a, s.p ? s.p : "", s.n);
    for (size_t i = 0; i < s.n; i++)
        if (p[i] == '\n' || p[i] == '\t')
            p[i] = ' ';
    json_t *v = json_object();
    json_put(v, "text", (struct span){p, s.n});
    return sealed(x, a, v);
}

static int64_t due_ms(const struct router *r, const char *queue, int64_t now_ms) {
    const struct config_queue *q = config_queue(r->config, queue);
    if (!q || q->first_answer_hours <= 0)
        return 0;
    const struct config_calendar *c = q->calendar ? config_calendar(r->config, q->calendar) : NULL;
    if (!c)
        return now_ms + (int64_t)q->first_answer_hours * 3600000;
    return calendar_add_hours(c, now_ms, q->first_answer_hours);
}

static char *local_time(struct arena *a, const struct config_calendar *c, int64_t ms) {
    char text[64] = "";
    time_t seconds = (time_t)(calendar_local_ms(c, ms) / 1000);
    struct tm tm;
    if (ms > 0 && gmtime_r(&seconds, &tm))
        strftime(text, sizeof text, "%d.%m.%Y, %H:%M", &tm);
    return arena_strdup(a, *text ? text : "-");
}

/* The ticket's number is not known yet: "{ticket}" stays in the text until somebody reads or sends
 * it. */
static struct span acknowledgement(struct intake *x, struct arena *a,
                                   const struct rules_verdict *v) {
    if (!v->acknowledge || x->m.is_automatic || x->m.is_system || x->m.is_unverified)
        return SPAN("");
    const struct config *c = x->r->config;
    const struct config_queue *q = config_queue(c, v->queue);
    const struct config_calendar *hours = q && q->calendar ? config_calendar(c, q->calendar) : NULL;
    const char *lang =
        x->m.language.n ? arena_strndup(a, x->m.language.p, x->m.language.n) : c->default_language;
    const char *status_url = x->m.status_url.n
                                 ? arena_strndup(a, x->m.status_url.p, x->m.status_url.n)
                             : c->public_url ? c->public_url
                                             : "";
    const char *due = local_time(a, hours, due_ms(x->r, v->queue, x->now_ms));
    const char *open = local_time(a, hours, hours ? calendar_next_open_ms(hours, x->now_ms) : 0);
    char *text = locale_format(
        a, lang, arena_printf(a, "%s.body", v->acknowledge), "number", "{ticket}", "due", due,
        "next_open", open, "office", q && q->name ? q->name : "", "contact",
        q && q->contact ? q->contact : "", "phone", c->city_phone ? c->city_phone : "", "city",
        c->city_name ? c->city_name : "", "status_url", status_url, NULL);
    if (!text || !*text)
        return SPAN("");
    json_t *o = json_object();
    json_puts(o, "direction", "out");
    json_puti(o, "at", x->now_ms);
    json_puts(o, "channel", x->m.channel);
    json_puts(o, "channel_type", x->m.channel_type);
    json_puts(o, "name", c->city_name ? c->city_name : "");
    json_puts(o, "text", text);
    json_object_set_new(o, "automatic", json_true());
    json_object_set_new(o, "template", json_true());
    return sealed(x, a, o);
}

static char *follow_ups(struct arena *a, const struct config *c) {
    char *s = "";
    for (int i = 0; i < c->queues_n; i++) {
        const struct config_queue *q = &c->queues[i];
        if (q->follow_up == FOLLOW_REOPEN)
            continue; /* the default of the store */
        if (q->follow_up == FOLLOW_NEW)
            s = arena_printf(a, "%s%s=n,", s, q->id);
        else
            s = arena_printf(a, "%s%s=%d,", s, q->id, q->follow_up_days);
    }
    return s;
}

/* ---- the call ---- */
static void propose_contact(struct intake *x) {
    uint8_t id[12];
    crypto_random(id, sizeof id);
    crypto_b64url(id, sizeof id, x->contact.id);
    crypto_new_data_key(x->r->crypto, x->contact.key, x->wrapped);
    x->is_proposed = true;
    contacts_keep(x->r->contacts, x->address,
                  &x->contact); /* so that the sender's next message seals for the same one */
}

static void call(struct intake *x);

static void answered(void *arg, int error, const struct redis_value *v) {
    struct intake *x = arg;
    struct span word = cell(v, 0);
    struct accepted a = {.stored_ms = x->now_ms};
    if (error) {
        finish(x, error, NULL);
    } else if (span_eq(word, "KEY") && x->tries++ < 3) {
        struct span wrapped = cell(v, 2);
        if (contact_from(x->r, cell(v, 1), wrapped, &x->contact)) {
            finish(x, ERR_CRYPTO, NULL);
            return;
        }
        x->is_proposed = false;
        contacts_keep(x->r->contacts, x->address, &x->contact);
        call(x);
    } else if (span_eq(word, "NEW") && x->tries++ < 3) {
        propose_contact(x);
        call(x);
    } else if (span_eq(word, "OK")) {
        snprintf(a.ticket, sizeof a.ticket, "%.*s", (int)cell(v, 1).n, cell(v, 1).p);
        snprintf(a.message, sizeof a.message, "%.23s.%d", a.ticket,
                 (int)(cell_int(v, 2) % 1000000));
        a.thread_seq = (uint64_t)cell_int(v, 3);
        a.is_new_ticket = cell_int(v, 4) == 1;
        contacts_keep(x->r->contacts, x->address, &x->contact);
        finish(x, 0, &a);
    } else if (span_eq(word, "DUP")) {
        struct span rest = cell(v, 1);
        struct span num = span_cut(&rest, ' '), n = span_cut(&rest, ' '),
                    seq = span_cut(&rest, ' ');
        unsigned long long u = 0, ms = 0;
        span_u64(seq, UINT64_MAX, &u);
        span_u64(rest.p ? rest : SPAN("x"), INT64_MAX, &ms);
        a.is_duplicate = true;
        a.thread_seq = u;
        if (ms)
            a.stored_ms = (int64_t)ms;
        snprintf(a.ticket, sizeof a.ticket, "%.*s", (int)num.n, num.p);
        snprintf(a.message, sizeof a.message, "%.22s.%.*s", a.ticket, (int)(n.n > 7 ? 7 : n.n),
                 n.p);
        finish(x, 0, &a);
    } else {
        finish(x, ERR_UNAVAILABLE, NULL);
    }
}

static void args_hints(struct intake *x, struct args *a) {
    args_i(a, (int64_t)x->m.hints_n);
    for (size_t i = 0; i < x->m.hints_n; i++) {
        char hash[CRYPTO_HASH_HEX];
        args_i(a, x->m.hints[i].kind);
        if (x->m.hints[i].kind != HINT_KEY) {
            args_s(a, x->m.hints[i].value);
            continue;
        }
        hash_external(x->r, x->m.channel, x->m.hints[i].value, hash);
        args_z(a, arena_strdup(a->arena, hash));
    }
}

static char *dedupe_hash(struct intake *x, struct arena *a) {
    char *hash = arena_alloc(a, CRYPTO_HASH_HEX);
    struct buf id = {0};
    buf_add(&id, x->m.external_id.p, x->m.external_id.n);
    buf_add(&id, "\0", 1);
    buf_add(&id, x->m.recipient.p, x->m.recipient.n);
    hash_external(x->r, x->m.channel, buf_span(&id), hash);
    buf_free(&id);
    return hash;
}

static void call(struct intake *x) {
    struct router *r = x->r;
    struct args *a = args_new(r);
    struct rules_facts facts = {x->m.channel, x->m.recipient, x->m.language,
                                x->m.subject, x->m.text,      x->now_ms};
    struct rules_verdict v;
    rules_apply(r->rules, a->arena, &facts, &v);
    time_t seconds = (time_t)(x->now_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char *thread = "";
    if (x->m.thread.n) {
        thread = arena_alloc(a->arena, CRYPTO_HASH_HEX);
        hash_external(r, x->m.channel, x->m.thread, thread);
    }
    args_i(a, x->now_ms);
    args_z(a, dedupe_hash(x, a->arena));
    args_z(a, x->address);
    args_z(a, x->contact.id);
    args_s(a,
           x->is_proposed ? (struct span){(const char *)x->wrapped, sizeof x->wrapped} : SPAN(""));
    args_s(a, sealed(x, a->arena, record(x)));
    args_s(a, sealed(x, a->arena, face(x)));
    args_s(a, preview(x, a->arena));
    args_z(a, x->m.channel);
    args_z(a, x->m.channel_type);
    args_z(a, v.queue);
    args_z(a, v.priority);
    args_z(a, v.tags);
    args_s(a, x->m.language);
    args_i(a, tm.tm_year + 1900);
    args_i(a, due_ms(r, v.queue, x->now_ms));
    args_z(a, thread);
    args_z(a, x->m.has_history ? "1" : "0");
    args_z(a, follow_ups(a->arena, r->config));
    args_i(a, (int64_t)x->m.attachments_n);
    args_s(a, acknowledgement(x, a->arena, &v));
    args_i(a, r->config->ack_per_day);
    args_i(a, x->now_ms / 86400000);
    args_hints(x, a);
    struct span words = span_str(arena_printf(
        a->arena, "%.*s %.*s", (int)x->m.subject.n, x->m.subject.n ? x->m.subject.p : "",
        (int)x->m.sender_name.n, x->m.sender_name.n ? x->m.sender_name.p : ""));
    args_words(r, a, words, INDEX_WORDS_MAX);
    store_call_durable(r->store, "accept", a, answered, x);
    args_free(&a);
}

/* ---- blobs first ---- */
static void blobs_done(struct intake *x) {
    if (x->error) {
        finish(x, x->error, NULL);
        return;
    }
    call(x);
}

static void blob_stored(void *arg, int error, struct span name) {
    struct blob_slot *s = arg;
    struct intake *x = s->x;
    if (error)
        x->error = error;
    else
        s->to->blob = arena_dup(x->arena, name);
    if (--x->blobs == 0)
        blobs_done(x);
}

static void store_blob(struct intake *x, struct attachment *to, struct span bytes) {
    char sha[65];
    struct blob_slot *s = arena_alloc(x->arena, sizeof *s);
    *s = (struct blob_slot){x, to};
    crypto_sha256_hex(bytes, sha);
    to->sha256 = span_str(arena_strdup(x->arena, sha));
    to->length = bytes.n;
    to->bytes = SPAN_NONE;
    x->blobs++;
    blob_put(x->r, bytes, blob_stored, s);
}

static void store_blobs(struct intake *x, const struct inbound *m) {
    x->attachments = arena_alloc(x->arena, sizeof *x->attachments * (m->attachments_n + 1));
    for (size_t i = 0; i < m->attachments_n; i++) {
        struct attachment *to = &x->attachments[i];
        const struct attachment *from = &m->attachments[i];
        to->name = utf8_clean(x->arena, from->name, NAME_MAX_BYTES, NULL);
        to->type = utf8_clean(x->arena, from->type, NAME_MAX_BYTES, NULL);
        to->content_id = utf8_clean(x->arena, from->content_id, NAME_MAX_BYTES, NULL);
        to->sha256 = arena_dup(x->arena, from->sha256);
        to->blob = arena_dup(x->arena, from->blob);
        to->length = from->length;
        if (!from->blob.n)
            store_blob(x, to, from->bytes);
    }
    if (m->original.n)
        store_blob(x, &x->original, m->original);
}

static void contact_for(struct intake *x) {
    hash_address(x->r, x->m.channel_type, x->m.sender, x->address);
    if (!contacts_find(x->r->contacts, x->address, &x->contact))
        propose_contact(x);
}

static void blobless(void *arg) {
    call(arg);
}

void intake_accept(struct router *r, const struct inbound *m, accepted_fn done, void *arg) {
    struct arena *arena = arena_new();
    struct intake *x = arena_alloc(arena, sizeof *x);
    x->r = r;
    x->arena = arena;
    x->done = done;
    x->arg = arg;
    x->now_ms = now_of(r);
    r->open++;
    x->error = check(r, m);
    if (!x->error && (r->is_stopping || !store_is_ready(r->store)))
        x->error = ERR_UNAVAILABLE;
    if (x->error) {
        loop_soon(r->loop, refuse, x);
        return;
    }
    copy(x, m);
    contact_for(x);
    store_blobs(x, m);
    if (!x->blobs)
        loop_soon(r->loop, blobless, x);
}
