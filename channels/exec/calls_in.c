/* SPDX-License-Identifier: EUPL-1.2 */
/* calls_in: messages, receipts and files of a program. Its texts are cleaned, its files are read
 * before the message is taken in and removed once that is durable. */
#include "channels/exec/exec_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/utf8.h"

#define HINTS_MAX 16
#define ATTACHMENTS_MAX 20
#define ID_BYTES_MAX 1024
#define WARNINGS_MAX 20

static struct draht_span clean(struct arena *a, const json_t *p, const char *key) {
    struct draht_span s = exec_text(p, key);
    return s.n ? kit_out(utf8_clean(a, kit_in(s), WIRE_LINE_BYTES_MAX, NULL))
               : (struct draht_span){0};
}

void exec_folder(const struct exec *x, const char *name, struct buf *out) {
    buf_addf(out, "%s/%s", x->spool, name);
}

static void remove_files(const struct exec *x, const json_t *p) {
    struct buf path = {0};
    size_t i;
    const json_t *v;
    const json_t *list = json_object_get(p, "attachments");
    for (const char *name = json_str(p, "original", json_str(p, "file", "")); *name; name = "") {
        buf_addf(&path, "%s/in/%s", x->spool, name);
        unlink(path.p);
    }
    json_array_foreach((json_t *)(uintptr_t)list, i, v) {
        const char *name = json_str(v, "file", "");
        buf_clear(&path);
        buf_addf(&path, "%s/in/%s", x->spool, name);
        if (*name)
            unlink(path.p);
    }
    buf_free(&path);
}

static void on_accepted(void *arg, int status, const struct draht_accepted *a) {
    struct ask *k = arg;
    if (status < 0) {
        bool never = status == DRAHT_E_REJECTED;
        if (never)
            remove_files(k->x, k->params);
        ask_error(k, never ? WIRE_NEVER : WIRE_NOT_NOW,
                  never ? "The message will not be accepted." : "The store cannot be reached.");
        return;
    }
    remove_files(k->x, k->params);
    json_t *o = json_object();
    json_put(o, "ticket", kit_in(a->ticket));
    json_put(o, "message", kit_in(a->message));
    json_object_set_new(o, "duplicate", json_boolean(a->duplicate));
    json_puti(o, "thread_seq", (int64_t)a->thread_seq);
    json_puti(o, "stored_ms", a->stored_ms);
    ask_result(k, o);
}

static size_t read_hints(struct arena *a, const json_t *p, struct draht_thread_hint *out) {
    static const char *const kinds[] = {"", "ticket", "key", "ticket_if_known"};
    const json_t *list = json_object_get(p, "hints"), *v;
    size_t i, n = 0;
    json_array_foreach((json_t *)(uintptr_t)list, i, v) {
        struct draht_span value = clean(a, v, "value");
        for (uint32_t kind = 1; kind < 4 && value.n && n < HINTS_MAX; kind++)
            if (strcmp(json_str(v, "kind", ""), kinds[kind]) == 0)
                out[n++] = (struct draht_thread_hint){kind, value};
    }
    if (!list && exec_text(p, "thread").n)
        out[n++] = (struct draht_thread_hint){DRAHT_THREAD_KEY, clean(a, p, "thread")};
    return n;
}

static size_t read_attachments(struct arena *a, const json_t *p, const struct files_item *items,
                               struct draht_attachment *out) {
    const json_t *list = json_object_get(p, "attachments"), *v;
    size_t i, n = 0, used = 0;
    json_array_foreach((json_t *)(uintptr_t)list, i, v) {
        struct draht_attachment *t = &out[n++];
        *t = (struct draht_attachment){.size = sizeof *t,
                                       .name = kit_out(kit_name(a, kit_in(exec_text(v, "name")))),
                                       .type = clean(a, v, "type"),
                                       .content_id = clean(a, v, "content_id"),
                                       .blob = exec_text(v, "blob")};
        if (*json_str(v, "file", "")) {
            t->bytes = kit_out(buf_span(&items[used++].bytes));
            t->length = t->bytes.n;
            t->type = kit_str(kit_sniff(kit_in(t->bytes)));
        }
    }
    return n;
}

/* A JSON array of the texts, as text in the arena. */
static struct draht_span read_warnings(struct arena *a, const json_t *p) {
    const json_t *list = json_object_get(p, "warnings"), *v;
    json_t *kept = json_array();
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)list, i,
                       v) if (json_is_string(v) && json_array_size(kept) < WARNINGS_MAX)
        json_array_append(kept, (json_t *)(uintptr_t)v);
    char *text = json_array_size(kept) ? json_text(kept) : NULL;
    struct draht_span out = kit_str(text ? arena_strdup(a, text) : NULL);
    free(text);
    json_decref(kept);
    return out;
}

static void take_in(struct ask *k, const struct files_item *items, size_t n) {
    const json_t *p = k->params;
    struct arena *a = arena_new();
    struct draht_thread_hint hints[HINTS_MAX + 1];
    struct draht_attachment attachments[ATTACHMENTS_MAX];
    bool has_original = *json_str(p, "original", "") != 0;
    struct draht_inbound m = {.size = sizeof m,
                              .external_id = clean(a, p, "external_id"),
                              .sender = clean(a, p, "sender"),
                              .sender_name = clean(a, p, "sender_name"),
                              .recipient = clean(a, p, "recipient"),
                              .subject = clean(a, p, "subject"),
                              .text = clean(a, p, "text"),
                              .text_quoted = clean(a, p, "text_quoted"),
                              .html = clean(a, p, "html"),
                              .language = clean(a, p, "language"),
                              .thread = clean(a, p, "thread"),
                              .hints = hints,
                              .hints_n = read_hints(a, p, hints),
                              .attachments = attachments,
                              .sent_ms = json_int(p, "sent_ms", 0),
                              .warnings = read_warnings(a, p),
                              .status_url = clean(a, p, "status_url")};
    m.attachments_n = read_attachments(a, p, items, attachments);
    if (has_original && n)
        m.original = kit_out(buf_span(&items[n - 1].bytes));
    m.flags = (json_flag(p, "automatic", false) ? DRAHT_IN_AUTOMATIC : 0) |
              (json_flag(p, "unverified", false) ? DRAHT_IN_SENDER_UNVERIFIED : 0) |
              (json_flag(p, "system", false) ? DRAHT_IN_SYSTEM : 0);
    if (!m.external_id.n || !m.sender.n)
        ask_error(k, WIRE_BAD_PARAMS, "external_id and sender are empty.");
    else
        k->x->h->accept(k->x->host, &m, on_accepted, k);
    arena_free(&a);
}

static void ask_file_fault(struct ask *k, int status) {
    if (status == ERR_STORAGE)
        ask_error(k, WIRE_NOT_NOW, "The spool cannot be read.");
    else
        ask_error(k, WIRE_BAD_PARAMS,
                  status == ERR_TOO_LARGE ? "A file is larger than file_max."
                                          : "A file is not a plain file in spool/in.");
}

bool ask_has_files(struct ask *k, int status) {
    k->job = NULL;
    if (status < 0)
        ask_file_fault(k, status);
    return status >= 0;
}

static void on_read(void *arg, int status, const struct files_item *items, size_t n, size_t which) {
    struct ask *k = arg;
    (void)which;
    if (ask_has_files(k, status))
        take_in(k, items, n);
}

/* Reads the named files, or says what is wrong with the names. */
static void read_files(struct ask *k, struct files_item *items, size_t n, files_fn done) {
    struct buf path = {0};
    for (size_t i = 0; i < n; i++)
        if (!files_name_is_good(items[i].name)) {
            free(items);
            ask_file_fault(k, ERR_NOT_FOUND);
            return;
        }
    exec_folder(k->x, "in", &path);
    k->job = files_read(k->x->loop, path.p, items, n, done, k);
    buf_free(&path);
}

void ask_read_file(struct ask *k, const char *name, files_fn done) {
    struct files_item *items = xcalloc(1, sizeof *items);
    snprintf(items->name, sizeof items->name, "%s",
             strlen(name) > FILES_NAME_BYTES_MAX ? "/" : name);
    read_files(k, items, 1, done);
}

static const char *inbound_fault(const json_t *p) {
    struct draht_span id = exec_text(p, "external_id"), sender = exec_text(p, "sender");
    const json_t *files = json_object_get(p, "attachments"), *hints = json_object_get(p, "hints");
    if (!id.n || id.n > ID_BYTES_MAX)
        return "external_id is a text of 1 to 1024 bytes.";
    if (!sender.n || sender.n > ID_BYTES_MAX)
        return "sender is a text of 1 to 1024 bytes.";
    if ((files && !json_is_array(files)) || json_array_size(files) > ATTACHMENTS_MAX)
        return "attachments is a list of at most 20.";
    if ((hints && !json_is_array(hints)) || json_array_size(hints) > HINTS_MAX)
        return "hints is a list of at most 16.";
    return NULL;
}

void call_inbound(struct ask *k, const json_t *p) {
    const char *fault = inbound_fault(p), *original = json_str(p, "original", "");
    const json_t *v;
    size_t i, n = 0;
    if (fault || k->x->is_stopping) {
        ask_error(k, fault ? WIRE_BAD_PARAMS : WIRE_NOT_NOW, fault ? fault : "Draht ends.");
        return;
    }
    struct files_item *items = xcalloc(ATTACHMENTS_MAX + 1, sizeof *items);
    json_array_foreach(json_object_get(p, "attachments"), i, v) {
        const char *name = json_str(v, "file", "");
        if (*name)
            snprintf(items[n++].name, sizeof items->name, "%s",
                     strlen(name) > FILES_NAME_BYTES_MAX ? "/" : name);
    }
    if (*original)
        snprintf(items[n++].name, sizeof items->name, "%s",
                 strlen(original) > FILES_NAME_BYTES_MAX ? "/" : original);
    if (n) {
        read_files(k, items, n, on_read);
        return;
    }
    free(items);
    take_in(k, NULL, 0);
}

void call_receipt(struct ask *k, const json_t *p) {
    static const char *const states[] = {"", "sent", "delivered", "read", "failed"};
    struct draht_receipt r = {.size = sizeof r,
                              .external_id = exec_text(p, "external_id"),
                              .message = exec_text(p, "message"),
                              .is_permanent = json_flag(p, "permanent", true),
                              .at_ms = json_int(p, "at_ms", 0)};
    for (uint32_t i = 1; i < 5; i++)
        if (strcmp(json_str(p, "state", ""), states[i]) == 0)
            r.state = i;
    if (!r.state || (!r.external_id.n && !r.message.n) || r.external_id.n > ID_BYTES_MAX ||
        r.message.n > ID_BYTES_MAX) {
        ask_error(k, WIRE_BAD_PARAMS, "state and external_id or message are needed.");
        return;
    }
    struct arena *a = arena_new();
    r.reason = clean(a, p, "reason");
    k->x->h->receipt(k->x->host, &r, ask_done, k);
    arena_free(&a);
}

static void on_blob_put(void *arg, int status, struct draht_span blob) {
    struct ask *k = arg;
    if (status < 0) {
        ask_error(k, WIRE_NOT_NOW, "It was not stored.");
        return;
    }
    remove_files(k->x, k->params);
    json_t *o = json_object();
    json_put(o, "blob", kit_in(blob));
    ask_result(k, o);
}

static void on_blob_read(void *arg, int status, const struct files_item *items, size_t n,
                         size_t which) {
    struct ask *k = arg;
    (void)n, (void)which;
    if (ask_has_files(k, status))
        k->x->h->blob_put(k->x->host, kit_out(buf_span(&items[0].bytes)), on_blob_put, k);
}

void call_blob_put(struct ask *k, const json_t *p) {
    ask_read_file(k, json_str(p, "file", ""), on_blob_read);
}

static void on_scanned(void *arg, int status, struct draht_span finding) {
    struct ask *k = arg;
    if (status < 0) {
        ask_error(k, WIRE_NOT_NOW, "Nobody looked at it.");
        return;
    }
    json_t *o = json_object();
    json_object_set_new(o, "clean", json_boolean(status == 0));
    json_put(o, "finding", kit_in(finding));
    ask_result(k, o);
}

static void on_scan_read(void *arg, int status, const struct files_item *items, size_t n,
                         size_t which) {
    struct ask *k = arg;
    (void)n, (void)which;
    if (ask_has_files(k, status))
        k->x->h->scan(k->x->host, kit_out(buf_span(&items[0].bytes)), on_scanned, k);
}

void call_scan(struct ask *k, const json_t *p) {
    ask_read_file(k, json_str(p, "file", ""), on_scan_read);
}

static void on_blob_written(void *arg, int status, const struct files_item *items, size_t n,
                            size_t which) {
    struct ask *k = arg;
    (void)n, (void)which;
    k->job = NULL;
    if (status < 0) {
        ask_error(k, WIRE_NOT_NOW, "The spool cannot be written.");
        return;
    }
    struct buf path = {0};
    exec_folder(k->x, "out/", &path);
    buf_adds(&path, items[0].name);
    json_t *o = json_object();
    json_put(o, "file", buf_span(&path));
    json_puti(o, "length", (int64_t)items[0].bytes.n);
    buf_free(&path);
    ask_result(k, o);
}

static void on_blob_get(void *arg, int status, struct draht_span bytes) {
    struct ask *k = arg;
    if (status < 0 || !bytes.p) {
        ask_error(k, status == DRAHT_E_UNAVAILABLE ? WIRE_NOT_NOW : WIRE_NOT_FOUND,
                  "The blob cannot be had.");
        return;
    }
    struct files_item *items = xcalloc(1, sizeof *items);
    snprintf(items->name, sizeof items->name, "blob-%llu", (unsigned long long)++k->x->sends_nr);
    buf_add(&items->bytes, bytes.p, bytes.n);
    struct buf path = {0};
    exec_folder(k->x, "out", &path);
    k->job = files_write(k->x->loop, path.p, items, 1, on_blob_written, k);
    buf_free(&path);
}

void call_blob_get(struct ask *k, const json_t *p) {
    struct draht_span blob = exec_text(p, "blob");
    if (blob.n && blob.n <= ID_BYTES_MAX)
        k->x->h->blob_get(k->x->host, blob, on_blob_get, k);
    else
        ask_error(k, WIRE_BAD_PARAMS, "blob is needed.");
}
