/* SPDX-License-Identifier: EUPL-1.2 */
/* cases_end: how a channel ends, and that it begins again where it was. */
#include <malloc.h>

#include "channels/conformance/inner.h"

enum { WARM_UP = 4, LEFT_BYTES_MAX = 256, STOP_WAIT_MS = 10000 };

static bool is_stopped(const struct conf *k) {
    return k->stops_n > 0;
}

static void case_shutdown(struct conf *k) {
    if (!conf_ready(k))
        return;
    struct draht_token *t = NULL;
    if (conf_get(k, "outbound.answers.sent")) {
        conf_peer_mode(k, "sent");
        k->hold_sends = true;
        t = conf_send(k, "Auf Wiedersehen", false);
        conf_expect(k, conf_sending);
    }
    conf_stop(k);
    bool in_time = conf_wait(k, is_stopped, STOP_WAIT_MS);
    bool was_settled = !t || t->settled_n == 1;
    k->hold_sends = false;
    conf_rest(k, CONF_REST_MS);
    if (!in_time)
        conf_fail(k, "stop did not call done within 10 seconds");
    else if (!was_settled)
        conf_fail(k, "stop said done while a send was under way: wait for its verdict first");
    conf_close(k);
    if (conf_children(k, false))
        conf_fail(k, "after close a program is still running");
}

static void case_restart(struct conf *k) {
    if (!conf_ready(k) || !conf_can(k, "message"))
        return;
    conf_close(k);
    if (!conf_ready(k))
        return;
    size_t before = k->ins_n;
    conf_new_message(k, "Nach dem Neustart", 0);
    conf_inject(k, "message");
    if (k->ins_n == before)
        conf_fail(k, "after a restart no message reached Draht; the provider got %s",
                  conf_answer_name(k));
    else if (conf_last(k)->duplicate)
        conf_fail(k, "after a restart a new message got the id of an old one (\"%.80s\")",
                  conf_last(k)->external_id);
}

static size_t used(void) {
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static void case_close(struct conf *k) {
    conf_close(k);
    if (k->program) {
        conf_skip(k, "a program's memory is its own");
        return;
    }
    size_t before = 0;
    for (int i = 0; i < WARM_UP + CONF_CYCLES; i++) {
        if (conf_open(k) < 0) {
            conf_fail(k, "opened for the %d. time: %s", i + 1, k->open_error);
            return;
        }
        conf_close(k);
        conf_web_free(k);
        if (i == WARM_UP - 1)
            before = used();
    }
    size_t after = used(), left = after > before ? (after - before) / CONF_CYCLES : 0;
    if (left > LEFT_BYTES_MAX)
        conf_fail(k, "each close leaves %zu bytes of memory behind", left);
}

const struct conf_case conf_cases_end[] = {
    {"restart", case_restart}, {"shutdown", case_shutdown}, {"close", case_close}, {NULL, NULL}};
