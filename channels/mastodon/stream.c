/* SPDX-License-Identifier: EUPL-1.2 */
/* stream: a notification in the stream only wakes the intake, which reads from the watermark: one
 * way in, in order, without a gap. Edits and deletions come from it as they are; review.c asks for
 * those of the time without it. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/mastodon/mastodon_private.h"

#define SILENCE_MS 120000 /* instances send a comment every few seconds */
#define EDITS_MAX 32      /* at once; more wait for the next review */

struct change {
    struct mastodon *m;
    struct arena *a;
    json_t *status;
    char id[TOOT_ID_BYTES_MAX + 1];
    struct toot toot;
    void (*done)(void *arg);
    void *arg;
};

static void change_free(struct change *c) {
    struct mastodon *m = c->m;
    void (*done)(void *arg) = c->done;
    void *arg = c->arg;
    arena_free(&c->a);
    json_decref(c->status);
    free(c);
    if (done)
        done(arg);
    m->edits_n--;
    mast_idle(m);
}

static void not_waited_for(void *arg, int status) {
    (void)arg, (void)status;
}

static void on_taken(void *arg, int status, const struct draht_accepted *a) {
    struct change *c = arg;
    struct mastodon *m = c->m;
    char key[TOOT_ID_BYTES_MAX + 8];
    (void)a;
    mast_known_key(key, span_str(c->id));
    if (status < 0) {
        mast_log(m, 2, "mastodon.edit", "an edit or deletion could not be stored");
        m->is_review_due = m->is_review_due || status == DRAHT_E_UNAVAILABLE;
    } else if (c->status) {
        mast_known(m, span_str(c->id), c->toot.sender, mast_edited_ms(c->status));
    } else {
        m->h->state_del(m->host, kit_str(key), not_waited_for, NULL);
    }
    change_free(c);
}

/* Only what was a message here before can be edited or deleted. */
static void on_sender(void *arg, int status, struct draht_span sender) {
    struct change *c = arg;
    struct mastodon *m = c->m;
    if (status < 0 || !sender.p || sender.n == 0) {
        change_free(c);
        return;
    }
    if (c->status) {
        toot_read_status(c->a, c->status, m->own_id, true, &c->toot);
        if (c->toot.ignored)
            change_free(c);
        else
            mast_accept(m, &c->toot, NULL, 0, "The citizen has changed an earlier message to this.",
                        on_taken, c);
        return;
    }
    struct span rest = kit_in(sender);
    c->toot.sender = arena_dup(c->a, span_cut(&rest, ' '));
    c->toot.is_note = true;
    c->toot.status_id = span_str(c->id);
    c->toot.external_id = span_str(arena_printf(c->a, "%s#deleted", c->id));
    mast_accept(m, &c->toot, NULL, 0,
                "The citizen has deleted an earlier message on the instance. It is kept here.",
                on_taken, c);
}

void mast_change(struct mastodon *m, json_t *status, struct span id, void (*done)(void *arg),
                 void *arg) {
    bool is_sound = id.n > 0 && id.n <= TOOT_ID_BYTES_MAX;
    if (m->edits_n >= EDITS_MAX || m->is_stopping || !is_sound) {
        m->is_review_due = m->is_review_due || is_sound;
        json_decref(status);
        if (done)
            done(arg);
        return;
    }
    struct change *c = xcalloc(1, sizeof *c);
    c->m = m;
    c->a = arena_new();
    c->status = status;
    c->done = done;
    c->arg = arg;
    memcpy(c->id, id.p, id.n);
    m->edits_n++;
    char key[TOOT_ID_BYTES_MAX + 8];
    mast_known_key(key, id);
    m->h->state_get(m->host, kit_str(key), on_sender, c);
}

static void on_event(void *arg, const char *name, struct span data) {
    struct mastodon *m = arg;
    if (strcmp(name, "notification") == 0) {
        mast_wake(m, 0);
    } else if (strcmp(name, "status.update") == 0) {
        json_t *v = json_parse(data, SSE_EVENT_BYTES_MAX, NULL); /* "undefined" is no JSON */
        const char *id = json_str(v, "id", "");
        mast_change(m, v, span_str(id), NULL, NULL);
    } else if (strcmp(name, "delete") == 0) {
        mast_change(m, NULL, span_trim(data), NULL, NULL);
    }
}

static void on_chunk(void *arg, struct draht_span bytes) {
    struct mastodon *m = arg;
    m->stream_fails = 0;
    sse_feed(&m->sse, kit_in(bytes), on_event, m);
}

static void again(void *arg) {
    struct mastodon *m = arg;
    m->h->timer_stop(m->stream_timer);
    m->stream_timer = NULL;
    mast_stream_open(m);
    mast_wake(m, 0);
}

static void reopen_later(struct mastodon *m, uint64_t wait_ms) {
    uint64_t backoff_ms = mast_backoff_ms(m->stream_fails++);
    if (!m->is_stopping && m->is_leased && !m->stream_timer)
        m->stream_timer =
            m->h->timer(m->host, wait_ms > backoff_ms ? wait_ms : backoff_ms, 0, again, m);
}

static void on_end(void *arg, const struct draht_http_answer *a) {
    struct mastodon *m = arg;
    char line[80];
    m->stream = NULL;
    snprintf(line, sizeof line, "ended, status=%d error=%d", a->status, a->error);
    mast_log(m, 1, "mastodon.stream", line);
    reopen_later(m, mast_wait_ms(m, a));
}

void mast_stream_open(struct mastodon *m) {
    if (m->stream || m->stream_timer || m->is_stopping || !m->is_leased || !m->is_known)
        return;
    struct buf url = {0}, bearer = {0};
    buf_addf(&url, "%s/api/v1/streaming/user", m->stream_url);
    buf_addf(&bearer, "Authorization: Bearer %s", m->token);
    const char *headers[] = {bearer.p, "Accept: text/event-stream", NULL};
    bool is_operators = m->has_own_stream_url || strcmp(m->stream_url, m->url) == 0;
    struct draht_http_call call = {.size = sizeof call,
                                   .method = "GET",
                                   .url = url.p,
                                   .headers = headers,
                                   .timeout_ms = SILENCE_MS,
                                   .flags = is_operators ? DRAHT_HTTP_OPERATOR : 0,
                                   .on_chunk = on_chunk,
                                   .done = on_end,
                                   .arg = m};
    sse_free(&m->sse);
    m->is_review_due = true;
    m->stream = m->h->http_call(m->host, &call);
    buf_free(&url);
    buf_free(&bearer);
    if (!m->stream)
        reopen_later(m, 0);
}

void mast_stream_close(struct mastodon *m) {
    if (m->stream)
        m->h->http_cancel(m->stream);
    m->stream = NULL;
}
