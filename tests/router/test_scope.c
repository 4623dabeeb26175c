/* SPDX-License-Identifier: EUPL-1.2 */
/* Promise: lists, counts, search, outbox and a ticket show a scope its own tickets and no others, on
 * every page; what is due is found in time, and also after an upgrade. Real Redis. */
#include "tests/router/bench_redis.h"

#include <hiredis/hiredis.h>

#define HOUR 3600000LL

START_TEST(test_rule) {
    static const struct {
        const char *scope, *queue, *assignee;
        bool sees;
    } rows[] = {
        {NULL, "amt", "", true},        {"", "amt", "", true},          {"ina,bau", "bau", "", true},
        {"ina,bau", "amt", "", false},  {"ina,bau", "amt", "ina", true}, {"ina", "bau", "", false},
        {"ina", "", "", false},         {"ina,bau", "ina", "", false},  {"ina,bau", "ba", "", false},
        {"ina,bau", "amt", "bau", false}, {"ina,bau,amt", "amt", "", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_msg(ticket_scope_sees(rows[i].scope, rows[i].queue, rows[i].assignee) == rows[i].sees, "row %zu", i);
}
END_TEST

static char numbers[40][24];
static int numbers_n;

/* Even ones go to bau (a rule), odd ones to amt; every fifth is assigned to ina. */
static void fill(int n) {
    numbers_n = n;
    for (int i = 0; i < n; i++) {
        char id[16], sender[32];
        snprintf(id, sizeof id, "id-%d", i);
        snprintf(sender, sizeof sender, "p%d@example.org", i);
        struct inbound m = bench_mail(id, i % 2 ? "Frage" : "Ein Schlagloch");
        m.thread = SPAN_NONE;
        if (i > 5) m.sender = span_str(sender);
        B.now_ms += i % 3 ? 0 : 10;
        ck_assert_int_eq(bench_accept(&m), 0);
        snprintf(numbers[i], sizeof numbers[i], "%s", B.accepted.ticket);
        if (i % 5) continue;
        json_t *c = json_pack("{s:s}", "assignee", "ina");
        WAITED(ticket_change(B.router, numbers[i], "ina", c, bench_json, NULL));
        ck_assert_int_eq(B.error, 0);
        json_decref(c);
    }
}
static bool is_own(int i) { /* what the scope "ina,bau" has */
    return i % 2 == 0 || i % 5 == 0;
}

static int walk(const char *view, const char *scope, const char *queue, json_t *seen) {
    char cursor[64] = "";
    int total = 0;
    for (int pages = 0; pages < 60; pages++) {
        struct ticket_query q = {.view = view, .user = "ina", .scope = scope, .queue = queue, .cursor = *cursor ? cursor : NULL, .limit = 3};
        WAITED(ticket_list(B.router, &q, bench_json, NULL));
        ck_assert_int_eq(B.error, 0);
        size_t i;
        json_t *t;
        json_array_foreach(json_object_get(B.json, "tickets"), i, t) {
            const char *number = json_str(t, "number", "");
            ck_assert_msg(ticket_scope_sees(scope, json_str(t, "queue", ""), json_str(t, "assignee", "")), "%s: %s", view, number);
            ck_assert_msg(!json_object_get(seen, number), "%s: %s twice", view, number);
            json_object_set_new(seen, number, json_true());
            total++;
        }
        snprintf(cursor, sizeof cursor, "%s", json_str(B.json, "next", ""));
        if (!*cursor) return total;
    }
    ck_abort_msg("pages without end");
    return -1;
}
static int listed(const char *view, const char *scope, const char *queue) {
    json_t *seen = json_object();
    int n = walk(view, scope, queue, seen);
    json_decref(seen);
    return n;
}

START_TEST(test_lists_and_counts) {
    fill(40);
    int own = 0, mine = 0, free_bau = 0;
    for (int i = 0; i < 40; i++) {
        own += is_own(i);
        mine += i % 5 == 0;
        free_bau += i % 2 == 0 && i % 5;
    }
    static const char scope[] = "ina,bau";
    const struct {
        const char *view, *queue;
        int all, own;
    } rows[] = {
        {"all", NULL, 40, own},   {"mine", NULL, mine, mine}, {"unassigned", NULL, 40 - mine, free_bau}, {"unanswered", NULL, 40, own},
        {"queue", "bau", 20, 20}, {"queue", "amt", 20, own - 20}, {"waiting", NULL, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_msg(listed(rows[i].view, NULL, rows[i].queue) == rows[i].all, "%s", rows[i].view);
        ck_assert_msg(listed(rows[i].view, scope, rows[i].queue) == rows[i].own, "%s in the scope", rows[i].view);
    }
    WAITED(ticket_counts(B.router, "ina", scope, bench_json, NULL));
    ck_assert_int_eq((int)json_int(B.json, "all", -1), own);
    ck_assert_int_eq((int)json_int(B.json, "mine", -1), mine);
    ck_assert_int_eq((int)json_int(B.json, "unassigned", -1), free_bau);
    ck_assert_int_eq((int)json_int(B.json, "unanswered", -1), own);
    ck_assert_int_eq((int)json_int(json_object_get(B.json, "queues"), "bau", -1), 20);
    ck_assert_ptr_null(json_object_get(json_object_get(B.json, "queues"), "amt"));
    ck_assert_int_eq(listed("all", "nobody", NULL), 0);
}
END_TEST

static size_t found(const char *text, const char *scope) {
    WAITED(ticket_search(B.router, text, scope, NULL, 50, bench_json, NULL));
    ck_assert_int_eq(B.error, 0);
    return json_array_size(json_object_get(B.json, "tickets"));
}

START_TEST(test_one_and_search) {
    fill(8); /* 0 to 5 are of one sender */
    static const char scope[] = "ina,bau";
    for (int i = 0; i < 8; i++) {
        WAITED(ticket_sees(B.router, scope, numbers[i], bench_done, NULL));
        ck_assert_int_eq(B.error, is_own(i) ? 0 : ERR_NOT_FOUND);
        ck_assert_uint_eq(found(numbers[i], scope), is_own(i));
        WAITED(ticket_read(B.router, numbers[i], 0, 10, scope, bench_json, NULL));
        ck_assert_int_eq(B.error, is_own(i) ? 0 : ERR_NOT_FOUND);
    }
    WAITED(ticket_sees(B.router, scope, "2026-999999", bench_done, NULL));
    ck_assert_int_eq(B.error, ERR_NOT_FOUND);
    ck_assert_uint_eq(found("ausweis", NULL), 8);
    ck_assert_uint_eq(found("ausweis", scope), 5);
    ck_assert_uint_eq(found("ada@example.org", NULL), 6);
    ck_assert_uint_eq(found("ada@example.org", scope), 4); /* 0 2 4 5 */
    WAITED(ticket_read(B.router, numbers[0], 0, 10, scope, bench_json, NULL));
    const json_t *others = json_object_get(json_object_get(B.json, "contact"), "tickets");
    ck_assert_uint_eq(json_array_size(others), 4);
    for (size_t i = 0; i < json_array_size(others); i++)
        ck_assert_str_ne(json_string_value(json_array_get(others, i)), numbers[1]);
}
END_TEST

START_TEST(test_outbox) {
    fill(12);
    for (int i = 0; i < 12; i++) /* not assigned anew: some have an assignee, the others get one */
        bench_reply(numbers[i], "Antwort");
    static const char scope[] = "otto,bau";
    char cursor[64] = "";
    size_t seen = 0;
    do {
        WAITED(outbox_list(B.router, NULL, scope, *cursor ? cursor : NULL, 2, bench_json, NULL));
        ck_assert_int_eq(B.error, 0);
        seen += json_array_size(json_object_get(B.json, "items"));
        snprintf(cursor, sizeof cursor, "%s", json_str(B.json, "next", ""));
    } while (*cursor);
    ck_assert_uint_eq(seen, 6);
    WAITED(ticket_counts(B.router, "otto", scope, bench_json, NULL));
    ck_assert_int_eq((int)json_int(B.json, "outbox_waiting", -1), 6);
    WAITED(ticket_counts(B.router, "otto", NULL, bench_json, NULL));
    ck_assert_int_eq((int)json_int(B.json, "outbox_waiting", -1), 12);
}
END_TEST

/* ---- due ---- */
static struct redisContext *direct(void) {
    struct redisContext *c = redisConnectUnix(B.socket + 5);
    ck_assert(c && !c->err);
    return c;
}
static void direct_do(const char *command) {
    struct redisContext *c = direct();
    redisReply *r = redisCommand(c, command);
    ck_assert_msg(r && r->type != REDIS_REPLY_ERROR, "%s: %s", command, r ? r->str : "");
    freeReplyObject(r);
    redisFree(c);
}
/* What the gateway does every 20 seconds. */
static void tick(void) {
    char command[96];
    snprintf(command, sizeof command, "FCALL draht_due_1 1 draht:{0}: %lld", (long long)B.now_ms);
    direct_do(command);
}
static void expect_due(const char *scope, int overdue, int soon, const char *when) {
    tick();
    ck_assert_msg(listed("overdue", scope, NULL) == overdue, "%s: overdue, not %d", when, overdue);
    ck_assert_msg(listed("due_soon", scope, NULL) == soon, "%s: due soon, not %d", when, soon);
    WAITED(ticket_counts(B.router, "ina", scope, bench_json, NULL));
    ck_assert_msg(json_int(B.json, "overdue", -1) == overdue && json_int(B.json, "due_soon", -1) == soon, "%s: counts", when);
}
static void change_one(const char *number, const char *field, const char *value) {
    json_t *c = json_pack("{s:s}", field, value);
    WAITED(ticket_change(B.router, number, "ina", c, bench_json, NULL));
    ck_assert_int_eq(B.error, 0);
    json_decref(c);
}

/* bau answers within 16 hours, amt within 2: the last quarter, at least an hour, is "soon". */
static void due_config(void) {
    B.queues[0].first_answer_hours = 2;
    B.queues[1].first_answer_hours = 16;
}

START_TEST(test_due) {
    due_config();
    fill(4); /* 0 and 2: bau, 16 h; 1 and 3: amt, 2 h */
    expect_due(NULL, 0, 0, "at first");
    B.now_ms += HOUR + HOUR / 2;
    expect_due(NULL, 0, 2, "an hour before");
    expect_due("ina,bau", 0, 0, "an hour before, another office");
    B.now_ms += HOUR;
    expect_due(NULL, 2, 0, "after it");
    change_one(numbers[1], "queue", "bau");
    expect_due("otto,bau", 1, 0, "handed over");
    change_one(numbers[1], "state", "waiting");
    expect_due(NULL, 1, 0, "waits for the citizen");
    change_one(numbers[1], "state", "open");
    expect_due(NULL, 2, 0, "opened again");
    char message[32];
    json_t *body = json_pack("{s:s,s:s}", "kind", "reply", "text", "Antwort");
    WAITED(reply_create(B.router, numbers[1], "ina", "Ina", body, bench_json, NULL));
    snprintf(message, sizeof message, "%s", json_str(B.json, "id", ""));
    json_decref(body);
    expect_due(NULL, 1, 0, "answered");
    WAITED(outbox_action(B.router, message, "ina", "undo", bench_json, NULL));
    ck_assert_int_eq(B.error, 0);
    expect_due(NULL, 2, 0, "the answer is taken back");
    change_one(numbers[1], "assignee", "otto");
    change_one(numbers[1], "queue", "amt");
    expect_due("otto,bau", 1, 0, "assigned by name in another office");
    change_one(numbers[3], "state", "closed");
    expect_due(NULL, 1, 0, "closed");
    B.now_ms += 10 * HOUR;
    expect_due("otto,bau", 1, 2, "the last quarter of 16 hours");
    B.now_ms += 10 * HOUR;
    expect_due("otto,bau", 3, 0, "all are late");
}
END_TEST

/* As a release before had it: one set of all unanswered, one of nobody's, none by due time. */
static void old_stock(void) {
    static const char script[] = "local P = 'draht:{0}:' "
                                 "for _, k in ipairs(redis.call('KEYS', P .. '*')) do "
                                 "  local name = k:sub(#P + 1) "
                                 "  if name == 'dw' or name == 'ix' or name:find('^du:') or name:find('^un:') or name:find('^a:/') then "
                                 "    redis.call('DEL', k) "
                                 "  end "
                                 "end "
                                 "redis.call('ZADD', P .. 'un', 1, '2026-000001') "
                                 "redis.call('ZADD', P .. 'a::new', 1, '2026-000001') ";
    struct redisContext *c = direct();
    redisReply *r = redisCommand(c, "EVAL %s 0", script);
    ck_assert_msg(r && r->type != REDIS_REPLY_ERROR, "%s", r ? r->str : "");
    freeReplyObject(r);
    redisFree(c);
}
static char *indexes(void) { /* every index with its scores, as text */
    static const char script[] = "local P, out = 'draht:{0}:', {} "
                                 "local keys = redis.call('KEYS', P .. '*') table.sort(keys) "
                                 "for _, k in ipairs(keys) do "
                                 "  local name = k:sub(#P + 1) "
                                 "  if name == 'dw' or name == 'ix' or name:find('^[ai]:') or name:find('^du:') or name:find('^un') then "
                                 "    out[#out + 1] = name .. '=' .. (name == 'ix' and redis.call('GET', k) or "
                                 "table.concat(redis.call('ZRANGE', k, 0, -1, 'WITHSCORES'), ' ')) "
                                 "  end "
                                 "end return table.concat(out, '\\n')";
    struct redisContext *c = direct();
    redisReply *r = redisCommand(c, "EVAL %s 0", script);
    ck_assert_msg(r && r->type == REDIS_REPLY_STRING, "%s", r ? r->str : "");
    char *text = xstrdup(r->str);
    freeReplyObject(r);
    redisFree(c);
    return text;
}

START_TEST(test_upgrade) {
    due_config();
    fill(30);
    change_one(numbers[2], "state", "closed");
    change_one(numbers[4], "state", "waiting");
    bench_reply(numbers[6], "Antwort");
    B.now_ms += 3 * HOUR; /* amt is late, bau is not */
    tick();
    char *before = indexes();
    ck_assert_ptr_nonnull(strstr(before, "ix=3"));
    bench_router_stop();
    old_stock();
    /* in steps of 7, each of which ends in time */
    int steps = 0;
    for (long long more = 1; more; steps++) {
        struct redisContext *c = direct();
        redisReply *r = redisCommand(c, "FCALL draht_reindex_1 1 draht:{0}: %lld 7", (long long)B.now_ms);
        ck_assert_msg(r && r->type == REDIS_REPLY_INTEGER, "%s", r ? r->str : "");
        more = r->integer;
        freeReplyObject(r);
        redisFree(c);
        ck_assert_int_lt(steps, 20);
    }
    ck_assert_int_ge(steps, 30 / 7);
    char *after = indexes();
    ck_assert_str_eq(after, before);
    free(after);
    /* and by itself at the start */
    old_stock();
    bench_router();
    for (int i = 0; i < 500 && listed("unanswered", NULL, NULL) < 28; i++) (void)i;
    after = indexes();
    ck_assert_str_eq(after, before);
    free(after);
    free(before);
}
END_TEST

int main(void) {
    Suite *s = suite_create("scope");
    TCase *plain = tcase_create("rule"), *t = tcase_create("store");
    tcase_add_test(plain, test_rule);
    suite_add_tcase(s, plain);
    tcase_add_checked_fixture(t, bench_start, bench_stop);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_lists_and_counts);
    tcase_add_test(t, test_one_and_search);
    tcase_add_test(t, test_outbox);
    tcase_add_test(t, test_due);
    tcase_add_test(t, test_upgrade);
    suite_add_tcase(s, t);
    return bench_main(s);
}
