/* SPDX-License-Identifier: EUPL-1.2 */
/* form: the same conversation for browsers without JavaScript: write, get a number, look up the
 * answer. */
#include "channels/webchat/webchat_private.h"

#include "channels/kit/form.h"

enum { FORM_BODY_MAX = 128 * 1024, FORM_BURST = 20, FORM_EVERY_MS = 3000, HISTORY_ROWS = 100 };

struct posting {
    struct webchat *wc;
    struct draht_http *x;
    struct arena *arena;
    struct chat *chat;
    struct form_view view;
    char thread[CHAT_THREAD_BYTES]; /* of the page with the answer */
};

static void respond_html(struct webchat *wc, struct draht_http *x, int status, struct buf *b) {
    form_headers(wc, x);
    wc->h->http_respond(x, status, "text/html; charset=utf-8", kit_out(buf_span(b)));
    buf_free(b);
}

static const char *lang_or_default(struct webchat *wc, struct arena *a, struct span wanted) {
    if (chat_language_listed(wc, wanted))
        return arena_strndup(a, wanted.p, wanted.n);
    const char *own = chat_fact(wc, a, "language");
    return own ? own : "de";
}

static void respond_form(struct posting *p, int status) {
    struct buf b = {0};
    form_page(p->wc, p->arena, &p->view, &b);
    respond_html(p->wc, p->x, status, &b);
}

static void posting_free(struct posting *p) {
    if (p->chat)
        chat_unref(p->wc, p->chat);
    arena_free(&p->arena);
    free(p);
}

static struct posting *posting_new(struct webchat *wc, struct draht_http *x) {
    struct posting *p = xcalloc(1, sizeof *p);
    p->wc = wc;
    p->x = x;
    p->arena = arena_new();
    return p;
}

static void on_get(void *channel, struct draht_http *x) {
    struct webchat *wc = channel;
    struct posting *p = posting_new(wc, x);
    p->view.lang = lang_or_default(wc, p->arena, kit_in(wc->h->http_query(x, "lang")));
    respond_form(p, 200);
    posting_free(p);
}

static void on_accepted(void *arg, int status, const struct draht_accepted *a) {
    struct posting *p = arg;
    if (status < 0) {
        p->view.fault = "form.unavailable";
        respond_form(p, 503);
        posting_free(p);
        return;
    }
    struct chat *c = p->chat;
    struct buf b = {0};
    snprintf(c->number, sizeof c->number, "%.*s", (int)(a->ticket.n < 23 ? a->ticket.n : 23),
             a->ticket.p ? a->ticket.p : "");
    c->is_stored = true;
    if (c->email && !a->duplicate)
        chat_note_email(p->wc, c);
    form_done_page(p->wc, p->arena, p->view.lang, c, &b);
    respond_html(p->wc, p->x, 200, &b);
    posting_free(p);
}

/* The page's hidden ticket makes a second click the same message. */
static void make_chat(struct posting *p, struct span ticket) {
    uint8_t id[CHAT_ID_BYTES];
    struct span payload;
    bool known = ticket.n && ticket_open(p->wc, 'n', ticket, p->arena, &payload) == 0 &&
                 payload.n == CHAT_ID_BYTES;
    if (known)
        memcpy(id, payload.p, sizeof id);
    else
        p->wc->h->random(id, sizeof id);
    p->chat = chat_find(p->wc, id);
    if (p->chat)
        p->chat->refs++;
    else
        p->chat = chat_new(p->wc, id);
}

static void hand_in(struct posting *p) {
    struct webchat *wc = p->wc;
    struct arena *a = p->arena;
    struct draht_thread_hint hint = {DRAHT_THREAD_KEY, kit_str(p->chat->thread)};
    struct draht_inbound m = {.size = sizeof m,
                              .external_id = kit_str(arena_printf(a, "%s:form", p->chat->thread)),
                              .sender = kit_str(arena_printf(a, "chat:%s", p->chat->thread)),
                              .text = kit_out(p->view.message),
                              .language = kit_str(p->view.lang),
                              .thread = hint.value,
                              .hints = &hint,
                              .hints_n = 1};
    struct buf url = {0};
    status_url(wc, p->chat, &url);
    m.status_url = kit_out(buf_span(&url));
    wc->h->accept(wc->host, &m, on_accepted, p);
    buf_free(&url);
}

static bool email_sound(struct span s) {
    const char *at = memchr(s.p ? s.p : "", '@', s.n);
    if (!at || at == s.p || at == s.p + s.n - 1 || s.n > CHAT_EMAIL_BYTES_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= 0x20 || strchr("<>\",;", s.p[i]))
            return false;
    return true;
}

/* 0, or the status of the refusal with view.fault set. */
static int check(struct posting *p, struct span peer) {
    struct webchat *wc = p->wc;
    int64_t wait = kit_peers_take(wc->forms, peer, chat_now(wc), FORM_BURST, FORM_EVERY_MS);
    int status = 0;
    if (wait > 0) {
        p->view.fault = "form.too_many";
        status = 429;
    } else if (span_trim(p->view.message).n == 0) {
        p->view.fault = "form.empty";
        status = 422;
    } else if (utf8_count(p->view.message) > (size_t)wc->o.text_max) {
        p->view.fault = "form.too_long";
        status = 422;
    } else if (p->view.email.n && !email_sound(p->view.email)) {
        p->view.fault = "form.email_wrong";
        status = 422;
    }
    return status;
}

static void serve(struct posting *p, const struct form *f) {
    struct webchat *wc = p->wc;
    p->view.lang = lang_or_default(wc, p->arena, form_value(f, "language"));
    p->view.message = utf8_clean(p->arena, form_value(f, "message"), FORM_BODY_MAX, NULL);
    p->view.email =
        span_trim(utf8_clean(p->arena, form_value(f, "email"), CHAT_EMAIL_BYTES_MAX + 2, NULL));
    int status = check(p, kit_in(wc->h->http_peer(p->x)));
    if (status) {
        respond_form(p, status);
        posting_free(p);
        return;
    }
    make_chat(p, form_value(f, "ticket"));
    if (form_value(f, "website")
            .n) { /* only robots see this field: they get a page and nothing happens */
        struct buf b = {0};
        form_done_page(wc, p->arena, p->view.lang, p->chat, &b);
        respond_html(wc, p->x, 200, &b);
        posting_free(p);
        return;
    }
    if (p->view.email.n && !p->chat->email)
        p->chat->email = xstrndup(p->view.email.p, p->view.email.n);
    hand_in(p);
}

static void on_post(void *channel, struct draht_http *x) {
    struct webchat *wc = channel;
    struct posting *p = posting_new(wc, x);
    struct form *f = arena_alloc(p->arena, sizeof *f);
    int rc = form_parse(p->arena, kit_in(wc->h->http_header(x, "content-type")),
                        kit_in(wc->h->http_body(x)), f);
    if (rc < 0) {
        problem(wc, x,
                rc == ERR_UNSUPPORTED ? 415
                : rc == ERR_TOO_LARGE ? 413
                                      : 400,
                "form", "The form could not be read.");
        posting_free(p);
        return;
    }
    serve(p, f);
}

static void on_history(void *arg, int status, const struct draht_history_item *items, size_t n) {
    struct posting *p = arg;
    struct buf b = {0};
    if (status < 0) {
        problem(p->wc, p->x, 503, "unavailable",
                "The store cannot be reached right now. Try again in a moment.");
    } else {
        form_status_page(p->wc, p->arena, p->view.lang, items, n, &b);
        if (n)
            p->wc->h->read_mark(p->wc->host, kit_str(p->thread), items[n - 1].thread_seq);
        respond_html(p->wc, p->x, 200, &b);
    }
    posting_free(p);
}

static void on_status(void *channel, struct draht_http *x) {
    struct webchat *wc = channel;
    struct posting *p = posting_new(wc, x);
    struct span payload;
    p->view.lang = lang_or_default(wc, p->arena, kit_in(wc->h->http_query(x, "lang")));
    int rc = ticket_open(wc, 's', kit_in(wc->h->http_rest(x)), p->arena, &payload);
    if (rc < 0 || payload.n != CHAT_ID_BYTES + 4 ||
        (int64_t)get_u32(payload.p + CHAT_ID_BYTES) * 1000 < chat_now(wc)) {
        problem(wc, x, 404, "not_found", "This link is not valid any more.");
        posting_free(p);
        return;
    }
    crypto_b64url(payload.p, CHAT_ID_BYTES, p->thread);
    wc->h->history(wc->host, kit_str(p->thread), 0, HISTORY_ROWS, on_history, p);
}

static void on_css(void *channel, struct draht_http *x) {
    struct webchat *wc = channel;
    struct buf b = {0};
    form_css(wc, &b);
    wc->h->http_set_header(x, "cache-control", "public, max-age=300");
    wc->h->http_respond(x, 200, "text/css; charset=utf-8", kit_out(buf_span(&b)));
    buf_free(&b);
}

void form_route(struct webchat *wc) {
    wc->h->route(wc->host, "GET", "/form", 0, on_get);
    wc->h->route(wc->host, "POST", "/form", FORM_BODY_MAX, on_post);
    wc->h->route(wc->host, "GET", "/form/status/*", 0, on_status);
    wc->h->route(wc->host, "GET", "/form.css", 0, on_css);
}
