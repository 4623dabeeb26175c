/* SPDX-License-Identifier: EUPL-1.2 */
/* bench_redis: a private redis-server and a router on it, for the tests of the router; time is ours. */
#ifndef DRAHT_TESTS_ROUTER_BENCH_REDIS_H
#define DRAHT_TESTS_ROUTER_BENCH_REDIS_H

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "router/inner.h"

#define SENDS_MAX 64
struct bench {
    char dir[64], socket[96];
    pid_t redis;
    struct loop *loop;
    struct crypto *crypto;
    struct router *router;
    struct config config;
    struct config_queue queues[2];
    struct config_channel channels[2];
    struct config_rule rules[1];
    struct clock clock;
    int64_t now_ms;
    bool is_ready, is_done;
    int error;
    struct accepted accepted;
    json_t *json;
    struct router_send *sends[SENDS_MAX];
    char sent_text[SENDS_MAX][128], sent_message[SENDS_MAX][48], sent_to[SENDS_MAX][64], sent_reply_to[SENDS_MAX][64];
    uint32_t sent_attempt[SENDS_MAX], sent_part[SENDS_MAX];
    uint64_t sent_seq[SENDS_MAX];
    int sends_n, events_n;
    char last_event[64];
    struct loop_timer *limit;
};
static struct bench B;

static int64_t bench_now(void *arg) {
    (void)arg;
    return B.now_ms;
}

static void bench_late(void *arg) {
    (void)arg;
    ck_abort_msg("nothing happened for 10 seconds");
}

/* Runs the loop until the condition holds. */
#define UNTIL(condition)                                                         \
    do {                                                                         \
        B.limit = loop_timer(B.loop, 10000, 0, bench_late, NULL);                \
        while (!(condition)) uv_run(loop_uv(B.loop), UV_RUN_ONCE);               \
        loop_timer_stop(&B.limit);                                               \
    } while (0)

static void bench_ready(void *arg) {
    (void)arg;
    B.is_ready = true;
}
static void bench_fatal(void *arg, const char *why) {
    (void)arg;
    ck_abort_msg("%s", why);
}
static void bench_event(void *arg, const struct feed_event *e) {
    (void)arg;
    B.events_n++;
    snprintf(B.last_event, sizeof B.last_event, "%s", e->type);
}
static void bench_copy(char *out, size_t size, struct span s) {
    snprintf(out, size, "%.*s", (int)s.n, s.n ? s.p : "");
}
static void bench_send(void *arg, const struct outbound *m, struct router_send *s) {
    (void)arg;
    ck_assert_int_lt(B.sends_n, SENDS_MAX);
    int i = B.sends_n++;
    B.sends[i] = s;
    bench_copy(B.sent_text[i], sizeof B.sent_text[i], m->text);
    bench_copy(B.sent_to[i], sizeof B.sent_to[i], m->recipient);
    bench_copy(B.sent_reply_to[i], sizeof B.sent_reply_to[i], m->in_reply_to);
    snprintf(B.sent_message[i], sizeof B.sent_message[i], "%s", m->message);
    B.sent_attempt[i] = m->attempt;
    B.sent_part[i] = m->part;
    B.sent_seq[i] = m->thread_seq;
}

static void bench_router(void) {
    struct router_options o = {.loop = B.loop, .redis_address = B.socket, .crypto = B.crypto, .clock = &B.clock, .config = &B.config,
                               .sender = bench_send, .listener = bench_event, .on_ready = bench_ready, .on_fatal = bench_fatal};
    struct fault f = {0};
    B.is_ready = false;
    B.router = router_new(&o, &f);
    ck_assert_msg(B.router != NULL, "%s", f.text);
    UNTIL(B.is_ready);
}

static void bench_redis(void) {
    B.redis = fork();
    if (B.redis == 0) {
        if (!freopen("/dev/null", "w", stdout)) _exit(1);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", B.socket + 5, "--dir", B.dir, "--appendonly", "yes",
               "--appendfsync", "always", "--save", "", (char *)NULL);
        _exit(127);
    }
}

static void bench_config(void) {
    B.queues[0] = (struct config_queue){.id = "amt", .name = "Amt", .follow_up = FOLLOW_REOPEN};
    B.queues[1] = (struct config_queue){.id = "bau", .name = "Bau", .follow_up = FOLLOW_NEW};
    B.channels[0] = (struct config_channel){.id = "mail", .type = "email", .enabled = true, .queue = "amt"};
    B.channels[1] = (struct config_channel){.id = "chat", .type = "webchat", .enabled = true, .queue = "amt"};
    static const char *const words[] = {"Schlagloch"};
    B.rules[0] = (struct config_rule){.name = "bau", .words = words, .words_n = 1, .queue = "bau", .priority = "high"};
    B.config = (struct config){.state_dir = B.dir, .durability = "disk", .shards = 1, .attachment_max_mb = 10, .message_text_max = 10000,
                               .outbox_give_up_hours = 168, .outbox_visible_after = 3, .outbox_lease_s = 60, .ack_per_day = 3,
                               .default_language = "de", .queues = B.queues, .queues_n = 2, .channels = B.channels, .channels_n = 2,
                               .rules = B.rules, .rules_n = 1, .city_name = "Musterstadt"};
}

static void bench_start(void) {
    static const uint8_t key[CRYPTO_KEY_BYTES] = {7};
    memset(&B, 0, sizeof B);
    ck_assert_int_eq(crypto_init(), 0);
    snprintf(B.dir, sizeof B.dir, "/tmp/draht-router-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(B.dir));
    snprintf(B.socket, sizeof B.socket, "unix:%s/redis", B.dir);
    B.now_ms = 1795000000000;
    B.clock = (struct clock){bench_now, NULL};
    bench_redis();
    B.loop = loop_new();
    B.crypto = crypto_from_key(key);
    bench_config();
    bench_router();
}

static void bench_stopped(void *arg) {
    (void)arg;
    B.is_done = true;
}
static void bench_settled_all(void) {
    for (int i = 0; i < B.sends_n; i++)
        if (B.sends[i]) router_settle(B.sends[i], V_RETRY, SPAN(""), 0);
    B.sends_n = 0;
}
static void bench_router_stop(void) {
    B.is_done = false;
    router_stop(B.router, bench_stopped, NULL);
    UNTIL(B.is_done);
    router_free(&B.router);
}

static void bench_stop(void) {
    bench_settled_all();
    bench_router_stop();
    json_decref(B.json);
    loop_free(&B.loop);
    crypto_free(&B.crypto);
    kill(B.redis, SIGKILL);
    waitpid(B.redis, NULL, 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", B.dir);
    ck_assert_int_eq(system(command), 0);
}

/* ---- calls that wait for their answer ---- */
static void bench_accepted(void *arg, int error, const struct accepted *a) {
    (void)arg;
    B.error = error;
    if (a) B.accepted = *a;
    B.is_done = true;
}
__attribute__((unused)) static void bench_done(void *arg, int error) {
    (void)arg;
    B.error = error;
    B.is_done = true;
}
static void bench_json(void *arg, int error, json_t *v) {
    (void)arg;
    json_decref(B.json);
    B.json = json_incref(v);
    B.error = error;
    B.is_done = true;
}
#define WAITED(call)       \
    do {                   \
        B.is_done = false; \
        call;              \
        UNTIL(B.is_done);  \
    } while (0)

__attribute__((unused)) static struct inbound bench_mail(const char *id, const char *text) {
    return (struct inbound){.channel = "mail", .channel_type = "email", .external_id = span_str(id), .sender = SPAN("ada@example.org"),
                            .sender_name = SPAN("Ada Lovelace"), .recipient = SPAN("stadt@example.org"), .subject = SPAN("Frage zum Ausweis"),
                            .text = span_str(text), .thread = SPAN("thread-1")};
}
__attribute__((unused)) static int bench_accept(const struct inbound *m) {
    WAITED(intake_accept(B.router, m, bench_accepted, NULL));
    return B.error;
}
__attribute__((unused)) static const char *bench_reply(const char *ticket, const char *text) {
    json_t *body = json_pack("{s:s,s:s}", "kind", "reply", "text", text);
    WAITED(reply_create(B.router, ticket, "ina", "Ina Amt", body, bench_json, NULL));
    json_decref(body);
    ck_assert_int_eq(B.error, 0);
    return json_str(B.json, "id", "");
}
__attribute__((unused)) static json_t *bench_read(const char *ticket) {
    WAITED(ticket_read(B.router, ticket, 0, 100, NULL, bench_json, NULL));
    ck_assert_int_eq(B.error, 0);
    return B.json;
}
__attribute__((unused)) static const char *bench_delivery(const char *ticket, int n) {
    json_t *items = json_object_get(bench_read(ticket), "items");
    return json_str(json_object_get(json_array_get(items, (size_t)(n - 1)), "delivery"), "state", "");
}
__attribute__((unused)) static void bench_settle(int i, enum verdict v) {
    router_settle(B.sends[i], v, SPAN("because"), 0);
    B.sends[i] = NULL;
    UNTIL(outbox_is_idle(B.router->outbox) || B.sends_n > i + 1);
}
__attribute__((unused)) static void bench_up(const char *id, bool is_idempotent) {
    struct outbox_channel c = {.id = id, .type = "email", .concurrency = 4, .is_idempotent = is_idempotent, .has_history = strcmp(id, "chat") == 0};
    router_channel_up(B.router, &c);
}
static int bench_main(Suite *s) {
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}

#endif
