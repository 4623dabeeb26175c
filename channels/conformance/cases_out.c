/* SPDX-License-Identifier: EUPL-1.2 */
/* cases_out: replies of staff: each settled once with the verdict that the provider's answer means;
 * and what the provider says of them later. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/conformance/inner.h"
#include "gateway/base/clock.h"
#include "gateway/base/utf8.h"

static const char *const verdicts[] = {"nothing",   "SENT",          "RETRY",   "REJECTED",
                                       "OPTED_OUT", "MISCONFIGURED", "IN_DOUBT"};

static const char *verdict_name(int v) {
    return v >= 0 && v <= DRAHT_IN_DOUBT ? verdicts[v] : "no verdict that exists";
}

bool conf_settled(const struct conf *k) {
    return k->tokens && k->tokens->settled_n > 0;
}

bool conf_sending(const struct conf *k) {
    return k->saw_send || conf_settled(k);
}

/* Where a send goes: as the script says, or back to whoever wrote first. */
static char *target(const struct conf *k, const char *what, bool is_thread) {
    const json_t *given = conf_get(k, what);
    struct buf b = {0};
    for (size_t i = 0; !given && !b.n && i < k->ins_n; i++)
        if (k->ins[i].status == 0)
            buf_adds(&b, is_thread ? k->ins[i].thread : k->ins[i].sender);
    if (given)
        conf_expand(k, json_string_value(given), &b);
    buf_add(&b, "", 0);
    return buf_take(&b, NULL);
}

static void fill(struct conf *k, struct draht_token *t, bool with_file) {
    t->file = (struct draht_attachment){.size = sizeof t->file,
                                        .name = conf_span("karte.png"),
                                        .type = conf_span("image/png"),
                                        .bytes = {k->file.p, k->file.n},
                                        .length = k->file.n};
    t->out = (struct draht_outbound){.size = sizeof t->out,
                                     .message = conf_span(t->message),
                                     .ticket = conf_span(CONF_TICKET),
                                     .attempt = k->attempt,
                                     .recipient = conf_span(t->recipient),
                                     .thread = conf_span(t->thread),
                                     .sender_name = conf_span("Milan Novak"),
                                     .subject = conf_span("Ihr Anliegen"),
                                     .text = conf_span(t->text),
                                     .attachments = with_file ? &t->file : NULL,
                                     .attachments_n = with_file,
                                     .thread_seq = ++k->seq,
                                     .created_ms = clock_ms(&clock_system),
                                     .language = conf_span("de")};
}

struct draht_token *conf_send(struct conf *k, const char *text, bool with_file) {
    struct draht_token *t = xcalloc(1, sizeof *t);
    t->k = k;
    snprintf(t->message, sizeof t->message, CONF_TICKET ".%u", 500 + ++k->messages);
    t->text = xstrdup(text);
    t->recipient = target(k, "outbound.recipient", false);
    t->thread = target(k, "outbound.thread", true);
    t->next = k->tokens;
    k->tokens = t;
    fill(k, t, with_file);
    conf_set(k, "text", text);
    conf_set(k, "message", t->message);
    conf_set(k, "recipient", t->recipient);
    k->saw_send = k->saw_text = k->saw_file = false;
    k->sends_n = 0;
    int rc = k->ops.send(k->channel, &t->out, t);
    if (rc == 1 && !t->settled_n)
        conf_violation(k, "send said \"settled already\" (1), but it was not");
    if (rc < 0 && t->settled_n)
        conf_violation(k, "send settled and returned %d; a negative value leaves it to Draht", rc);
    if (rc < 0 && !t->settled_n) {
        t->settled_n = 1;
        t->verdict = DRAHT_RETRY;
    }
    return t;
}

static const char *new_text(struct conf *k) {
    static char text[200];
    snprintf(text, sizeof text, "Guten Tag, Ihr Anliegen „Straßenlaterne“ ist erledigt (%u).",
             k->messages + 1);
    return text;
}

static bool can(struct conf *k, const char *mode) {
    char name[64];
    snprintf(name, sizeof name, "outbound.answers.%s", mode);
    const json_t *a = conf_get(k, name);
    if (!conf_get(k, "outbound"))
        conf_skip(k, "the script has no part \"outbound\"");
    else if (!a || json_is_string(a))
        conf_skip(k, "%s", a ? json_string_value(a) : "the script names no such answer");
    else if (conf_ready(k)) {
        conf_peer_mode(k, mode);
        return true;
    }
    return false;
}

static bool settled_as(struct conf *k, const struct draht_token *t, int want) {
    bool in_time = conf_expect(k, conf_settled);
    conf_rest(k, 30);
    if (!in_time)
        conf_fail(k,
                  "the send was not settled in time%s%s; every way out of send ends in "
                  "host->settle",
                  *k->stranger ? "; it asked for " : "", k->stranger);
    else if (t->verdict == want || (want == DRAHT_IN_DOUBT && t->verdict == DRAHT_RETRY &&
                                    (k->ops.caps & DRAHT_CAP_IDEMPOTENT)))
        return true;
    else
        conf_fail(k, "the verdict was %s%s%.200s%s, it should be %s%s%s", verdict_name(t->verdict),
                  t->reason[0] ? " (" : "", t->reason, t->reason[0] ? ")" : "", verdict_name(want),
                  *k->stranger ? "; it asked for " : "", k->stranger);
    return false;
}

static bool is_seen(struct conf *k) {
    return conf_get(k, "outbound.request") || k->driver;
}

static bool saw(const struct conf *k) {
    return k->saw_send;
}

static bool saw_file(const struct conf *k) {
    return k->saw_file;
}

static void case_send(struct conf *k) {
    if (!can(k, "sent"))
        return;
    const struct draht_token *t = conf_send(k, new_text(k), false);
    if (!settled_as(k, t, DRAHT_SENT) || !is_seen(k))
        return;
    if (!conf_expect(k, saw))
        conf_fail(k, "it said SENT, but the provider got nothing%s%s",
                  *k->stranger ? "; it asked for " : "", k->stranger);
    else if (!k->saw_text)
        conf_fail(k, "the provider got a message without its text, or with broken umlauts");
}

static void mode(struct conf *k, const char *name, int want) {
    if (!can(k, name))
        return;
    char path[64];
    snprintf(path, sizeof path, "outbound.answers.%s", name);
    int64_t retry_ms = json_int(conf_get(k, path), "retry_ms", 0);
    const struct draht_token *t = conf_send(k, new_text(k), false);
    if (settled_as(k, t, want)) {
        if (retry_ms && t->retry_ms != (uint64_t)retry_ms)
            conf_fail(k, "the provider asked for a rest of %lld ms, settle carried %llu",
                      (long long)retry_ms, (unsigned long long)t->retry_ms);
        else if (want != DRAHT_RETRY && want != DRAHT_IN_DOUBT && !t->reason[0])
            conf_fail(k, "%s carries no reason; staff need a sentence", verdict_name(want));
    }
    k->ahead_ms += retry_ms; /* the rest is over when the next case begins */
    conf_peer_mode(k, "sent");
}

static void case_retry(struct conf *k) {
    mode(k, "retry", DRAHT_RETRY);
}
static void case_rejected(struct conf *k) {
    mode(k, "rejected", DRAHT_REJECTED);
}
static void case_opted_out(struct conf *k) {
    mode(k, "opted_out", DRAHT_OPTED_OUT);
}
static void case_misconfigured(struct conf *k) {
    mode(k, "misconfigured", DRAHT_MISCONFIGURED);
}
static void case_in_doubt(struct conf *k) {
    mode(k, "in_doubt", DRAHT_IN_DOUBT);
}

static void case_long(struct conf *k) {
    const json_t *want = conf_get(k, "outbound.long");
    if (!want || !k->ops.text_max) {
        conf_skip(k, k->ops.text_max ? "the script has no outbound.long" : "texts have no limit");
        return;
    }
    if (!can(k, "sent"))
        return;
    struct buf b = {0};
    while (utf8_count(buf_span(&b)) + 6 < (size_t)k->ops.text_max * 2)
        buf_adds(&b, "Länge ");
    const struct draht_token *t = conf_send(k, b.p, false);
    buf_free(&b);
    if (settled_as(k, t, DRAHT_SENT) && k->sends_n != (int)json_integer_value(want))
        conf_fail(k, "a text of twice text_max became %d requests, it should be %d", k->sends_n,
                  (int)json_integer_value(want));
}

static void case_file(struct conf *k) {
    if (!conf_get(k, "outbound.attachment")) {
        conf_skip(k, k->ops.caps & DRAHT_CAP_ATTACHMENTS ? "the script has no outbound.attachment"
                                                         : "the channel carries no attachments");
        return;
    }
    if (!can(k, "sent"))
        return;
    const struct draht_token *t = conf_send(k, new_text(k), true);
    if (settled_as(k, t, DRAHT_SENT) && !conf_expect(k, saw_file))
        conf_fail(k, "the verdict was SENT, but the provider never got the file%s%s",
                  *k->stranger ? "; it asked for " : "", k->stranger);
}

static size_t receipts_before;

static bool got_receipt(const struct conf *k) {
    return k->receipts_n > receipts_before;
}

static void receipt(struct conf *k, const char *what, uint32_t state) {
    if (!conf_can(k, what)) {
        conf_skip(k, "the script has no receipts.%s", what);
        return;
    }
    if (!can(k, "sent"))
        return;
    const struct draht_token *t = conf_send(k, new_text(k), false);
    if (!settled_as(k, t, DRAHT_SENT))
        return;
    receipts_before = k->receipts_n;
    conf_inject(k, what);
    if (!conf_expect(k, got_receipt)) {
        conf_fail(k, "the report did not reach host->receipt; the provider got %s",
                  conf_answer_name(k));
        return;
    }
    const struct conf_receipt *r = &k->receipts[k->receipts_n - 1];
    bool names_it = !strcmp(r->message, t->message) ||
                    (t->external && *t->external && !strcmp(r->external_id, t->external));
    if (!names_it)
        conf_fail(k,
                  "the receipt names \"%.80s\", but part_done named \"%.80s\": nobody finds the "
                  "message",
                  r->external_id, t->external ? t->external : "");
    else if (r->state != state)
        conf_fail(k, "the report \"%s\" became the state %u", what, r->state);
}

static void case_delivered(struct conf *k) {
    receipt(k, "delivered", DRAHT_RECEIPT_DELIVERED);
}
static void case_read(struct conf *k) {
    receipt(k, "read", DRAHT_RECEIPT_READ);
}
static void case_undelivered(struct conf *k) {
    receipt(k, "failed", DRAHT_RECEIPT_FAILED);
}

static bool saw_typing(const struct conf *k) {
    return k->saw_typing;
}

static void case_typing(struct conf *k) {
    if (!k->ops.typing || !(k->ops.caps & DRAHT_CAP_TYPING)) {
        conf_skip(k, "the channel shows no typing");
        return;
    }
    if (!conf_ready(k))
        return;
    char *thread = target(k, "outbound.thread", true);
    k->saw_typing = false;
    k->ops.typing(k->channel, conf_span(thread), conf_span("Milan Novak"), 1);
    if (conf_get(k, "outbound.typing") && !conf_expect(k, saw_typing))
        conf_fail(k, "staff's typing did not reach the provider");
    k->ops.typing(k->channel, conf_span(thread), conf_span("Milan Novak"), 0);
    conf_rest(k, 30);
    free(thread);
}

static bool is_down(const struct conf *k) {
    return !k->is_up;
}

/* kill -9 of the program that is the channel; it must be asked for no verdict that it cannot know.
 */
static void kill_program(struct conf *k, const char *text) {
    k->hold_sends = true;
    const struct draht_token *t = conf_send(k, text, false);
    conf_expect(k, k->driver ? saw : conf_sending);
    k->hold_sends = false;
    conf_children(k, true);
    if (!conf_expect(k, conf_settled))
        conf_fail(k, "the program was killed in mid-send and the send was never settled");
    else if (t->verdict == DRAHT_SENT)
        conf_fail(k, "the program was killed in mid-send and the verdict was SENT");
    conf_wait(k, is_down, CONF_REST_MS);
    k->why_down[0] = 0; /* it was us */
}

/* The same Draht without a verdict on record: for a channel in its own process, Draht ends. */
static bool crash(struct conf *k, const char *text) {
    if (k->program) {
        kill_program(k, text);
        return k->state == CONF_OK;
    }
    conf_close(k);
    bool is_hit = conf_crash(k, text);
    k->messages++;
    return is_hit;
}

static void note_promise(struct conf *k, const char *key) {
    bool is_idempotent = k->ops.caps & DRAHT_CAP_IDEMPOTENT;
    if (!is_seen(k))
        conf_note(k, "no provider is asked; sent again by Draht");
    else if (*key)
        conf_note(k, "%s, under the same key",
                  is_idempotent ? "sent again" : "in doubt; sent again");
    else if (is_idempotent)
        conf_note(
            k, "sent again; whether the provider knows it again was not tried, the script has no "
               "outbound.key");
    else
        conf_note(k, "in doubt: the provider has no key, so a person decides");
}

/* Begun anew with what was kept, the channel must wait until it is asked, and then send. */
static void send_again(struct conf *k, const char *text) {
    char key[CONF_TEXT_BYTES];
    snprintf(key, sizeof key, "%s", k->send_key);
    k->saw_send = false;
    conf_peer_mode(k, "sent");
    if (!conf_ready(k))
        return;
    if (conf_wait(k, saw, CONF_REST_MS)) {
        conf_fail(
            k, "begun anew it sent the reply by itself; leave that to Draht, which asks again or "
               "asks a person");
        return;
    }
    k->messages--;
    k->attempt = 2;
    const struct draht_token *t = conf_send(k, text, false);
    k->attempt = 1;
    if (!settled_as(k, t, DRAHT_SENT))
        return;
    if (is_seen(k) && !conf_expect(k, saw))
        conf_fail(
            k, "sent again after the crash, it said SENT, but the provider got nothing: the reply "
               "is lost");
    else if ((*key || *k->send_key) && strcmp(key, k->send_key) != 0)
        conf_fail(k,
                  "the same message was sent under two keys, so the provider takes it for two: "
                  "\"%.80s\", then \"%.80s\"",
                  key, k->send_key);
    else
        note_promise(k, key);
}

static void case_crash(struct conf *k) {
    if (k->driver && !conf_get(k, "outbound.answers.hold")) {
        conf_skip(k, "the driver knows no answer \"hold\" (the message is taken, no answer comes)");
        return;
    }
    if (!can(k, k->driver ? "hold" : "sent"))
        return;
    char text[CONF_TEXT_BYTES];
    snprintf(text, sizeof text, "%s", new_text(k));
    if (crash(k, text))
        send_again(k, text);
    conf_peer_mode(k, "sent");
}

const struct conf_case conf_cases_out[] = {{"send", case_send},
                                           {"retry", case_retry},
                                           {"rejected", case_rejected},
                                           {"opted out", case_opted_out},
                                           {"misconfigured", case_misconfigured},
                                           {"in doubt", case_in_doubt},
                                           {"long text", case_long},
                                           {"attachment out", case_file},
                                           {"receipt delivered", case_delivered},
                                           {"receipt read", case_read},
                                           {"receipt failed", case_undelivered},
                                           {"typing out", case_typing},
                                           {"crash in mid-send", case_crash},
                                           {NULL, NULL}};
