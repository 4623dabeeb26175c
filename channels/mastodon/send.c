/* SPDX-License-Identifier: EUPL-1.2 */
/* send: a reply becomes one direct status a part, each an answer to the one before. The instance
 * remembers our key for an hour; when a part is tried again later than that, we look first whether
 * it is there already. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/kit/split.h"
#include "channels/mastodon/mastodon_private.h"
#include "gateway/base/clock.h"
#include "gateway/base/utf8.h"

#define KEY_LIVES_MS (50LL * 60 * 1000) /* an hour at the instance, with some reserve */
#define TRIED_TTL_MS (9ull * 24 * 3600 * 1000)
#define CLOCKS_MS (5LL * 60 * 1000) /* the instance's clock may be behind ours */

struct mast_send {
    struct mastodon *m;
    struct mast_send *next, **prev;
    const struct draht_outbound *out; /* borrowed until its token is settled */
    struct draht_token *token;
    struct span pieces[MASTODON_PIECES_MAX];
    size_t pieces_n, parts_n;
    uint32_t part;
    char parent[TOOT_ID_BYTES_MAX + 1]; /* status that this part answers, or "" */
    char *text;                         /* of the mention and all pieces */
    char media[MASTODON_MEDIA_MAX][TOOT_ID_BYTES_MAX + 1];
    size_t media_n, media_want;
    struct mast_upload *upload;
    int64_t tried_ms; /* when this part was first tried; 0: now */
    bool had_parent;
};

static void begin_part(struct mast_send *s);
static void post(struct mast_send *s);

static void send_free(struct mast_send *s) {
    *s->prev = s->next;
    if (s->next)
        s->next->prev = s->prev;
    if (s->upload)
        mast_upload_drop(s->upload);
    free(s->text);
    free(s);
}

void mast_sends_drop(struct mastodon *m) {
    while (m->sends)
        send_free(m->sends);
}

static void settle(struct mast_send *s, struct mast_verdict v) {
    struct mastodon *m = s->m;
    struct draht_token *t = s->token;
    send_free(s);
    m->h->settle(t, v.verdict, kit_str(v.reason), v.retry_ms);
    mast_idle(m);
}

struct mast_verdict mast_verdict_of(const struct mastodon *m, const struct draht_http_answer *a) {
    if (a->error == ERR_FORBIDDEN)
        return (struct mast_verdict){DRAHT_MISCONFIGURED, "The instance may not be called.", 0};
    if (a->error)
        return (struct mast_verdict){DRAHT_RETRY, "The instance did not answer.", 0};
    switch (a->status) {
    case 401:
        return (struct mast_verdict){DRAHT_MISCONFIGURED,
                                     "The access token is not valid. An operator must look.", 0};
    case 403:
        return (struct mast_verdict){
            DRAHT_MISCONFIGURED, "The access token lacks a scope, or the account is suspended.", 0};
    case 404:
    case 410:
        return (struct mast_verdict){DRAHT_REJECTED, "The citizen's message or account is gone.",
                                     0};
    case 413:
        return (struct mast_verdict){DRAHT_REJECTED, "A file is too large for the instance.", 0};
    case 422:
        return (struct mast_verdict){
            DRAHT_REJECTED, "The instance refuses the reply (text, or kind of a file).", 0};
    case 429:
        return (struct mast_verdict){DRAHT_RETRY, "The instance limits how much may be sent.",
                                     mast_wait_ms(m, a)};
    default:
        return (struct mast_verdict){DRAHT_RETRY, "The instance has trouble right now.",
                                     mast_wait_ms(m, a)};
    }
}

/* ---- the text ---- */

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* "@name" in a reply would deliver it to that person too: a zero-width space stops it. */
static void add_harmless(struct buf *b, struct span text) {
    for (size_t i = 0; i < text.n; i++) {
        buf_add(b, &text.p[i], 1);
        bool is_mention = text.p[i] == '@' && (i == 0 || !is_name_char(text.p[i - 1])) &&
                          i + 1 < text.n && is_name_char(text.p[i + 1]);
        if (is_mention)
            buf_adds(b, "\xe2\x80\x8b");
    }
}

/* A link counts the same however long it is. */
static size_t cost(const void *arg, struct span rest, size_t *bytes) {
    const struct mastodon *m = arg;
    if (m->counts_all || (!span_istarts(rest, "https://") && !span_istarts(rest, "http://")))
        return kit_cost_points(NULL, rest, bytes);
    size_t n = 0;
    while (n < rest.n && (unsigned char)rest.p[n] > ' ')
        n++;
    *bytes = n;
    return m->url_characters;
}

/* A mention of somebody elsewhere counts without the host. */
static size_t mention_cost(const struct mastodon *m, struct span acct) {
    struct span user = acct;
    if (!m->counts_all)
        user = span_cut(&user, '@');
    return utf8_count(user) + 2; /* '@' and a blank */
}

static bool cut(struct mast_send *s) {
    struct mastodon *m = s->m;
    struct buf b = {0};
    add_harmless(&b, kit_in(s->out->text));
    buf_adds(&b, "");
    s->text = buf_take(&b, NULL);
    size_t taken = mention_cost(m, kit_in(s->out->recipient));
    size_t room = m->characters > taken + 50 ? m->characters - taken : 50;
    struct span rest = span_trim(span_str(s->text));
    while (rest.n && s->pieces_n < MASTODON_PIECES_MAX)
        s->pieces[s->pieces_n++] = kit_split(&rest, room, cost, m);
    size_t batches = (s->out->attachments_n + m->media_max - 1) / m->media_max;
    s->parts_n = s->pieces_n > batches ? s->pieces_n : batches;
    return rest.n == 0;
}

/* ---- one part ---- */

static void key_name(const struct mast_send *s, char out[160]) {
    snprintf(out, 160, "tried:%.*s:%u", (int)s->out->message.n, s->out->message.p, s->part);
}

static void not_waited_for(void *arg, int status) {
    (void)arg, (void)status;
}

static void part_is_done(struct mast_send *s, const char *id) {
    struct mastodon *m = s->m;
    char key[160];
    key_name(s, key);
    m->h->state_del(m->host, kit_str(key), not_waited_for, NULL);
    m->h->part_done(s->token, s->part, kit_str(id));
    snprintf(s->parent, sizeof s->parent, "%s", id);
    s->part++;
    begin_part(s);
}

static void on_posted(void *arg, const struct draht_http_answer *a) {
    struct mast_send *s = arg;
    json_t *v = !a->error && a->status == 200
                    ? json_parse(kit_in(a->body), MASTODON_ANSWER_BYTES_MAX, NULL)
                    : NULL;
    char id[TOOT_ID_BYTES_MAX + 1];
    const char *said = json_str(v, "id", "");
    snprintf(id, sizeof id, "%s", strlen(said) <= TOOT_ID_BYTES_MAX ? said : "");
    json_decref(v);
    if (*id) {
        part_is_done(s, id);
    } else if (a->status == 404 && *s->parent) {
        s->parent[0] = 0; /* deleted in the meantime: the mention alone finds the citizen */
        post(s);
    } else {
        char line[64];
        snprintf(line, sizeof line, "status=%d error=%d", a->status, a->error);
        mast_log(s->m, 2, "mastodon.send", line);
        settle(s, mast_verdict_of(s->m, a));
    }
}

static void write_status(const struct mast_send *s, struct buf *b) {
    struct buf text = {0};
    struct span language = kit_in(s->out->language);
    language = span_cut(&language, '-');
    buf_addf(&text, "@%.*s ", (int)s->out->recipient.n, s->out->recipient.p);
    if (s->part < s->pieces_n)
        buf_add(&text, s->pieces[s->part].p, s->pieces[s->part].n);
    buf_adds(b, "{\"visibility\":\"direct\",\"status\":");
    kit_json(b, buf_span(&text));
    if (*s->parent) {
        buf_adds(b, ",\"in_reply_to_id\":");
        kit_json(b, span_str(s->parent));
    }
    if (language.n) {
        buf_adds(b, ",\"language\":");
        kit_json(b, language);
    }
    for (size_t i = 0; i < s->media_n; i++) {
        buf_adds(b, i ? "," : ",\"media_ids\":[");
        kit_json(b, span_str(s->media[i]));
    }
    buf_adds(b, s->media_n ? "]}" : "}");
    buf_free(&text);
}

static void post(struct mast_send *s) {
    struct mastodon *m = s->m;
    struct buf b = {0}, key = {0};
    write_status(s, &b);
    buf_addf(&key, "Idempotency-Key: draht-%.*s-%u%s", (int)s->out->message.n, s->out->message.p,
             s->part, *s->parent || !s->had_parent ? "" : "-alone");
    bool ok = mast_call(m, "POST", "/api/v1/statuses", key.p, NULL, buf_span(&b), on_posted, s);
    buf_free(&b);
    buf_free(&key);
    if (!ok)
        settle(s, (struct mast_verdict){DRAHT_MISCONFIGURED, "The instance may not be called.", 0});
}

static void next_file(struct mast_send *s);

static void on_uploaded(void *arg, struct span id, struct mast_verdict v) {
    struct mast_send *s = arg;
    s->upload = NULL;
    if (!id.n) {
        settle(s, v);
        return;
    }
    memcpy(s->media[s->media_n], id.p, id.n);
    s->media[s->media_n++][id.n] = 0;
    next_file(s);
}

static void next_file(struct mast_send *s) {
    if (s->media_n >= s->media_want) {
        post(s);
        return;
    }
    size_t at = s->part * s->m->media_max + s->media_n;
    s->upload = mast_upload(s->m, &s->out->attachments[at], on_uploaded, s);
    if (!s->upload)
        settle(s, (struct mast_verdict){DRAHT_MISCONFIGURED, "The instance may not be called.", 0});
}

/* ---- was it sent already? ---- */

static bool is_ours(const struct mast_send *s, struct arena *a, const json_t *status) {
    int64_t at_ms = 0;
    const json_t *account = json_object_get(status, "account");
    if (strcmp(json_str(account, "id", ""), s->m->own_id) != 0 ||
        strcmp(json_str(status, "visibility", ""), "direct") != 0 ||
        clock_parse_rfc3339(json_str(status, "created_at", ""), &at_ms) < 0 ||
        at_ms < s->tried_ms - CLOCKS_MS)
        return false;
    struct span words = toot_words(a, span_str(json_str(status, "content", "")));
    struct span piece = s->part < s->pieces_n ? s->pieces[s->part] : SPAN_NONE;
    size_t i = 0, j = 0; /* compared without blanks, behind the mention */
    while (i < words.n && words.p[i] > ' ')
        i++;
    for (;;) {
        while (i < words.n && (unsigned char)words.p[i] <= ' ')
            i++;
        while (j < piece.n && (unsigned char)piece.p[j] <= ' ')
            j++;
        if (i == words.n || j == piece.n)
            return i == words.n && j == piece.n;
        if (words.p[i++] != piece.p[j++])
            return false;
    }
}

static void on_context(void *arg, const struct draht_http_answer *a) {
    struct mast_send *s = arg;
    json_t *v = !a->error && a->status == 200
                    ? json_parse(kit_in(a->body), MASTODON_ANSWER_BYTES_MAX, NULL)
                    : NULL;
    if (!v && a->status != 404) {
        settle(s, mast_verdict_of(s->m, a));
        return;
    }
    const json_t *below = json_object_get(v, "descendants");
    struct arena *mem = arena_new();
    char id[TOOT_ID_BYTES_MAX + 1] = "";
    for (size_t i = 0; i < json_array_size(below) && !*id; i++) {
        const json_t *x = json_array_get(below, i);
        if (strlen(json_str(x, "id", "")) < sizeof id && is_ours(s, mem, x))
            snprintf(id, sizeof id, "%s", json_str(x, "id", ""));
    }
    arena_free(&mem);
    json_decref(v);
    if (*id)
        part_is_done(s, id);
    else
        next_file(s);
}

static void look_first(struct mast_send *s) {
    char path[TOOT_ID_BYTES_MAX + 40];
    snprintf(path, sizeof path, "/api/v1/statuses/%s/context", s->parent);
    if (!*s->parent || !mast_call(s->m, "GET", path, NULL, NULL, SPAN_NONE, on_context, s))
        settle(s,
               (struct mast_verdict){DRAHT_IN_DOUBT,
                                     "It was tried more than an hour ago and cannot be found.", 0});
}

static void on_noted(void *arg, int status) {
    struct mast_send *s = arg;
    if (status < 0)
        settle(s, (struct mast_verdict){DRAHT_RETRY, "The store cannot be reached.", 0});
    else
        next_file(s);
}

static void on_tried(void *arg, int status, struct draht_span value) {
    struct mast_send *s = arg;
    struct mastodon *m = s->m;
    unsigned long long at_ms = 0;
    int64_t now_ms = m->h->now_ms(m->host);
    if (status < 0) {
        on_noted(s, status);
    } else if (span_u64(kit_in(value), INT64_MAX, &at_ms) == 0) {
        s->tried_ms = (int64_t)at_ms;
        if (now_ms - s->tried_ms > KEY_LIVES_MS)
            look_first(s);
        else
            next_file(s);
    } else {
        char key[160], text[32];
        key_name(s, key);
        snprintf(text, sizeof text, "%lld", (long long)now_ms);
        m->h->state_set(m->host, kit_str(key), kit_str(text), TRIED_TTL_MS, on_noted, s);
    }
}

static void begin_part(struct mast_send *s) {
    struct mastodon *m = s->m;
    if (s->part >= s->parts_n) {
        settle(s, (struct mast_verdict){DRAHT_SENT, "", 0});
        return;
    }
    size_t before = s->part * m->media_max, left = 0;
    if (s->out->attachments_n > before)
        left = s->out->attachments_n - before;
    s->media_n = 0;
    s->media_want = left < m->media_max ? left : m->media_max;
    s->had_parent = *s->parent != 0;
    char key[160];
    key_name(s, key);
    m->h->state_get(m->host, kit_str(key), on_tried, s);
}

int mast_send(void *channel, const struct draht_outbound *out, struct draht_token *t) {
    struct mastodon *m = channel;
    struct mast_send *s = xcalloc(1, sizeof *s);
    s->m = m;
    s->out = out;
    s->token = t;
    s->part = out->part;
    s->next = m->sends;
    s->prev = &m->sends;
    if (s->next)
        s->next->prev = &s->next;
    m->sends = s;
    struct span parent = kit_in(out->in_reply_to);
    parent = span_cut(&parent, '#'); /* an edit answers to the status it changed */
    if (parent.n <= TOOT_ID_BYTES_MAX && parent.n)
        memcpy(s->parent, parent.p, parent.n);
    if (!cut(s))
        settle(s, (struct mast_verdict){DRAHT_REJECTED, "The text is longer than can be sent.", 0});
    else
        begin_part(s);
    return 0;
}
