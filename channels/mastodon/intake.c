/* SPDX-License-Identifier: EUPL-1.2 */
/* intake: one pass asks for mentions behind the watermark, page by page, oldest first, and moves
 * the watermark when a page is durable. What fails is asked for again in the next pass; the id of a
 * status makes sure that nothing counts twice. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/mastodon/mastodon_private.h"

#define PAGE 40
#define PAGES_MAX 500                  /* in one pass; the next one goes on */
#define PATIENCE_MS (15LL * 60 * 1000) /* how long a message waits for its files */
#define FETCH_TIMEOUT_MS 60000
#define WATERMARK "watermark"
#define BACKOFF_MS_MAX 30000 /* an instance that is there again is noticed soon */
#define FAILS_SAID 3         /* in a row, then the channel counts as down */
#define BEFORE_ALL "0"       /* there was nothing when Draht first looked */

struct mast_pass {
    struct mastodon *m;
    struct arena *a; /* of the message under way */
    json_t *page;    /* newest first */
    size_t left;     /* of the page */
    size_t pages;
    char *next; /* path of the next page */
    struct toot toot;
    int64_t edited_ms; /* of the wording under way */
    size_t file_at, files_n;
    struct draht_attachment files[TOOT_FILES_MAX];
    const char *file_warning;
};

static void ask(struct mast_pass *p);
static void next_one(struct mast_pass *p);

static void pass_free(struct mast_pass *p) {
    arena_free(&p->a);
    json_decref(p->page);
    free(p->next);
    p->m->pass = NULL;
    free(p);
}

void mast_pass_drop(struct mastodon *m) {
    if (m->pass)
        pass_free(m->pass);
}

/* wait_ms 0: all went well. */
static void pass_end(struct mast_pass *p, uint64_t wait_ms) {
    struct mastodon *m = p->m;
    pass_free(p);
    if (wait_ms == 0) {
        m->pass_fails = 0;
        if (m->is_said_down)
            m->h->health(m->host, 1, "");
        m->is_said_down = false;
        mast_review(m);
    }
    bool again = m->wake_again && wait_ms == 0;
    m->wake_again = false;
    mast_wake(m, again ? 0 : wait_ms ? wait_ms : (uint64_t)m->poll_s * 1000);
    mast_idle(m);
}

/* One failure passes by itself; a refused token does not. a NULL: our own store. */
static void say_down(struct mastodon *m, const struct draht_http_answer *a) {
    bool is_refused = a && (a->status == 401 || a->status == 403);
    if (!a || m->is_said_down || (!is_refused && m->pass_fails < FAILS_SAID))
        return;
    m->is_said_down = true;
    mast_say_down(m, a);
}

static void pass_failed(struct mast_pass *p, const struct draht_http_answer *a) {
    struct mastodon *m = p->m;
    uint64_t wait_ms = a ? mast_wait_ms(m, a) : 0, backoff_ms = mast_backoff_ms(m->pass_fails++);
    say_down(m, a);
    if (backoff_ms > BACKOFF_MS_MAX)
        backoff_ms = BACKOFF_MS_MAX;
    pass_end(p, wait_ms > backoff_ms ? wait_ms : backoff_ms);
}

static void not_waited_for(void *arg, int status) {
    (void)arg, (void)status;
}

/* ---- one message ---- */

/* The subject is that of a new ticket alone: a warning above a further message stands in its text.
 */
static void add_text(const struct toot *t, struct buf *out) {
    if (t->subject.n) {
        buf_add(out, t->subject.p, t->subject.n);
        buf_adds(out, t->text.n ? "\n\n" : "");
    }
    buf_add(out, t->text.p, t->text.n);
}

void mast_accept(struct mastodon *m, const struct toot *t, const struct draht_attachment *files,
                 size_t files_n, const char *warning, draht_accept_fn done, void *arg) {
    struct draht_thread_hint hints[3];
    size_t n = 0;
    if (t->in_reply_to.n)
        hints[n++] = (struct draht_thread_hint){DRAHT_THREAD_KEY, kit_out(t->in_reply_to)};
    if (!span_is(t->status_id, t->external_id))
        hints[n++] = (struct draht_thread_hint){DRAHT_THREAD_KEY, kit_out(t->status_id)};
    hints[n++] = (struct draht_thread_hint){DRAHT_THREAD_KEY, kit_out(t->sender)};
    json_t *warnings = json_array();
    if (t->is_public)
        json_array_append_new(warnings, json_string(TOOT_WARN_PUBLIC));
    if (warning)
        json_array_append_new(warnings, json_string(warning));
    char *text = json_text(warnings);
    struct buf said = {0};
    add_text(t, &said);
    struct draht_inbound in = {.size = sizeof in,
                               .external_id = kit_out(t->external_id),
                               .sender = kit_out(t->sender),
                               .sender_name = kit_out(t->sender_name),
                               .subject = kit_out(t->subject),
                               .text = kit_out(buf_span(&said)),
                               .language = kit_out(t->language),
                               .thread = kit_out(t->sender),
                               .hints = hints,
                               .hints_n = n,
                               .attachments = files,
                               .attachments_n = files_n,
                               .sent_ms = t->at_ms,
                               .flags = t->is_note ? DRAHT_IN_SYSTEM : 0,
                               .warnings = kit_str(text)};
    m->h->accept(m->host, &in, done, arg);
    buf_free(&said);
    free(text);
    json_decref(warnings);
}

static void on_accepted(void *arg, int status, const struct draht_accepted *a) {
    struct mast_pass *p = arg;
    struct mastodon *m = p->m;
    (void)a;
    if (status == DRAHT_E_UNAVAILABLE) {
        pass_failed(p, NULL);
        return;
    }
    if (status < 0) {
        mast_log(m, 2, "mastodon.rejected", "a message is beyond the limits and was not taken in");
    } else {
        mast_known(m, p->toot.status_id, p->toot.sender, p->edited_ms);
    }
    next_one(p);
}

static void on_file(void *arg, const struct draht_http_answer *a);

static uint64_t bytes_max(const struct mastodon *m) {
    unsigned long long n;
    struct span s = kit_in(m->h->fact(m->host, "attachment.max_bytes"));
    return span_u64(s, MASTODON_FILE_BYTES_MAX, &n) < 0 ? MASTODON_FILE_BYTES_MAX : n;
}

/* Files of other servers are fetched without the token. */
static bool fetch(struct mast_pass *p, struct span url) {
    struct mastodon *m = p->m;
    struct draht_http_call call = {.size = sizeof call,
                                   .method = "GET",
                                   .url = url.p,
                                   .timeout_ms = FETCH_TIMEOUT_MS,
                                   .answer_max = bytes_max(m),
                                   .flags = DRAHT_HTTP_REDIRECT |
                                            (mast_is_instance(m, url) ? DRAHT_HTTP_OPERATOR : 0),
                                   .done = on_file,
                                   .arg = p};
    return m->h->http_call(m->host, &call) != NULL;
}

static void hand_over(struct mast_pass *p) {
    while (p->file_at < p->toot.files_n) {
        if (fetch(p, p->toot.files[p->file_at].url))
            return;
        p->file_warning = "A file has an address that may not be asked.";
        p->file_at++;
    }
    mast_accept(p->m, &p->toot, p->files, p->files_n, p->file_warning, on_accepted, p);
}

static void on_file(void *arg, const struct draht_http_answer *a) {
    struct mast_pass *p = arg;
    struct mastodon *m = p->m;
    const struct toot_file *f = &p->toot.files[p->file_at];
    int64_t age_ms = m->h->now_ms(m->host) - p->toot.at_ms;
    bool is_ok = !a->error && a->status == 200;
    bool is_final = a->error == ERR_TOO_LARGE || a->error == ERR_FORBIDDEN ||
                    (a->status >= 400 && a->status < 429) || age_ms > PATIENCE_MS;
    if (!is_ok && !is_final) {
        pass_failed(p, a);
        return;
    }
    if (is_ok) {
        struct span bytes = arena_dup(p->a, a->body.p ? kit_in(a->body) : SPAN(""));
        p->files[p->files_n++] = (struct draht_attachment){.size = sizeof p->files[0],
                                                           .name = kit_out(f->name),
                                                           .type = kit_str(kit_sniff(bytes)),
                                                           .bytes = kit_out(bytes),
                                                           .length = bytes.n};
    } else {
        p->file_warning = a->error == ERR_TOO_LARGE
                              ? "A file is larger than the limit and was not fetched."
                              : "A file could not be fetched.";
    }
    p->file_at++;
    hand_over(p);
}

/* ---- a page ---- */

static void set_watermark(struct mastodon *m, const char *id) {
    if (id != m->watermark) {
        free(m->watermark);
        m->watermark = xstrdup(id);
    }
    m->h->state_set(m->host, kit_str(WATERMARK), kit_str(id), 0, not_waited_for, NULL);
}

static bool is_plain_id(const char *id) {
    size_t n = strlen(id);
    return n > 0 && n <= TOOT_ID_BYTES_MAX &&
           strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == n;
}

static void page_stored(struct mast_pass *p) {
    struct mastodon *m = p->m;
    const char *newest = json_str(json_array_get(p->page, 0), "id", "");
    if (is_plain_id(newest))
        set_watermark(m, newest);
    json_decref(p->page);
    p->page = NULL;
    if (m->is_stopping || !m->is_leased || ++p->pages >= PAGES_MAX)
        pass_end(p, 0);
    else
        ask(p);
}

static void next_one(struct mast_pass *p) {
    while (p->left > 0) {
        arena_free(&p->a);
        p->a = arena_new();
        p->file_at = p->files_n = 0;
        p->file_warning = NULL;
        const json_t *n = json_array_get(p->page, --p->left);
        toot_read(p->a, n, p->m->own_id, &p->toot);
        p->edited_ms = mast_edited_ms(json_object_get(n, "status"));
        if (!p->toot.ignored) {
            hand_over(p);
            return;
        }
        mast_log(p->m, 0, "mastodon.ignored", p->toot.ignored);
    }
    page_stored(p);
}

/* The path of rel="prev", which leads to newer ones. Only on the instance itself. */
static char *newer_page(const struct mastodon *m, const struct draht_http_answer *a) {
    struct span rest = mast_header(a, "link");
    while (rest.p) {
        struct span part = span_cut(&rest, ',');
        const char *open = part.n ? memchr(part.p, '<', part.n) : NULL;
        const char *end = open ? memchr(open, '>', part.n - (size_t)(open - part.p)) : NULL;
        if (!end)
            continue;
        struct span url = {open + 1, (size_t)(end - open - 1)};
        struct span rel = {end, part.n - (size_t)(end - part.p)};
        bool is_prev = memmem(rel.p, rel.n, "rel=\"prev\"", 10) != NULL;
        if (is_prev && mast_is_instance(m, url) && url.n < 4096)
            return xstrndup(url.p + strlen(m->url), url.n - strlen(m->url));
    }
    return NULL;
}

static void on_page(void *arg, const struct draht_http_answer *a) {
    struct mast_pass *p = arg;
    json_t *v = a->status == 200 && !a->error
                    ? json_parse(kit_in(a->body), MASTODON_ANSWER_BYTES_MAX, NULL)
                    : NULL;
    if (!json_is_array(v)) {
        json_decref(v);
        pass_failed(p, a);
        return;
    }
    if (json_array_size(v) == 0) {
        json_decref(v);
        if (!*p->m->watermark)
            set_watermark(p->m, BEFORE_ALL);
        pass_end(p, 0);
        return;
    }
    free(p->next);
    p->next = newer_page(p->m, a);
    p->page = v;
    p->left = json_array_size(v);
    if (!p->m->watermark || !*p->m->watermark) {
        p->left = 0; /* the very first time: what was before Draht is not ours */
        p->pages = PAGES_MAX;
    }
    next_one(p);
}

static void ask(struct mast_pass *p) {
    struct mastodon *m = p->m;
    struct buf path = {0};
    if (p->next)
        buf_adds(&path, p->next);
    else if (!*m->watermark)
        buf_adds(&path, "/api/v1/notifications?types[]=mention&limit=1");
    else
        buf_addf(&path, "/api/v1/notifications?types[]=mention&limit=%d&min_id=%s", PAGE,
                 m->watermark);
    bool ok = mast_call(m, "GET", path.p, NULL, NULL, SPAN_NONE, on_page, p);
    buf_free(&path);
    if (!ok)
        pass_failed(p, NULL);
}

static void on_watermark(void *arg, int status, struct draht_span value) {
    struct mast_pass *p = arg;
    struct mastodon *m = p->m;
    if (status < 0) {
        pass_failed(p, NULL);
        return;
    }
    free(m->watermark);
    m->watermark = xstrndup(value.p ? value.p : "", value.p ? value.n : 0);
    ask(p);
}

static void pass_begin(void *arg) {
    struct mastodon *m = arg;
    m->h->timer_stop(m->wake_timer);
    m->wake_timer = NULL;
    if (m->pass || !m->is_leased || m->is_stopping)
        return;
    struct mast_pass *p = m->pass = xcalloc(1, sizeof *p);
    p->m = m;
    m->wake_again = false;
    m->h->state_get(m->host, kit_str(WATERMARK), on_watermark, p);
}

void mast_wake(struct mastodon *m, uint64_t delay_ms) {
    if (m->is_stopping || !m->is_leased || !m->is_known)
        return;
    if (m->pass) {
        m->wake_again = true;
        return;
    }
    if (m->wake_timer && m->pass_fails > 0 && delay_ms == 0)
        return; /* the instance wants to be left alone until then */
    if (m->wake_timer)
        m->h->timer_stop(m->wake_timer);
    m->wake_timer = m->h->timer(m->host, delay_ms, 0, pass_begin, m);
}
