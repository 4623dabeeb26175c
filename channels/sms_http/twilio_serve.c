/* SPDX-License-Identifier: EUPL-1.2 */
/* twilio_serve: hands Twilio the files of a reply, for a time, so often and no more; what is needed
 * for that lies sealed in the small state, so that a restart does not matter. */
#include <stdlib.h>

#include "channels/sms_http/twilio_private.h"

#define RECORD_BYTES_MAX 65536
#define INDEX_MAX 200

/* One fetch. Those of the same message go one after the other: they count in the same record. */
struct twilio_media {
    struct twilio *w;
    struct twilio_media *next, **prev;
    struct draht_http *x;
    struct arena *a;
    struct twilio_token t;
    struct draht_span key;
    json_t *record;
    bool is_begun;
};

static struct draht_span key_of(struct arena *a, const char *handle) {
    return kit_str(arena_printf(a, "media:%s", handle));
}

static struct draht_span index_of(struct twilio *w, struct arena *a, struct span thread) {
    char handle[TWILIO_HANDLE_BYTES];
    twilio_handle(w->b.h->mac, w->b.host, thread, handle);
    return kit_str(arena_printf(a, "media-of:%s", handle));
}

static struct twilio_media *media_new(struct twilio *w) {
    struct twilio_media *k = xcalloc(1, sizeof *k);
    k->w = w;
    k->a = arena_new();
    k->prev = &w->media;
    while (*k->prev) /* the oldest first: who waits gets their turn */
        k->prev = &(*k->prev)->next;
    *k->prev = k;
    w->media_n++;
    w->b.busy++;
    return k;
}

static void media_free(struct twilio_media *k) {
    *k->prev = k->next;
    if (k->next)
        k->next->prev = k->prev;
    k->w->media_n--;
    k->w->b.busy--;
    json_decref(k->record);
    arena_free(&k->a);
    free(k);
}

void twilio_media_drop(struct twilio *w) {
    while (w->media)
        media_free(w->media);
}

/* ---- what is kept ---- */

static json_t *record_of(struct twilio_media_keep *s, const struct draht_outbound *m,
                         struct arena *a) {
    json_t *o = json_object(), *files = json_array();
    for (size_t i = 0; i < m->attachments_n; i++) {
        const struct draht_attachment *f = &m->attachments[i];
        const char *type = kit_sniff(kit_in(f->bytes));
        json_t *v = json_pack("{s:s,s:s,s:i}", "type", type, "name",
                              twilio_file_name(a, kit_in(f->name), type), "n", 0);
        json_put(v, "blob", kit_in(f->blob));
        json_array_append_new(files, v);
    }
    json_puts(o, "handle", s->handle);
    json_put(o, "ticket", kit_in(m->ticket));
    json_object_set_new(o, "files", files);
    return o;
}

static void on_ranked(void *arg, int status) {
    struct twilio_media_keep *s = arg;
    s->done(s->arg, status);
}

static void on_kept(void *arg, int status) {
    struct twilio_media_keep *s = arg;
    struct twilio *w = s->w;
    if (status < 0) {
        s->done(s->arg, status);
        return;
    }
    struct arena *a = arena_new();
    w->b.h->state_rank(w->b.host, index_of(w, a, s->thread), key_of(a, s->handle), s->expires_ms,
                       w->b.h->now_ms(w->b.host), on_ranked, s);
    arena_free(&a);
}

void twilio_media_keep(struct twilio_media_keep *s, const struct draht_outbound *m) {
    struct twilio *w = s->w;
    struct arena *a = arena_new();
    s->thread = kit_in(m->thread);
    s->expires_ms = w->b.h->now_ms(w->b.host) + TWILIO_MEDIA_MS;
    twilio_handle(w->b.h->mac, w->b.host, kit_in(m->message), s->handle);
    json_t *o = record_of(s, m, a);
    char *text = json_text(o);
    w->b.h->state_set(w->b.host, key_of(a, s->handle), kit_str(text), TWILIO_MEDIA_MS, on_kept, s);
    free(text);
    json_decref(o);
    arena_free(&a);
}

static void on_forgotten(void *arg, int status) {
    struct twilio *w = arg;
    if (status < 0)
        sms_log(&w->b, 2, "media", "an address of a file was not dropped; it ends by itself");
    w->b.busy--;
    sms_idle(&w->b);
}

void twilio_media_forget(struct twilio *w, const char *handle) {
    struct arena *a = arena_new();
    w->b.busy++;
    w->b.h->state_del(w->b.host, key_of(a, handle), on_forgotten, w);
    arena_free(&a);
}

static void on_all(void *arg, int status, const struct draht_span *values, size_t n) {
    struct twilio *w = arg;
    (void)status;
    for (size_t i = 0; i < n; i++) {
        json_t *o = values[i].p ? json_parse(kit_in(values[i]), RECORD_BYTES_MAX, NULL) : NULL;
        const char *handle = json_str(o, "handle", "");
        if (*handle)
            twilio_media_forget(w, handle);
        json_decref(o);
    }
    w->b.busy--;
    sms_idle(&w->b);
}

void twilio_notify(void *channel, struct draht_span thread, const char *what,
                   struct draht_span detail) {
    struct twilio *w = channel;
    (void)detail;
    if (strcmp(what, "erased") != 0 || w->b.is_stopping)
        return;
    struct arena *a = arena_new();
    w->b.busy++;
    w->b.h->state_ranked(w->b.host, index_of(w, a, kit_in(thread)), 0, INT64_MAX, 0, INDEX_MAX,
                         on_all, w);
    arena_free(&a);
}

/* ---- a fetch ---- */

static void begin(struct twilio_media *k);

static void refuse(struct twilio *w, struct draht_http *x, int status) {
    w->b.h->http_respond(x, status, "text/plain; charset=utf-8",
                         kit_str(status == 404   ? "There is no such file.\n"
                                 : status == 410 ? "This address is over.\n"
                                                 : "Try again in a moment.\n"));
}

/* status 0: it is answered already. */
static void end(struct twilio_media *k, int status) {
    struct twilio *w = k->w;
    char handle[TWILIO_HANDLE_BYTES];
    memcpy(handle, k->t.handle, sizeof handle);
    if (status)
        refuse(w, k->x, status);
    media_free(k);
    for (struct twilio_media *next = w->media; next; next = next->next)
        if (!next->is_begun && strcmp(next->t.handle, handle) == 0) {
            begin(next);
            return;
        }
    sms_idle(&w->b);
}

static json_t *file_of(const struct twilio_media *k) {
    return json_array_get(json_object_get(k->record, "files"), k->t.file);
}

static void on_bytes(void *arg, int status, struct draht_span bytes) {
    struct twilio_media *k = arg;
    struct twilio *w = k->w;
    if (status < 0) {
        end(k, status == DRAHT_E_UNAVAILABLE ? 503 : 410);
        return;
    }
    const json_t *file = file_of(k);
    w->b.h->http_set_header(
        k->x, "content-disposition",
        arena_printf(k->a, "inline; filename=\"%s\"", json_str(file, "name", "datei")));
    w->b.h->http_set_header(k->x, "cache-control", "no-store");
    w->b.h->http_set_header(k->x, "accept-ranges", "none");
    w->b.h->http_set_header(k->x, "content-security-policy", "sandbox; default-src 'none'");
    w->b.h->http_respond(k->x, 200, json_str(file, "type", "application/octet-stream"), bytes);
    end(k, 0);
}

static void on_counted(void *arg, int status) {
    struct twilio_media *k = arg;
    if (status < 0)
        end(k, 503);
    else
        k->w->b.h->blob_get(k->w->b.host, kit_str(json_str(file_of(k), "blob", "")), on_bytes, k);
}

/* Counted before it is handed out: a crash between the two costs a fetch, not the limit. */
static void on_ticket(void *arg, int status, const struct draht_ticket *tickets, size_t n) {
    struct twilio_media *k = arg;
    struct twilio *w = k->w;
    json_t *file = file_of(k);
    int64_t left = k->t.expires_ms - w->b.h->now_ms(w->b.host), count = json_int(file, "n", 0);
    if (status < 0 || (n && tickets[0].is_erased) || count >= TWILIO_FETCHES_MAX || left <= 0) {
        end(k, status < 0 ? 503 : 410);
        return;
    }
    json_puti(file, "n", count + 1);
    char *text = json_text(k->record);
    w->b.h->state_set(w->b.host, k->key, kit_str(text), (uint64_t)left, on_counted, k);
    free(text);
}

static void on_record(void *arg, int status, struct draht_span value) {
    struct twilio_media *k = arg;
    struct twilio *w = k->w;
    if (status < 0 || !value.p) {
        end(k, status < 0 ? 503 : 410);
        return;
    }
    k->record = json_parse(kit_in(value), RECORD_BYTES_MAX, NULL);
    if (!file_of(k)) {
        end(k, 404);
        return;
    }
    struct draht_span ticket = kit_str(json_str(k->record, "ticket", ""));
    w->b.h->tickets(w->b.host, &ticket, 1, on_ticket, k);
}

static void begin(struct twilio_media *k) {
    k->is_begun = true;
    k->w->b.h->state_get(k->w->b.host, k->key, on_record, k);
}

static bool is_busy(const struct twilio *w, const char *handle) {
    for (const struct twilio_media *k = w->media; k; k = k->next)
        if (k->is_begun && strcmp(k->t.handle, handle) == 0)
            return true;
    return false;
}

void twilio_on_fetch(void *channel, struct draht_http *x) {
    struct twilio *w = channel;
    struct twilio_token t;
    int status = 0;
    if (!twilio_token_read(w->b.h->mac, w->b.host, kit_in(w->b.h->http_rest(x)), &t))
        status = 404;
    else if (t.expires_ms <= w->b.h->now_ms(w->b.host))
        status = 410;
    else if (w->media_n >= SMS_WORKS_MAX || w->b.is_stopping)
        status = 503;
    if (status == 404)
        sms_log(&w->b, 2, "refused", "an address of a file that we have not signed");
    if (status) {
        refuse(w, x, status);
        return;
    }
    bool is_busy_now = is_busy(w, t.handle);
    struct twilio_media *k = media_new(w);
    k->x = x;
    k->t = t;
    k->key = key_of(k->a, t.handle);
    if (!is_busy_now)
        begin(k);
}
