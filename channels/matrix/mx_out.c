/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_out: an answer goes out as one event for the text and one for each file. The transaction id
 * is made of the message and the part, so that a repeat within half an hour is harmless. */
#include "channels/matrix/matrix_private.h"

enum { UPLOAD_MS = 120000 };

/* ---- life ---- */
static void send_free(struct mx_send *s) {
    *s->prev = s->next;
    if (s->next)
        s->next->prev = s->prev;
    mx_cancel(&s->call);
    free(s->uri);
    free(s);
}

void mx_sends_free(struct matrix *m) {
    while (m->sends)
        send_free(m->sends);
}

void mx_send_settle(struct mx_send *s, enum draht_verdict v, const char *why, uint64_t retry_ms) {
    struct matrix *m = s->m;
    struct draht_token *t = s->token;
    send_free(s);
    m->sends_n--;
    m->h->settle(t, v, kit_str(why), retry_ms);
    mx_drained(m);
}

/* ---- contents ---- */
static void put_html(json_t *o, struct span text) {
    struct buf b = {0};
    for (size_t i = 0; i < text.n;) {
        const char *lf = memchr(text.p + i, '\n', text.n - i);
        size_t n = lf ? (size_t)(lf - text.p) - i : text.n - i;
        kit_html(&b, (struct span){text.p + i, n});
        if (lf)
            buf_adds(&b, "<br>");
        i += n + (lf ? 1 : 0);
    }
    json_puts(o, "format", "org.matrix.custom.html");
    json_put(o, "formatted_body", buf_span(&b));
    buf_free(&b);
}

char *mx_content_text(struct span text, struct span reply_to, bool is_notice) {
    json_t *o = json_object();
    json_puts(o, "msgtype", is_notice ? "m.notice" : "m.text");
    json_put(o, "body", text);
    if (reply_to.n > 1 && reply_to.n <= MX_ID_BYTES_MAX && reply_to.p[0] == '$') {
        json_t *relates = json_object(), *target = json_object();
        json_put(target, "event_id", reply_to);
        json_object_set_new(relates, "m.in_reply_to", target);
        json_object_set_new(o, "m.relates_to", relates);
    }
    put_html(o, text);
    char *out = json_text(o);
    if (strlen(out) > MX_PART_BYTES_MAX) { /* the plain text alone says it all */
        free(out);
        json_object_del(o, "format");
        json_object_del(o, "formatted_body");
        out = json_text(o);
    }
    json_decref(o);
    return out;
}

static const char *kind_of(struct span type) {
    if (span_istarts(type, "image/"))
        return "m.image";
    if (span_istarts(type, "audio/"))
        return "m.audio";
    return span_istarts(type, "video/") ? "m.video" : "m.file";
}

static char *content_file(const struct draht_attachment *f, const char *uri) {
    json_t *o = json_object(), *info = json_object();
    json_puts(o, "msgtype", kind_of(kit_in(f->type)));
    json_put(o, "body", kit_in(f->name));
    json_put(o, "filename", kit_in(f->name));
    json_puts(o, "url", uri);
    json_put(info, "mimetype", kit_in(f->type));
    json_puti(info, "size", (int64_t)f->bytes.n);
    json_object_set_new(o, "info", info);
    char *out = json_text(o);
    json_decref(o);
    return out;
}

/* ---- verdicts ---- */
enum draht_verdict mx_verdict(int status, const char *errcode) {
    static const struct {
        const char *code;
        enum draht_verdict verdict;
    } codes[] = {{"M_LIMIT_EXCEEDED", DRAHT_RETRY},
                 {"M_UNKNOWN_TOKEN", DRAHT_RETRY},
                 {"M_MISSING_TOKEN", DRAHT_RETRY},
                 {"M_FORBIDDEN", DRAHT_OPTED_OUT},
                 {"M_USER_DEACTIVATED", DRAHT_MISCONFIGURED},
                 {"M_USER_LOCKED", DRAHT_MISCONFIGURED},
                 {"M_USER_SUSPENDED", DRAHT_MISCONFIGURED},
                 {"M_CONSENT_NOT_GIVEN", DRAHT_MISCONFIGURED},
                 {"M_GUEST_ACCESS_FORBIDDEN", DRAHT_MISCONFIGURED},
                 {"M_RESOURCE_LIMIT_EXCEEDED", DRAHT_MISCONFIGURED}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(errcode, codes[i].code) == 0)
            return codes[i].verdict;
    if (status == 429 || status >= 500)
        return DRAHT_RETRY;
    if (status == 401)
        return DRAHT_MISCONFIGURED;
    return status >= 200 && status < 300 ? 0 : DRAHT_REJECTED;
}

static const char *reason_of(enum draht_verdict v, const char *errcode) {
    if (v == DRAHT_OPTED_OUT)
        return "We may not write in this room any more.";
    if (v == DRAHT_MISCONFIGURED)
        return "The homeserver does not let our account write.";
    if (strcmp(errcode, "M_TOO_LARGE") == 0)
        return "The homeserver finds the message or the file too large.";
    return v == DRAHT_RETRY ? "The homeserver asks to try again later."
                            : "The homeserver refuses the message.";
}

/* Settles for any answer but a good one; true then. was_whole: without an answer it may be out. */
static bool refused(struct mx_send *s, const struct mx_answer *a, bool was_whole) {
    struct matrix *m = s->m;
    uint64_t wait = mx_wait_ms(a, s->out->attempt < 6 ? s->out->attempt : 6);
    if (a->is_token_lost) {
        mx_send_settle(s, DRAHT_RETRY, "The token ended.", wait);
        return true;
    }
    bool is_blind = a->error || a->status >= 500;
    if (is_blind && was_whole) {
        mx_doubt_note(s, "The homeserver did not answer.", wait);
        return true;
    }
    if (a->error) {
        mx_send_settle(s, DRAHT_RETRY, "The homeserver did not answer.", wait);
        return true;
    }
    enum draht_verdict v = mx_verdict(a->status, a->errcode);
    if (!v)
        return false;
    if (a->status == 429)
        m->quiet_until_ms = mx_now(m) + (int64_t)wait;
    mx_send_settle(s, v, reason_of(v, a->errcode), v == DRAHT_RETRY ? wait : 0);
    return true;
}

/* ---- one part after another: 0 is the text, then the files ---- */
void mx_txn(const struct mx_send *s, struct buf *b) {
    buf_adds(b, "draht-");
    mx_enc(b, kit_in(s->out->message));
    buf_addf(b, "-%u", s->part);
}

static void next_part(struct mx_send *s);

void mx_send_sent(struct mx_send *s, struct span event_id) {
    struct matrix *m = s->m;
    m->h->part_done(s->token, s->part, kit_out(event_id));
    mx_sent_note(m, kit_in(s->out->thread), event_id);
    if (s->first_ms) {
        char key[64];
        mx_doubt_key(s, key);
        m->h->state_del(m->host, kit_str(key), NULL, NULL);
    }
    s->first_ms = 0;
    free(s->uri);
    s->uri = NULL;
    s->part++;
    next_part(s);
}

static void on_put(void *arg, const struct mx_answer *a) {
    struct mx_send *s = arg;
    struct span id = mx_str(a->json, "event_id");
    s->call = NULL;
    if (refused(s, a, true))
        return;
    if (id.n == 0) {
        mx_doubt_note(s, "The homeserver's answer names no event.", 0);
        return;
    }
    mx_send_sent(s, id);
}

static void put(struct mx_send *s) {
    const struct draht_outbound *o = s->out;
    struct buf path = {0};
    char *room = mx_path("/_matrix/client/v3/rooms/%s/send/m.room.message/", kit_in(o->thread),
                         SPAN_NONE, SPAN_NONE);
    bool is_automatic = (o->flags & DRAHT_OUT_AUTOMATIC) != 0;
    char *body = s->part == 0
                     ? mx_content_text(kit_in(o->text), kit_in(o->in_reply_to), is_automatic)
                     : content_file(&o->attachments[s->part - 1], s->uri);
    buf_adds(&path, room);
    mx_txn(s, &path);
    struct mx_request q = {.method = "PUT",
                           .path = path.p,
                           .what = "/rooms/-/send",
                           .body = span_str(body),
                           .done = on_put,
                           .arg = s};
    s->call = mx_call(s->m, &q);
    free(room);
    free(body);
    buf_free(&path);
}

static void on_uploaded(void *arg, const struct mx_answer *a) {
    struct mx_send *s = arg;
    struct span uri = mx_str(a->json, "content_uri"), server, media;
    s->call = NULL;
    if (refused(s, a, false))
        return;
    if (mx_mxc_split(uri, &server, &media) < 0) {
        mx_send_settle(s, DRAHT_RETRY, "The homeserver gave the file no address.", 0);
        return;
    }
    s->uri = xstrndup(uri.p, uri.n);
    put(s);
}

static void upload(struct mx_send *s) {
    const struct draht_attachment *f = &s->out->attachments[s->part - 1];
    char *path =
        mx_path("/_matrix/media/v3/upload?filename=%s", kit_in(f->name), SPAN_NONE, SPAN_NONE);
    char type[128];
    snprintf(type, sizeof type, "%.*s", (int)(f->type.n < 120 ? f->type.n : 0),
             f->type.p ? f->type.p : "");
    struct mx_request q = {.method = "POST",
                           .path = path,
                           .what = "/media/v3/upload",
                           .body = kit_in(f->bytes),
                           .type = *type ? type : "application/octet-stream",
                           .timeout_ms = UPLOAD_MS,
                           .done = on_uploaded,
                           .arg = s};
    s->call = mx_call(s->m, &q);
    free(path);
}

static void go(struct mx_send *s) {
    if (s->part == 0)
        put(s);
    else
        upload(s);
}

void mx_send_again(struct mx_send *s) {
    s->first_ms = 0; /* kept anew when this attempt stays without an answer too */
    go(s);
}

static void on_first_known(void *arg, int status, struct draht_span value) {
    struct mx_send *s = arg;
    unsigned long long first;
    if (status < 0) {
        mx_send_settle(s, DRAHT_RETRY, "The store cannot be reached right now.", 0);
        return;
    }
    if (value.p && span_u64(kit_in(value), INT64_MAX, &first) == 0)
        s->first_ms = (int64_t)first;
    if (s->first_ms && mx_now(s->m) - s->first_ms >= MX_TXN_SAFE_MS)
        mx_doubt_look(s);
    else
        go(s);
}

static void next_part(struct mx_send *s) {
    struct matrix *m = s->m;
    if (s->part == 0 && s->out->text.n == 0)
        s->part = 1;
    if (s->part > s->out->attachments_n) {
        mx_send_settle(s, DRAHT_SENT, "", 0);
        return;
    }
    if (s->out->attempt > 1) {
        char key[64];
        mx_doubt_key(s, key);
        m->h->state_get(m->host, kit_str(key), on_first_known, s);
        return;
    }
    go(s);
}

static void on_remembered(void *arg, int status, struct draht_span value) {
    struct mx_send *s = arg;
    struct mx_memory memory;
    mx_memory_read(value, &memory);
    if (status == 0 && memory.is_gone)
        mx_send_settle(s, DRAHT_OPTED_OUT,
                       "The room is over: the citizen or the office has left it.", 0);
    else
        next_part(s);
}

int matrix_send(void *channel, const struct draht_outbound *out, struct draht_token *t) {
    struct matrix *m = channel;
    int64_t quiet_ms = m->quiet_until_ms - mx_now(m);
    if (!m->is_ready || m->is_stopping || quiet_ms > 0) {
        m->h->settle(t, DRAHT_RETRY, kit_str("The homeserver asked for a pause or is away."),
                     quiet_ms > 0 ? (uint64_t)quiet_ms : 0);
        return 1;
    }
    if (out->thread.n < 2 || out->thread.n > MX_ID_BYTES_MAX || out->thread.p[0] != '!') {
        m->h->settle(t, DRAHT_REJECTED, kit_str("The conversation has no room."), 0);
        return 1;
    }
    char key[40];
    struct mx_send *s = xcalloc(1, sizeof *s);
    s->m = m;
    s->out = out;
    s->token = t;
    s->part = out->part;
    s->next = m->sends;
    s->prev = &m->sends;
    if (s->next)
        s->next->prev = &s->next;
    m->sends = s;
    m->sends_n++;
    mx_memory_key(m, kit_in(out->thread), key);
    m->h->state_get(m->host, kit_str(key), on_remembered, s);
    return 0;
}
