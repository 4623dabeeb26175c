/* SPDX-License-Identifier: EUPL-1.2 */
/* calls_store: what a program keeps at Draht, looks up there, or has sent by mail: small state, in
 * order too, its tickets, mails beside a conversation. */
#include <stdlib.h>

#include "channels/exec/exec_private.h"
#include "gateway/base/utf8.h"

#define KEY_BYTES_MAX 200
#define VALUE_BYTES_MAX 65536
#define LIST_MAX 200
#define TICKET_BYTES_MAX 64
#define ADDRESS_BYTES_MAX 1024
#define TEXT_BYTES_MAX 65536
#define DELAY_MS_MAX (INT64_C(7) * 86400000)
#define PRESENT_MAX 1000
#define NO_STORE "The store cannot be reached."

void call_state_set(struct ask *k, const json_t *p) {
    const char *key = exec_name(p, "key", KEY_BYTES_MAX);
    struct draht_span value = exec_text(p, "value");
    int64_t ttl = json_int(p, "ttl_ms", 0);
    if (!key || !value.p || value.n > VALUE_BYTES_MAX || ttl < 0)
        ask_error(k, WIRE_BAD_PARAMS,
                  "key is a text of 1 to 200 bytes, value one of at most 64 KiB.");
    else
        k->x->h->state_set(k->x->host, kit_str(key), value, (uint64_t)ttl, ask_done, k);
}

void ask_value(struct ask *k, struct draht_span value) {
    json_t *o = json_object();
    if (value.p)
        json_put(o, "value", kit_in(value));
    else
        json_object_set_new(o, "value", json_null());
    ask_result(k, o);
}

static void on_state(void *arg, int status, struct draht_span value) {
    if (status < 0)
        ask_error(arg, WIRE_NOT_NOW, NO_STORE);
    else
        ask_value(arg, value);
}

void call_state_get(struct ask *k, const json_t *p) {
    const char *key = exec_name(p, "key", KEY_BYTES_MAX);
    if (key)
        k->x->h->state_get(k->x->host, kit_str(key), on_state, k);
    else
        ask_error(k, WIRE_BAD_PARAMS, "key is a text of 1 to 200 bytes.");
}

void call_state_del(struct ask *k, const json_t *p) {
    const char *key = exec_name(p, "key", KEY_BYTES_MAX);
    if (key)
        k->x->h->state_del(k->x->host, kit_str(key), ask_done, k);
    else
        ask_error(k, WIRE_BAD_PARAMS, "key is a text of 1 to 200 bytes.");
}

void call_state_rank(struct ask *k, const json_t *p) {
    const char *index = exec_name(p, "index", KEY_BYTES_MAX),
               *key = exec_name(p, "key", KEY_BYTES_MAX);
    if (!index || !key || !json_is_integer(json_object_get(p, "score")))
        ask_error(k, WIRE_BAD_PARAMS,
                  "index and key are texts of 1 to 200 bytes, score is a whole number.");
    else
        k->x->h->state_rank(k->x->host, kit_str(index), kit_str(key), json_int(p, "score", 0),
                            json_int(p, "cut", 0), ask_done, k);
}

static void on_ranked(void *arg, int status, const struct draht_span *values, size_t n) {
    if (status < 0) {
        ask_error(arg, WIRE_NOT_NOW, NO_STORE);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list,
                              values[i].p ? json_stringn(values[i].p, values[i].n) : json_null());
    ask_result(arg, json_pack("{s:o}", "values", list));
}

void call_state_ranked(struct ask *k, const json_t *p) {
    const char *index = exec_name(p, "index", KEY_BYTES_MAX);
    int64_t skip = json_int(p, "skip", 0), limit = json_int(p, "limit", 50);
    if (!index || skip < 0 || skip > UINT32_MAX || limit < 1 || limit > LIST_MAX)
        ask_error(k, WIRE_BAD_PARAMS,
                  "index is a text of 1 to 200 bytes, skip is not negative, limit is 1 to 200.");
    else
        k->x->h->state_ranked(k->x->host, kit_str(index), json_int(p, "min", 0),
                              json_int(p, "max", INT64_MAX), (uint32_t)skip, (uint32_t)limit,
                              on_ranked, k);
}

static void on_tickets(void *arg, int status, const struct draht_ticket *tickets, size_t n) {
    if (status < 0) {
        ask_error(arg, WIRE_NOT_NOW, NO_STORE);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *o = json_object();
        json_put(o, "number", kit_in(tickets[i].number));
        json_put(o, "tags", kit_in(tickets[i].tags));
        json_object_set_new(o, "closed", json_boolean(tickets[i].is_closed));
        json_object_set_new(o, "erased", json_boolean(tickets[i].is_erased));
        json_puti(o, "updated_ms", tickets[i].updated_ms);
        json_array_append_new(list, o);
    }
    ask_result(arg, json_pack("{s:o}", "tickets", list));
}

void call_tickets(struct ask *k, const json_t *p) {
    const json_t *list = json_object_get(p, "numbers"), *v;
    struct draht_span numbers[LIST_MAX];
    size_t i, n = json_array_size(list);
    bool is_good = n >= 1 && n <= LIST_MAX;
    for (i = 0; is_good && i < n; i++) {
        v = json_array_get(list, i);
        is_good = json_is_string(v) && json_string_length(v) >= 1 &&
                  json_string_length(v) <= TICKET_BYTES_MAX;
        if (is_good)
            numbers[i] = (struct draht_span){json_string_value(v), json_string_length(v)};
    }
    if (is_good)
        k->x->h->tickets(k->x->host, numbers, n, on_tickets, k);
    else
        ask_error(k, WIRE_BAD_PARAMS, "numbers is a list of 1 to 200 ticket numbers.");
}

static void on_aside(void *arg, int status) {
    if (status == 0)
        ask_result(arg, NULL);
    else if (status == DRAHT_E_REJECTED)
        ask_error(arg, WIRE_NEVER, "There is no mail channel, or nothing to send.");
    else
        ask_error(arg, WIRE_NOT_NOW, NO_STORE);
}

void call_aside(struct ask *k, const json_t *p) {
    struct exec *x = k->x;
    const char *ticket = exec_name(p, "ticket", TICKET_BYTES_MAX),
               *recipient = exec_name(p, "recipient", ADDRESS_BYTES_MAX);
    struct draht_span text = exec_text(p, "text"), key = exec_text(p, "key"),
                      about = exec_text(p, "about");
    int64_t delay = json_int(p, "delay_ms", 0);
    if (!ticket || !recipient || !text.n || text.n > TEXT_BYTES_MAX || key.n > KEY_BYTES_MAX ||
        about.n > TICKET_BYTES_MAX || delay < 0 || delay > DELAY_MS_MAX) {
        ask_error(k, WIRE_BAD_PARAMS,
                  "ticket, recipient and text (at most 64 KiB) are needed; key has at most 200 "
                  "bytes; delay_ms is at most a week.");
        return;
    }
    struct arena *a = arena_new();
    struct draht_aside m = {.size = sizeof m,
                            .ticket = kit_str(ticket),
                            .recipient = kit_str(recipient),
                            .text = kit_out(utf8_clean(a, kit_in(text), TEXT_BYTES_MAX, NULL)),
                            .sender_name = kit_out(utf8_clean(
                                a, kit_in(exec_text(p, "sender_name")), KEY_BYTES_MAX, NULL)),
                            .key = key,
                            .about = about,
                            .delay_ms = (uint64_t)delay};
    x->h->aside(x->host, &m, on_aside, k);
    arena_free(&a);
}

void call_present(struct ask *k, const json_t *p) {
    struct exec *x = k->x;
    const char *thread = exec_name(p, "thread", ADDRESS_BYTES_MAX);
    bool is_there = json_flag(p, "present", true);
    if (!thread) {
        ask_error(k, WIRE_BAD_PARAMS, "thread is a text of 1 to 1024 bytes.");
    } else if (is_there && json_object_size(x->present) >= PRESENT_MAX &&
               !json_object_get(x->present, thread)) {
        ask_error(k, WIRE_NOT_NOW, "1000 conversations are looked at already.");
    } else {
        if (is_there)
            json_object_set_new(x->present, thread, json_true());
        else
            json_object_del(x->present, thread);
        ask_result(k, NULL);
    }
}
