/* SPDX-License-Identifier: EUPL-1.2 */
/* cases_in: messages of citizens: taken in once, acknowledged only when they are stored. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/conformance/inner.h"

void conf_new_message(struct conf *k, const char *text, int sender) {
    const json_t *list = conf_get(k, "inbound.senders");
    const char *given = json_string_value(json_array_get(list, (size_t)sender));
    struct buf b = {0};
    if (given)
        conf_expand(k, given, &b);
    else
        buf_addf(&b, "citizen-%d@example.org", sender + 1);
    conf_setf(k, "id", "%u", 100000 + ++k->ids);
    conf_set(k, "sender", b.p);
    buf_clear(&b);
    buf_addf(&b, "%s (%u)", text, k->ids);
    conf_set(k, "text", b.p);
    buf_free(&b);
}

const struct conf_in *conf_last(const struct conf *k) {
    return k->ins_n ? &k->ins[k->ins_n - 1] : NULL;
}

static bool can(struct conf *k, const char *what) {
    if (conf_can(k, what))
        return conf_ready(k);
    const json_t *why = NULL;
    char name[64];
    snprintf(name, sizeof name, "inbound.%s", what);
    why = conf_get(k, name);
    conf_skip(k, "%s",
              json_is_string(why)       ? json_string_value(why)
              : strcmp(what, "message") ? "the script does not say how"
                                        : "the script has no inbound request");
    return false;
}

/* One message in: how many accepts it made; negative when a fault was reported. */
static int go(struct conf *k, const char *what) {
    size_t before = k->ins_n;
    conf_inject(k, what);
    if (k->answer == CONF_SILENCE)
        conf_fail(k,
                  k->driver_gone ? "the driver ended: %.300s"
                                 : "the provider got no answer in time%.300s",
                  k->driver_gone ? (k->driver_err.n ? k->driver_err.p : "") : "");
    if (k->answer == CONF_ACCEPTED && k->ins_n == before)
        conf_rest(k, CONF_REST_MS); /* a yes that comes first is a fault of its own */
    return k->answer == CONF_SILENCE ? -1 : (int)(k->ins_n - before);
}

/* The message must have come in whole. */
static bool came_in(struct conf *k, int accepts) {
    const struct conf_in *m = conf_last(k);
    if (accepts < 0)
        return false;
    if (accepts == 0)
        conf_fail(k, "no message reached Draht (host->accept was not called); the provider got %s",
                  conf_answer_name(k));
    else if (accepts > 1)
        conf_fail(k, "one message reached Draht %d times", accepts);
    else if (!strstr(m->text, conf_var(k, "text")))
        conf_fail(k, "the text came in as \"%.120s\", it was \"%.120s\"", m->text,
                  conf_var(k, "text"));
    else if (k->early)
        conf_fail(k, "the provider got its yes before Draht had the message on disk; answer in the "
                     "completion of accept");
    else if (k->answer != CONF_ACCEPTED && m->status == 0)
        conf_fail(k, "the message was stored, but the provider got %s", conf_answer_name(k));
    else
        return true;
    return false;
}

static void case_accept(struct conf *k) {
    if (!can(k, "message"))
        return;
    conf_new_message(k, "Die Straßenlaterne ist aus, 5 € Pfand", 0);
    if (came_in(k, go(k, "message")) && !*conf_last(k)->thread)
        conf_fail(k, "the message has no thread, so no answer of the citizen finds its ticket");
}

static void case_duplicate(struct conf *k) {
    if (!can(k, "message"))
        return;
    conf_new_message(k, "Zweimal dasselbe", 0);
    if (!came_in(k, go(k, "message")))
        return;
    int n = go(k, "message");
    if (n < 0)
        return;
    if (n > 0 && !conf_last(k)->duplicate)
        conf_fail(k,
                  "the same message came in twice as two: its external_id was \"%.80s\", then "
                  "\"%.80s\"; use the provider's id",
                  k->ins[k->ins_n - 2].external_id, conf_last(k)->external_id);
    else if (k->answer != CONF_ACCEPTED)
        conf_fail(k, "a repeated message gets %s; say yes, or the provider repeats it for ever",
                  conf_answer_name(k));
}

static void case_unknown(struct conf *k) {
    if (!can(k, "message"))
        return;
    if (json_array_size(conf_get(k, "inbound.senders")) < 2 && !conf_get(k, "driver")) {
        conf_skip(k, "the script names fewer than two senders");
        return;
    }
    conf_new_message(k, "Ich schreibe zum ersten Mal", 0);
    if (!came_in(k, go(k, "message")))
        return;
    size_t first = k->ins_n - 1;
    conf_new_message(k, "Ich auch", 1);
    if (!came_in(k, go(k, "message")))
        return;
    if (!strcmp(k->ins[first].sender, conf_last(k)->sender))
        conf_fail(k, "two citizens came in under one sender");
    else if (!strcmp(k->ins[first].thread, conf_last(k)->thread))
        conf_fail(k, "two citizens came in under one thread: one would read the other's answers");
}

static void case_forged(struct conf *k) {
    if (!can(k, "forged"))
        return;
    conf_new_message(k, "Das ist gefälscht", 0);
    int n = go(k, "forged");
    if (n > 0)
        conf_fail(k, "a request with a wrong signature was taken in; check it before reading on");
    else if (n == 0 && k->answer == CONF_ACCEPTED)
        conf_fail(k, "a request with a wrong signature was answered with a yes");
}

/* Afterwards the channel still works. */
static void still_works(struct conf *k) {
    if (k->state != CONF_OK)
        return;
    conf_new_message(k, "Und weiter geht es", 0);
    came_in(k, go(k, "message"));
}

static void case_oversize(struct conf *k) {
    if (!can(k, "message"))
        return;
    struct buf b = {0};
    while (b.n < CONF_OVERSIZE)
        buf_adds(&b, "Grüße ");
    conf_new_message(k, b.p, 0);
    buf_free(&b);
    if (go(k, "message") < 0)
        return;
    if (k->answer == CONF_LATER || k->answer == CONF_OTHER)
        conf_fail(k, "a message of 1.2 MB gets %s; refuse it for good, or take its beginning",
                  conf_answer_name(k));
    still_works(k);
}

static void case_garbage(struct conf *k) {
    static const char *const bodies[] = {"\xff\xfe\x01{\"id\":", "{\"id\": {\"a\": [1, null]}}", "",
                                         "%%%=&&&\x80"};
    if (!conf_get(k, "inbound.request")) {
        conf_skip(k, "messages do not come in by requests");
        return;
    }
    if (!can(k, "message"))
        return;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        size_t before = k->ins_n;
        conf_inject_bytes(k, span_str(bodies[i]));
        if (k->answer == CONF_SILENCE)
            conf_fail(k, "garbage instead of a message gets no answer");
        else if (k->ins_n > before)
            conf_fail(k, "garbage was taken in as a message");
        else if (k->answer == CONF_LATER || k->asked->status >= 500)
            conf_fail(k, "garbage gets %s; the provider would repeat it for ever",
                      conf_answer_name(k));
    }
    still_works(k);
}

static bool has_answer_now(const struct conf *k) {
    return k->answer == CONF_ACCEPTED;
}

/* A channel that asks keeps asking for what was not stored; others get it once more. */
static void again(struct conf *k) {
    size_t before = k->ins_n;
    if (!k->poll_message) {
        came_in(k, go(k, "message"));
        return;
    }
    conf_rest(k, CONF_REST_MS);
    if (k->has_advanced)
        conf_fail(k, "it went on although Draht could not store the message: the message is lost");
    else if (!conf_expect(k, has_answer_now))
        conf_fail(k, "a message that Draht could not store at first never came again");
    else if (k->ins_n == before)
        conf_fail(k, "no message reached Draht");
}

static void case_busy(struct conf *k) {
    if (!can(k, "message"))
        return;
    k->accept_status = DRAHT_E_UNAVAILABLE;
    conf_new_message(k, "Gerade ist die Platte voll", 0);
    int n = go(k, "message");
    k->accept_status = 0;
    if (n == 0)
        conf_fail(k, "no message reached Draht (host->accept was not called)");
    else if (n > 0 && k->answer == CONF_ACCEPTED)
        conf_fail(k, "the provider got its yes although Draht said \"unavailable\": the message is "
                     "lost");
    else if (n > 0 && k->answer != CONF_LATER)
        conf_fail(k,
                  "Draht said \"unavailable\", the provider got %s; it must be told to try again",
                  conf_answer_name(k));
    if (n > 0 && k->state == CONF_OK)
        again(k);
    k->accept_status = 0;
}

static void case_refused(struct conf *k) {
    if (!can(k, "message"))
        return;
    k->accept_status = DRAHT_E_REJECTED;
    conf_new_message(k, "Das nimmt niemand an", 0);
    int n = go(k, "message");
    k->accept_status = 0;
    if (n >= 0 && k->answer == CONF_LATER)
        conf_fail(k,
                  "Draht will never take the message, but the provider got %s and would repeat "
                  "it for ever",
                  conf_answer_name(k));
    still_works(k);
}

static void case_file(struct conf *k) {
    if (!can(k, "attachment"))
        return;
    conf_new_message(k, "Mit Bild", 0);
    int n = go(k, "attachment");
    if (n == 0)
        conf_fail(k, "no message reached Draht; the provider got %s%s%s", conf_answer_name(k),
                  *k->stranger ? "; the channel asked for " : "", k->stranger);
    else if (n > 0 && !conf_last(k)->has_file)
        conf_fail(k, "the message came in without its attachment, or with other bytes%s%s",
                  *k->stranger ? "; the channel asked for " : "", k->stranger);
}

static bool typed(const struct conf *k) {
    return k->typings > 0;
}

static void case_typing(struct conf *k) {
    if (!can(k, "typing"))
        return;
    k->typings = 0;
    conf_new_message(k, "Moment", 0);
    conf_inject(k, "typing");
    if (!conf_expect(k, typed))
        conf_fail(k, "the citizen's typing did not reach host->typing");
}

const struct conf_case conf_cases_in[] = {{"accept", case_accept},
                                          {"duplicate", case_duplicate},
                                          {"unknown sender", case_unknown},
                                          {"forged", case_forged},
                                          {"oversize", case_oversize},
                                          {"garbage", case_garbage},
                                          {"host busy", case_busy},
                                          {"host refuses", case_refused},
                                          {"attachment in", case_file},
                                          {"typing in", case_typing},
                                          {NULL, NULL}};
