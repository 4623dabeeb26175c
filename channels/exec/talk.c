/* SPDX-License-Identifier: EUPL-1.2 */
/* talk: requests in both directions, each answered once. The program's credit is kept by not
 * reading on, so that a flood waits in its own pipe. */
#include "channels/exec/exec_private.h"

#include <stdio.h>
#include <stdlib.h>

static int put(struct run *r, struct buf *line) {
    int rc =
        r->child && r->state != RUN_ENDING ? child_write(r->child, buf_span(line)) : ERR_CLOSED;
    buf_free(line);
    if (rc == ERR_LIMIT)
        run_break(r, "The program hangs: it does not read.");
    return rc;
}

int talk_ask(struct run *r, const char *method, json_t *params, int64_t timeout_ms,
             exec_answer_fn fn, void *arg) {
    struct buf line = {0};
    int64_t id = ++r->last_id;
    if (!wire_request(&line, id, method, params))
        return ERR_TOO_LARGE;
    int rc = put(r, &line);
    if (rc < 0)
        return rc;
    struct pending *p = xcalloc(1, sizeof *p);
    *p = (struct pending){.next = r->pending,
                          .method = method,
                          .id = id,
                          .began_ms = exec_now(r->x),
                          .until_ms = exec_now(r->x) + timeout_ms,
                          .fn = fn,
                          .arg = arg};
    r->pending = p;
    return 0;
}

void talk_tell(struct run *r, const char *method, json_t *params) {
    struct buf line = {0};
    if (wire_request(&line, 0, method, params))
        put(r, &line);
    else
        exec_log(r->x, 2, "exec.too_long", "method=%s", method);
}

/* What stands in the channel's log: not what is a request over HTTP, which stands there itself, and
 * no question whether all is well. */
static const char *const TOLD[] = {"inbound", "receipt",    "part",     "aside",
                                   "send",    "draht.init", "shutdown", NULL};

static const char *told(const char *method) {
    for (size_t i = 0; TOLD[i]; i++)
        if (strcmp(TOLD[i], method) == 0)
            return TOLD[i];
    return NULL;
}

static void log_answer(const struct run *r, const struct pending *p, enum exec_outcome o,
                       const struct wire_message *m) {
    const char *what = o == EXEC_LATE   ? "no answer in time"
                       : o == EXEC_DIED ? "the program ended"
                       : m->error       ? "error"
                                        : "ok";
    if (told(p->method))
        exec_log(r->x, 0, "exec.call", "out %s %lld -> %s, %lld ms", p->method, (long long)p->id,
                 what, (long long)(exec_now(r->x) - p->began_ms));
}

static void log_ask(const struct ask *k, int code) {
    if (k->method && k->run && code)
        exec_log(k->x, 0, "exec.call", "in %s -> error %d", k->method, code);
    else if (k->method && k->run)
        exec_log(k->x, 0, "exec.call", "in %s -> ok", k->method);
}

static void finish(struct run *r, struct pending **at, enum exec_outcome o,
                   const struct wire_message *m) {
    struct pending *p = *at;
    *at = p->next;
    if (r->x) {
        log_answer(r, p, o, m);
        p->fn(r->x, p->arg, o, m);
    }
    free(p);
}

void talk_late(struct run *r) {
    int64_t now = exec_now(r->x);
    struct pending **at = &r->pending;
    while (*at && r->state != RUN_ENDING) {
        if ((*at)->until_ms > now) {
            at = &(*at)->next;
            continue;
        }
        finish(r, at, EXEC_LATE, NULL);
        at = &r->pending; /* the list may have changed */
    }
}

void talk_fail_all(struct run *r) {
    while (r->pending)
        finish(r, &r->pending, EXEC_DIED, NULL);
    for (struct ask *k = r->x ? r->x->asks : NULL; k; k = k->next)
        k->run = NULL;
    r->asks_n = 0;
    if (!r->x)
        return;
    web_streams_end(r->x);
    sockets_end(r->x);
    json_object_clear(r->x->present); /* it knew who looks, nobody else does */
}

static void take_response(struct run *r, const struct wire_message *m) {
    json_int_t id = json_integer_value(m->id);
    if (!json_is_integer(m->id) || id < 1 || id > r->last_id) {
        run_break(r, "The program broke the protocol: it answers what nobody asked.");
        return;
    }
    for (struct pending **at = &r->pending; *at; at = &(*at)->next)
        if ((*at)->id == id) {
            finish(r, at, EXEC_ANSWERED, m);
            return;
        }
    exec_log(r->x, 2, "exec.late", "an answer came too late or twice; it is ignored");
}

static bool is_under_way(const struct run *r, const json_t *id) {
    for (const struct ask *k = r->x->asks; k; k = k->next)
        if (k->run == r && k->id && json_equal(k->id, id))
            return true;
    return false;
}

static void take_call(struct run *r, const struct wire_message *m) {
    struct exec *x = r->x;
    if (m->id && is_under_way(r, m->id)) {
        run_break(r, "The program broke the protocol: two requests have one id.");
        return;
    }
    struct ask *k = xcalloc(1, sizeof *k);
    k->x = x;
    k->run = r;
    k->method = told(m->method);
    k->id = json_incref((json_t *)(uintptr_t)m->id);
    k->params = m->params ? json_incref((json_t *)(uintptr_t)m->params) : json_object();
    k->next = x->asks;
    k->prev = &x->asks;
    if (k->next)
        k->next->prev = &k->next;
    x->asks = k;
    r->asks_n++;
    call_fn fn = calls_find(m->method);
    if (!fn)
        ask_error(k, WIRE_NO_METHOD, "There is no such method.");
    else if (r->state == RUN_MANIFEST && fn != calls_find("log"))
        ask_error(k, WIRE_NOT_NOW, "Not before draht.init was asked.");
    else
        fn(k, k->params);
}

/* Messages as long as there is credit. */
static void pump(struct run *r) {
    char why[WIRE_SENTENCE_BYTES], sentence[EXEC_SENTENCE_BYTES];
    struct wire_message m;
    int rc = 0;
    r->is_pumping = true;
    while (r->x && r->state != RUN_ENDING && r->asks_n < EXEC_CREDIT &&
           (rc = wire_next(&r->wire, &m, why)) > 0) {
        if (m.kind == WIRE_RESPONSE)
            take_response(r, &m);
        else
            take_call(r, &m);
        wire_message_free(&m);
    }
    if (rc < 0) {
        snprintf(sentence, sizeof sentence, "The program broke the protocol: %s.", why);
        run_break(r, sentence);
    }
    r->is_pumping = false;
    bool is_full = r->x && r->state != RUN_ENDING && r->asks_n >= EXEC_CREDIT;
    if (is_full && !r->is_paused && r->child)
        child_read_stop(r->child);
    else if (!is_full && r->is_paused && r->child)
        child_read_start(r->child);
    r->is_paused = is_full;
}

void talk_bytes(struct run *r, struct span bytes) {
    if (!r->x || r->state == RUN_ENDING)
        return;
    r->alive_ms = exec_now(r->x);
    wire_feed(&r->wire, bytes);
    pump(r);
}

void ask_release(struct ask *k) {
    struct run *r = k->run;
    *k->prev = k->next;
    if (k->next)
        k->next->prev = k->prev;
    files_drop(k->job);
    json_decref(k->id);
    json_decref(k->params);
    free(k);
    if (!r)
        return;
    r->asks_n--;
    if (r->is_paused && !r->is_pumping)
        pump(r);
}

void ask_result(struct ask *k, json_t *result) {
    struct buf line = {0};
    log_ask(k, 0);
    if (k->reply) {
        once_reply(k, result, 0, NULL);
    } else if (k->id && k->run) {
        if (!wire_result(&line, k->id, result))
            wire_error(&line, k->id, WIRE_NEVER, "The answer would be longer than a line.");
        put(k->run, &line);
    } else {
        json_decref(result);
    }
    ask_release(k);
}

void ask_error(struct ask *k, enum wire_code code, const char *message) {
    struct buf line = {0};
    log_ask(k, (int)code);
    if (code == WIRE_BAD_PARAMS && k->run)
        exec_log(k->x, 2, "exec.params", "%s%s%s", k->method ? k->method : "",
                 k->method ? ": " : "", message);
    if (k->reply) {
        once_reply(k, NULL, code, message);
    } else if (k->id && k->run) {
        wire_error(&line, k->id, code, message);
        put(k->run, &line);
    }
    ask_release(k);
}

void ask_done(void *ask, int status) {
    if (status == 0)
        ask_result(ask, NULL);
    else
        ask_error(ask, status == DRAHT_E_REJECTED ? WIRE_NEVER : WIRE_NOT_NOW,
                  "It was not stored.");
}
