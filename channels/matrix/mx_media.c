/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_media: files of citizens, by the authenticated address and, on homeservers that do not know
 * it, by the old one. A file that cannot be had never holds back its message. */
#include "channels/matrix/matrix_private.h"

enum { MEDIA_MS = 60000 };
#define MEDIA_MAX_FALLBACK (10ULL << 20)

static void fetch(struct mx_room *r, bool is_old);

static uint64_t max_bytes(struct matrix *m) {
    unsigned long long v;
    struct span s = kit_in(m->h->fact(m->host, "attachment.max_bytes"));
    return s.n && span_u64(s, 1ULL << 40, &v) == 0 ? v : MEDIA_MAX_FALLBACK;
}

static void give_up(struct mx_room *r, const char *why) {
    r->file_fault = why;
    r->tries = 0;
    mx_room_go_on(r);
}

static void on_due(void *arg) {
    struct mx_room *r = arg;
    r->m->h->timer_stop(r->timer);
    r->timer = NULL;
    fetch(r, false);
}

static void have(struct mx_room *r, const struct mx_answer *a) {
    if (a->body.n == 0) {
        give_up(r, "the file is empty");
        return;
    }
    buf_add(&r->file, a->body.p, a->body.n);
    r->tries = 0;
    mx_room_go_on(r);
}

static void failed(struct mx_room *r, const struct mx_answer *a) {
    struct matrix *m = r->m;
    if (a->error == ERR_TOO_LARGE || strcmp(a->errcode, "M_TOO_LARGE") == 0)
        give_up(r, "the file is larger than the limit");
    else if (a->is_token_lost)
        return; /* the batch is dropped and comes again */
    else if (mx_is_transient(a) && r->tries < MX_MEDIA_TRIES)
        r->timer = m->h->timer(m->host, mx_wait_ms(a, ++r->tries), 0, on_due, r);
    else
        give_up(r, "the file could not be fetched");
}

static void on_old(void *arg, const struct mx_answer *a) {
    struct mx_room *r = arg;
    r->call = NULL;
    if (a->status == 200 && !a->error)
        have(r, a);
    else
        failed(r, a);
}

static void on_new(void *arg, const struct mx_answer *a) {
    struct mx_room *r = arg;
    bool is_unknown_path = !a->error && (a->status == 404 || a->status == 405) &&
                           strcmp(a->errcode, "M_NOT_FOUND") != 0;
    if (is_unknown_path)
        fetch(r, true);
    else
        on_old(r, a);
}

static void fetch(struct mx_room *r, bool is_old) {
    struct span server, media;
    if (mx_mxc_split(r->event.file.mxc, &server, &media) < 0) {
        give_up(r, "the file has no address");
        return;
    }
    char *path = mx_path(is_old ? "/_matrix/media/v3/download/%s/%s"
                                : "/_matrix/client/v1/media/download/%s/%s",
                         server, media, SPAN_NONE);
    struct mx_request q = {.method = "GET",
                           .path = path,
                           .what = is_old ? "/media/v3/download" : "/client/v1/media/download",
                           .timeout_ms = MEDIA_MS,
                           .answer_max = max_bytes(r->m),
                           .is_raw = true,
                           .done = is_old ? on_old : on_new,
                           .arg = r};
    r->call = mx_call(r->m, &q);
    free(path);
}

void mx_media_fetch(struct mx_room *r) {
    const struct mx_file *f = &r->event.file;
    if (f->is_encrypted)
        give_up(r, "the file is encrypted and cannot be opened");
    else if (f->bytes > 0 && (uint64_t)f->bytes > max_bytes(r->m))
        give_up(r, "the file is larger than the limit");
    else
        fetch(r, false);
}

/* ---- what may go out ---- */

static void ask_limit(struct matrix *m, bool is_old);

static void limit_came(struct matrix *m, const struct mx_answer *a) {
    int64_t n = a->status == 200 ? json_int(a->json, "m.upload.size", 0) : 0;
    if (n > 0)
        kit_files_up_to(m->h, m->host, (uint64_t)n);
}

static void on_old_limit(void *arg, const struct mx_answer *a) {
    limit_came(arg, a);
}

/* Homeservers before v1.11 know the old path only. */
static void on_limit(void *arg, const struct mx_answer *a) {
    if (a->status == 404 || a->status == 405)
        ask_limit(arg, true);
    else
        limit_came(arg, a);
}

static void ask_limit(struct matrix *m, bool is_old) {
    struct mx_request q = {.method = "GET",
                           .path = is_old ? "/_matrix/media/v3/config"
                                          : "/_matrix/client/v1/media/config",
                           .what = is_old ? "/media/v3/config" : "/client/v1/media/config",
                           .done = is_old ? on_old_limit : on_limit,
                           .arg = m};
    mx_call(m, &q);
}

void mx_media_limit(struct matrix *m) {
    ask_limit(m, false);
}
