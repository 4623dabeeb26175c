/* SPDX-License-Identifier: EUPL-1.2 */
/* calls: what a program may ask of Draht, method by method. Wrong parameters are its own affair:
 * they are answered, nothing else. Messages and files are in calls_in.c, what is kept or looked up
 * in calls_store.c. */
#include "channels/exec/exec_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/crypto.h"
#include "gateway/base/utf8.h"

#define NAME_BYTES_MAX 100
#define HISTORY_MAX 50

static json_t *history_files(const struct draht_history_item *item) {
    json_t *list = json_array();
    for (size_t i = 0; i < item->attachments_n; i++) {
        const struct draht_attachment *a = &item->attachments[i];
        json_t *o = json_object();
        json_put(o, "name", kit_in(a->name));
        json_put(o, "type", kit_in(a->type));
        json_puti(o, "length", (int64_t)a->length);
        json_put(o, "blob", kit_in(a->blob));
        json_array_append_new(list, o);
    }
    return list;
}

static void on_history(void *arg, int status, const struct draht_history_item *items, size_t n) {
    static const char *const states[] = {"", "sent", "delivered", "read", "failed"};
    struct ask *k = arg;
    if (status < 0) {
        ask_error(k, WIRE_NOT_NOW, "The store cannot be reached.");
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct draht_history_item *h = &items[i];
        json_t *o = json_object();
        json_puti(o, "thread_seq", (int64_t)h->thread_seq);
        json_object_set_new(o, "from_citizen", json_boolean(h->from_citizen));
        json_put(o, "message", kit_in(h->message));
        json_put(o, "external_id", kit_in(h->external_id));
        json_put(o, "text", kit_in(h->text));
        json_put(o, "sender_name", kit_in(h->sender_name));
        json_puti(o, "at_ms", h->at_ms);
        json_puts(o, "state", h->state <= DRAHT_RECEIPT_FAILED ? states[h->state] : "");
        json_object_set_new(o, "automatic", json_boolean(h->flags & DRAHT_OUT_AUTOMATIC));
        json_object_set_new(o, "attachments", history_files(h));
        json_array_append_new(list, o);
    }
    ask_result(k, json_pack("{s:o}", "items", list));
}

static void call_history(struct ask *k, const json_t *p) {
    struct draht_span thread = exec_text(p, "thread");
    int64_t limit = json_int(p, "limit", HISTORY_MAX), after = json_int(p, "after_seq", 0);
    if (!thread.n || limit < 1 || limit > HISTORY_MAX || after < 0)
        ask_error(k, WIRE_BAD_PARAMS, "thread is needed; limit is 1 to 50.");
    else
        k->x->h->history(k->x->host, thread, (uint64_t)after, (uint32_t)limit, on_history, k);
}

static void call_fact(struct ask *k, const json_t *p) {
    const char *name = exec_name(p, "name", NAME_BYTES_MAX);
    if (!name) {
        ask_error(k, WIRE_BAD_PARAMS, "name is needed.");
        return;
    }
    ask_value(k, k->x->h->fact(k->x->host, name));
}

static void call_mac(struct ask *k, const json_t *p) {
    uint8_t mac[32];
    char hex[65];
    struct draht_span text = exec_text(p, "text");
    if (!text.p) {
        ask_error(k, WIRE_BAD_PARAMS, "text is needed.");
        return;
    }
    k->x->h->mac(k->x->host, text, mac);
    crypto_hex(mac, sizeof mac, hex);
    ask_result(k, json_pack("{s:s}", "hex", hex));
}

static void tell_lease(struct exec *x) {
    if (x->run && x->run->state == RUN_READY && x->run->wants_lease)
        talk_tell(x->run, "lease", json_pack("{s:b}", "held", x->holds_lease));
}

static void on_lease(void *channel, int held) {
    struct exec *x = channel;
    x->holds_lease = held;
    tell_lease(x);
}

void calls_ready(struct exec *x) {
    if (x->holds_lease)
        tell_lease(x);
}

/* The right belongs to the channel: it stays while its program is started anew, which asks again
 * and hears that it is held. */
static void call_lease(struct ask *k, const json_t *p) {
    struct exec *x = k->x;
    const char *name = exec_name(p, "name", NAME_BYTES_MAX);
    if (!name) {
        ask_error(k, WIRE_BAD_PARAMS, "name is needed.");
        return;
    }
    if (x->lease && strcmp(x->lease, name) != 0) {
        ask_error(k, WIRE_NEVER, "This channel has its lease already.");
        return;
    }
    bool is_new = !x->lease;
    if (is_new && x->h->lease(x->host, kit_str(name), on_lease) < 0) {
        ask_error(k, WIRE_NOT_NOW, "There is no lease now.");
        return;
    }
    if (is_new)
        x->lease = xstrdup(name);
    if (k->run)
        k->run->wants_lease = true;
    ask_result(k, NULL);
    if (!is_new)
        calls_ready(x);
}

static void call_typing(struct ask *k, const json_t *p) {
    struct draht_span thread = exec_text(p, "thread");
    if (thread.n)
        k->x->h->typing(k->x->host, thread, json_flag(p, "typing", true));
    ask_done(k, 0);
}

static void call_watch(struct ask *k, const json_t *p) {
    struct draht_span thread = exec_text(p, "thread");
    if (thread.n)
        k->x->h->watch(k->x->host, thread, json_flag(p, "on", true));
    ask_done(k, 0);
}

static void call_watch_place(struct ask *k, const json_t *p) {
    struct draht_span thread = exec_text(p, "thread");
    if (thread.n)
        k->x->h->watch_place(k->x->host, thread, json_flag(p, "on", true));
    ask_done(k, 0);
}

static void call_tell(struct ask *k, const json_t *p) {
    struct draht_span thread = exec_text(p, "thread");
    if (thread.n)
        k->x->h->tell(k->x->host, thread, exec_text(p, "word"));
    ask_done(k, 0);
}

static void call_read(struct ask *k, const json_t *p) {
    struct draht_span thread = exec_text(p, "thread");
    int64_t up_to = json_int(p, "up_to_seq", 0);
    if (thread.n && up_to > 0)
        k->x->h->read_mark(k->x->host, thread, (uint64_t)up_to);
    ask_done(k, 0);
}

static void call_health(struct ask *k, const json_t *p) {
    const json_t *up = json_object_get(p, "up");
    char sentence[EXEC_SENTENCE_BYTES];
    if (!json_is_boolean(up)) {
        ask_error(k, WIRE_BAD_PARAMS, "up is true or false.");
        return;
    }
    struct arena *a = arena_new();
    struct span s = utf8_clean(a, kit_in(exec_text(p, "sentence")), sizeof sentence - 1, NULL);
    snprintf(sentence, sizeof sentence, "%.*s", (int)s.n, s.p ? s.p : "");
    arena_free(&a);
    if (k->run && k->run->state == RUN_READY)
        exec_up(k->x, json_is_true(up), sentence);
    ask_result(k, NULL);
}

static void call_offer(struct ask *k, const json_t *p) {
    struct manifest *m = &k->x->manifest;
    char err[MANIFEST_ERR_BYTES];
    if (manifest_offer(p, m, err) < 0) {
        ask_error(k, WIRE_BAD_PARAMS, err);
        return;
    }
    k->x->h->offer(k->x->host, m->caps, m->text_max, m->concurrency);
    ask_result(k, NULL);
}

static void call_files(struct ask *k, const json_t *p) {
    struct draht_file_kind kinds[DRAHT_FILE_KINDS_MAX];
    const json_t *list = json_object_get(p, "kinds");
    int64_t count = json_int(p, "count_max", 0), total = json_int(p, "total_max", 0);
    size_t n = json_array_size(list);
    bool is_good = count >= 0 && count <= UINT32_MAX && total >= 0 && n <= DRAHT_FILE_KINDS_MAX &&
                   (!list || json_is_array(list));
    for (size_t i = 0; is_good && i < n; i++) {
        const json_t *v = json_array_get(list, i);
        int64_t bytes = json_int(v, "bytes_max", 0);
        kinds[i] = (struct draht_file_kind){exec_text(v, "types"), (uint64_t)bytes};
        is_good = kinds[i].types.n && bytes >= 0;
    }
    if (!is_good) {
        ask_error(k, WIRE_BAD_PARAMS,
                  "count_max, total_max and at most 16 kinds with types and bytes_max are needed.");
        return;
    }
    struct draht_files files = {.size = sizeof files,
                                .count_max = (uint32_t)count,
                                .total_max = (uint64_t)total,
                                .kinds = kinds,
                                .kinds_n = n};
    k->x->h->files(k->x->host, &files);
    ask_result(k, NULL);
}

static int unit_of(const char *name) {
    static const char *const units[] = {"points", "utf16", "bytes", "sms"};
    for (int i = 0; i < 4; i++)
        if (strcmp(units[i], name) == 0)
            return i;
    return -1;
}

static void call_text(struct ask *k, const json_t *p) {
    static const char *const keys[] = {"message_max", "messages_max", "header_bytes",
                                       "window_hours", "late_max"};
    int64_t v[sizeof keys / sizeof *keys];
    int unit = unit_of(json_str(p, "unit", "points"));
    bool is_good = unit >= 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        v[i] = json_int(p, keys[i], 0);
        is_good = is_good && v[i] >= 0 && v[i] <= INT32_MAX;
    }
    if (!is_good) {
        ask_error(k, WIRE_BAD_PARAMS,
                  "unit is points, utf16, bytes or sms; the limits are whole numbers.");
        return;
    }
    struct draht_text text = {.size = sizeof text,
                              .unit = (uint32_t)unit,
                              .message_max = (uint32_t)v[0],
                              .messages_max = (uint32_t)v[1],
                              .header_bytes = (uint32_t)v[2],
                              .flags = (json_flag(p, "is_plain", false) ? DRAHT_TEXT_PLAIN : 0) |
                                       (json_flag(p, "is_latin1", false) ? DRAHT_TEXT_LATIN1 : 0),
                              .window_hours = (uint32_t)v[3],
                              .late_max = (uint32_t)v[4]};
    k->x->h->text(k->x->host, &text);
    ask_result(k, NULL);
}

static void call_log(struct ask *k, const json_t *p) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    struct exec *x = k->x;
    const char *level = json_str(p, "level", "info"), *event = exec_name(p, "event", 64);
    int at = 1;
    for (int i = 0; i < 4; i++)
        if (strcmp(levels[i], level) == 0)
            at = i;
    if (event && event[strspn(event, "abcdefghijklmnopqrstuvwxyz0123456789._-")])
        event = NULL;
    if (kit_bucket_take(&x->lines, exec_now(x), EXEC_STDERR_BURST, EXEC_STDERR_EVERY_MS) > 0)
        x->lines_lost++;
    else
        exec_log(x, at, event ? event : "exec.log", "%.400s", json_str(p, "text", ""));
    ask_result(k, NULL);
}

call_fn calls_find(const char *method) {
    static const struct {
        const char *name;
        call_fn fn;
    } all[] = {{"inbound", call_inbound},
               {"receipt", call_receipt},
               {"part", call_part},
               {"state.set", call_state_set},
               {"state.get", call_state_get},
               {"state.del", call_state_del},
               {"state.rank", call_state_rank},
               {"state.ranked", call_state_ranked},
               {"tickets", call_tickets},
               {"aside", call_aside},
               {"present", call_present},
               {"scan", call_scan},
               {"blob.put", call_blob_put},
               {"blob.get", call_blob_get},
               {"http.route", call_http_route},
               {"http.request", call_http_request},
               {"http.cancel", call_http_cancel},
               {"socket.route", call_socket_route},
               {"socket.send", call_socket_send},
               {"socket.close", call_socket_close},
               {"history", call_history},
               {"fact", call_fact},
               {"mac", call_mac},
               {"lease", call_lease},
               {"typing", call_typing},
               {"read", call_read},
               {"watch", call_watch},
               {"watch.place", call_watch_place},
               {"tell", call_tell},
               {"health", call_health},
               {"offer", call_offer},
               {"files", call_files},
               {"text", call_text},
               {"log", call_log}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].name, method) == 0)
            return all[i].fn;
    return NULL;
}
