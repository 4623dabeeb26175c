/* SPDX-License-Identifier: EUPL-1.2 */
/* test_intake: what is taken in once, where it goes, and what is refused. */
#include <signal.h>
#include <sys/resource.h>

#include "router/store_private.h"
#include "tests/router/bench_redis.h"

START_TEST(test_once) {
    struct inbound m = bench_mail("id-1", "Hallo");
    ck_assert_int_eq(bench_accept(&m), 0);
    char first[32];
    snprintf(first, sizeof first, "%s", B.accepted.message);
    ck_assert(B.accepted.is_new_ticket && !B.accepted.is_duplicate);
    ck_assert_int_eq(bench_accept(&m), 0);
    ck_assert(B.accepted.is_duplicate);
    ck_assert_str_eq(B.accepted.message, first);
    json_t *t = bench_read(B.accepted.ticket);
    ck_assert_str_eq(json_str(t, "subject", ""), "Frage zum Ausweis");
    ck_assert_str_eq(json_str(json_object_get(t, "sender"), "address", ""), "ada@example.org");
    ck_assert_str_eq(json_str(t, "preview", ""), "Hallo");
    ck_assert_int_eq((int)json_array_size(json_object_get(t, "items")), 1);
    ck_assert_str_eq(json_str(json_array_get(json_object_get(t, "items"), 0), "text", ""), "Hallo");
}
END_TEST

START_TEST(test_hints) {
    struct inbound m = bench_mail("id-1", "eins");
    ck_assert_int_eq(bench_accept(&m), 0);
    char ticket[24];
    snprintf(ticket, sizeof ticket, "%s", B.accepted.ticket);
    struct thread_hint key = {HINT_KEY, SPAN("thread-1")}, known = {HINT_TICKET_IF_KNOWN, span_str(ticket)}, number = {HINT_TICKET, span_str(ticket)};
    struct inbound k = bench_mail("id-2", "zwei");
    k.hints = &key;
    k.hints_n = 1;
    ck_assert_int_eq(bench_accept(&k), 0);
    ck_assert_str_eq(B.accepted.ticket, ticket);
    ck_assert(!B.accepted.is_new_ticket);
    struct inbound s = bench_mail("id-3", "fremd");
    s.sender = SPAN("eve@example.org");
    s.thread = SPAN_NONE;
    s.hints = &known;
    s.hints_n = 1;
    ck_assert_int_eq(bench_accept(&s), 0);
    ck_assert(B.accepted.is_new_ticket);
    s.external_id = SPAN("id-4");
    s.hints = &number;
    s.is_unverified = true;
    ck_assert_int_eq(bench_accept(&s), 0);
    ck_assert_str_eq(B.accepted.ticket, ticket);
    json_t *items = json_object_get(bench_read(ticket), "items");
    ck_assert_int_eq((int)json_array_size(items), 3);
    ck_assert_str_eq(json_str(json_array_get(items, 2), "text", ""), "fremd");
    ck_assert(json_flag(json_array_get(items, 2), "unverified", false));
    ck_assert_str_eq(json_str(B.json, "preview", ""), "fremd");
}
END_TEST

static void on_eval(void *arg, int error, const struct redis_value *v) {
    (void)arg;
    (void)v;
    B.error = error;
    B.is_done = true;
}

/* As releases until 2026-11 stored it. */
static void lay_behind_the_face(const char *ticket) {
    struct span words[] = {SPAN("EVAL"),
                           SPAN("local f, p = KEYS[1] .. 'f:' .. ARGV[1], KEYS[1] .. 'fp:' .. ARGV[1] "
                                "redis.call('APPEND', f, redis.call('GETDEL', p)) return redis.call('EXISTS', p)"),
                           SPAN("1"), SPAN("draht:{0}:"), span_str(ticket)};
    WAITED(store_ask(B.router->store, 5, words, on_eval, NULL));
    ck_assert_int_eq(B.error, 0);
}

START_TEST(test_preview_behind_the_face) {
    struct inbound m = bench_mail("id-1", "eins");
    ck_assert_int_eq(bench_accept(&m), 0);
    char ticket[24];
    snprintf(ticket, sizeof ticket, "%s", B.accepted.ticket);
    lay_behind_the_face(ticket);
    ck_assert_str_eq(json_str(bench_read(ticket), "preview", ""), "eins");
    json_t *c = json_pack("{s:s}", "subject", "Neuer Betreff");
    WAITED(ticket_change(B.router, ticket, "ina", c, bench_json, NULL));
    json_decref(c);
    ck_assert_str_eq(json_str(bench_read(ticket), "subject", ""), "Neuer Betreff");
    ck_assert_str_eq(json_str(B.json, "preview", ""), "eins");
    lay_behind_the_face(ticket);
    struct thread_hint number = {HINT_TICKET, span_str(ticket)};
    struct inbound k = bench_mail("id-2", "zwei");
    k.hints = &number;
    k.hints_n = 1;
    ck_assert_int_eq(bench_accept(&k), 0);
    ck_assert_str_eq(B.accepted.ticket, ticket);
    ck_assert_str_eq(json_str(bench_read(ticket), "preview", ""), "zwei");
    ck_assert_str_eq(json_str(B.json, "subject", ""), "Neuer Betreff");
}
END_TEST

static void close_ticket(const char *ticket) {
    json_t *c = json_pack("{s:s}", "state", "closed");
    WAITED(ticket_change(B.router, ticket, "ina", c, bench_json, NULL));
    json_decref(c);
    ck_assert_int_eq(B.error, 0);
}

START_TEST(test_follow_up) {
    struct thread_hint key = {HINT_KEY, SPAN("thread-1")};
    struct inbound m = bench_mail("id-1", "eins");
    m.hints = &key;
    m.hints_n = 1;
    ck_assert_int_eq(bench_accept(&m), 0);
    char ticket[24];
    snprintf(ticket, sizeof ticket, "%s", B.accepted.ticket);
    close_ticket(ticket);
    m.external_id = SPAN("id-2");
    ck_assert_int_eq(bench_accept(&m), 0);
    ck_assert_str_eq(B.accepted.ticket, ticket);
    ck_assert_str_eq(json_str(bench_read(ticket), "state", ""), "open");
    close_ticket(ticket);
    B.queues[0].follow_up = FOLLOW_NEW_AFTER_DAYS;
    B.queues[0].follow_up_days = 14;
    m.external_id = SPAN("id-3");
    ck_assert_int_eq(bench_accept(&m), 0);
    ck_assert_str_eq(B.accepted.ticket, ticket);
    close_ticket(ticket);
    B.now_ms += (int64_t)15 * 86400000;
    m.external_id = SPAN("id-4");
    ck_assert_int_eq(bench_accept(&m), 0);
    ck_assert_str_ne(B.accepted.ticket, ticket);
}
END_TEST

START_TEST(test_limits) {
    struct inbound m = bench_mail("", "Hallo");
    ck_assert_int_eq(bench_accept(&m), ERR_INVALID);
    char *id = xcalloc(1, 1026);
    memset(id, 'x', 1025);
    m = bench_mail(id, "Hallo");
    ck_assert_int_eq(bench_accept(&m), ERR_TOO_LARGE);
    id[1024] = 0;
    m = bench_mail(id, "Hallo");
    ck_assert_int_eq(bench_accept(&m), 0);
    free(id);
    char *text = xcalloc(1, 50001);
    memset(text, 'a', 50000);
    m = bench_mail("long", text);
    m.thread = SPAN_NONE;
    ck_assert_int_eq(bench_accept(&m), 0);
    json_t *item = json_array_get(json_object_get(bench_read(B.accepted.ticket), "items"), 0);
    ck_assert_int_eq((int)strlen(json_str(item, "text", "")), 40000);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(item, "warnings"), 0)), "text_cut");
    free(text);
}
END_TEST

static void got_bytes(void *arg, int error, struct span bytes, const json_t *meta) {
    (void)arg;
    B.error = error;
    B.is_done = true;
    if (error) return;
    ck_assert(bytes.n == 11 || bytes.n == 200000);
    ck_assert_int_eq((int)json_int(meta, "length", 0), (int)bytes.n);
}

START_TEST(test_attachments) {
    char *large = xcalloc(1, 200000);
    struct attachment files[] = {{.name = SPAN("a.txt"), .type = SPAN("text/plain"), .bytes = SPAN("hello world")},
                                 {.name = SPAN("b.bin"), .type = SPAN("application/octet-stream"), .bytes = {large, 200000}}};
    struct inbound m = bench_mail("id-1", "Anlagen");
    m.attachments = files;
    m.attachments_n = 2;
    m.original = SPAN("hello world");
    ck_assert_int_eq(bench_accept(&m), 0);
    for (int i = -1; i < 2; i++) {
        WAITED(ticket_attachment(B.router, B.accepted.message, i, got_bytes, NULL));
        ck_assert_int_eq(B.error, 0);
    }
    WAITED(ticket_attachment(B.router, B.accepted.message, 2, got_bytes, NULL));
    ck_assert_int_eq(B.error, ERR_NOT_FOUND);
    free(large);
}
END_TEST

START_TEST(test_rules_and_search) {
    struct inbound m = bench_mail("id-1", "Ein SCHLAGLOCH!");
    ck_assert_int_eq(bench_accept(&m), 0);
    ck_assert_str_eq(json_str(bench_read(B.accepted.ticket), "queue", ""), "bau");
    ck_assert_str_eq(json_str(B.json, "priority", ""), "high");
    const char *const queries[] = {"ausweis", "lovelace frage", "ada@example.org", B.accepted.ticket};
    for (size_t i = 0; i < 4; i++) {
        WAITED(ticket_search(B.router, queries[i], NULL, NULL, 10, bench_json, NULL));
        ck_assert_int_eq(B.error, 0);
        ck_assert_msg(json_array_size(json_object_get(B.json, "tickets")) == 1, "%s", queries[i]);
    }
    WAITED(ticket_search(B.router, "nichts", NULL, NULL, 10, bench_json, NULL));
    ck_assert_int_eq((int)json_array_size(json_object_get(B.json, "tickets")), 0);
}
END_TEST

START_TEST(test_list_pages) {
    for (int i = 0; i < 7; i++) {
        char id[16];
        snprintf(id, sizeof id, "id-%d", i);
        struct inbound m = bench_mail(id, "x");
        m.thread = SPAN_NONE;
        B.now_ms += i % 3 ? 0 : 10; /* equal times do not lose a ticket between pages */
        ck_assert_int_eq(bench_accept(&m), 0);
    }
    char cursor[64] = "";
    size_t seen = 0, pages = 0;
    do {
        struct ticket_query q = {.view = "all", .cursor = *cursor ? cursor : NULL, .limit = 2};
        WAITED(ticket_list(B.router, &q, bench_json, NULL));
        ck_assert_int_eq(B.error, 0);
        seen += json_array_size(json_object_get(B.json, "tickets"));
        snprintf(cursor, sizeof cursor, "%s", json_str(B.json, "next", ""));
    } while (*cursor && ++pages < 10);
    ck_assert_uint_eq(seen, 7);
    WAITED(ticket_counts(B.router, "ina", NULL, bench_json, NULL));
    ck_assert_int_eq((int)json_int(B.json, "all", 0), 7);
    ck_assert_int_eq((int)json_int(B.json, "unassigned", 0), 7);
    ck_assert_int_eq((int)json_int(json_object_get(B.json, "queues"), "amt", 0), 7);
}
END_TEST

START_TEST(test_conflict) {
    struct inbound m = bench_mail("id-1", "x");
    ck_assert_int_eq(bench_accept(&m), 0);
    json_t *c = json_pack("{s:s,s:s,s:[s],s:i}", "assignee", "ina", "subject", "Neu", "tags", "a", "rev", 1);
    WAITED(ticket_change(B.router, B.accepted.ticket, "ina", c, bench_json, NULL));
    ck_assert_int_eq(B.error, 0);
    ck_assert_str_eq(json_str(B.json, "subject", ""), "Neu");
    ck_assert_str_eq(json_str(B.json, "assignee", ""), "ina");
    WAITED(ticket_change(B.router, B.accepted.ticket, "ina", c, bench_json, NULL));
    ck_assert_int_eq(B.error, ERR_CONFLICT);
    json_decref(c);
}
END_TEST

/* Tickets of the same millisecond are not lost between two pages. */
START_TEST(test_search_pages) {
    char id[16], next[64] = "";
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "id-%d", i);
        struct inbound m = bench_mail(id, "Hallo");
        m.thread = SPAN_NONE;
        B.now_ms += i == 4;
        ck_assert_int_eq(bench_accept(&m), 0);
    }
    json_t *seen = json_object();
    for (int page = 0; page < 3; page++) {
        WAITED(ticket_search(B.router, "ausweis", NULL, page ? next : NULL, 2, bench_json, NULL));
        ck_assert_int_eq(B.error, 0);
        size_t i;
        json_t *t;
        json_array_foreach(json_object_get(B.json, "tickets"), i, t) json_object_set_new(seen, json_str(t, "number", ""), json_true());
        snprintf(next, sizeof next, "%s", json_str(B.json, "next", ""));
    }
    ck_assert_uint_eq(json_object_size(seen), 5);
    ck_assert_str_eq(next, "");
    json_decref(seen);
}
END_TEST

/* A new subject is found by its words, the old one no more. */
START_TEST(test_search_follows_the_subject) {
    struct inbound m = bench_mail("id-1", "Hallo");
    ck_assert_int_eq(bench_accept(&m), 0);
    json_t *c = json_pack("{s:s}", "subject", "Parkplatz");
    WAITED(ticket_change(B.router, B.accepted.ticket, "ina", c, bench_json, NULL));
    json_decref(c);
    ck_assert_int_eq(B.error, 0);
    static const struct {
        const char *word;
        size_t n;
    } rows[] = {{"parkplatz", 1}, {"ausweis", 0}, {"lovelace", 1}};
    for (size_t i = 0; i < 3; i++) {
        WAITED(ticket_search(B.router, rows[i].word, NULL, NULL, 10, bench_json, NULL));
        ck_assert_uint_eq(json_array_size(json_object_get(B.json, "tickets")), rows[i].n);
    }
}
END_TEST

static size_t found(const char *text) {
    WAITED(ticket_search(B.router, text, NULL, NULL, 10, bench_json, NULL));
    ck_assert_int_eq(B.error, 0);
    return json_array_size(json_object_get(B.json, "tickets"));
}

START_TEST(test_erase) {
    struct inbound m = bench_mail("id-1", "geheim"), other = bench_mail("id-2", "offen");
    other.sender = SPAN("eve@example.org");
    other.sender_name = SPAN("Eve");
    other.thread = SPAN_NONE;
    ck_assert_int_eq(bench_accept(&m), 0);
    char ticket[24];
    snprintf(ticket, sizeof ticket, "%s", B.accepted.ticket);
    ck_assert_int_eq(bench_accept(&other), 0);
    char kept[24];
    snprintf(kept, sizeof kept, "%s", B.accepted.ticket);
    ck_assert_uint_eq(found("ada@example.org"), 1);
    for (int i = 0; i < 2; i++) {
        WAITED(contact_erase(B.router, ticket, "ina", bench_done, NULL));
        ck_assert_int_eq(B.error, 0);
    }
    UNTIL(strcmp(B.last_event, "contact.erased") == 0);
    ck_assert(json_flag(bench_read(ticket), "erased", false));
    ck_assert_str_eq(json_str(json_array_get(json_object_get(B.json, "items"), 0), "text", "?"), "");
    ck_assert_uint_eq(found("ada@example.org"), 0);
    ck_assert_uint_eq(found("lovelace"), 0);
    ck_assert_uint_eq(found("ausweis"), 1);
    ck_assert_str_eq(json_str(json_array_get(json_object_get(bench_read(kept), "items"), 0), "text", "?"), "offen");
    struct thread_hint hints[] = {{HINT_KEY, SPAN("thread-1")}, {HINT_TICKET, span_str(ticket)}};
    m = bench_mail("id-3", "neu");
    m.hints = hints;
    m.hints_n = 2;
    ck_assert_int_eq(bench_accept(&m), 0);
    ck_assert_str_ne(B.accepted.ticket, ticket);
    ck_assert_str_eq(json_str(json_array_get(json_object_get(bench_read(B.accepted.ticket), "items"), 0), "text", "?"), "neu");
    WAITED(contact_erase(B.router, "2020-000001", "ina", bench_done, NULL));
    ck_assert_int_eq(B.error, ERR_NOT_FOUND);
}
END_TEST

/* The disk of the small blobs is full: nothing is accepted half, and the same message is taken in later. */
START_TEST(test_full_disk) {
    char bytes[40000];
    memset(bytes, 'x', sizeof bytes);
    struct attachment file = {.name = SPAN("a.bin"), .type = SPAN("application/octet-stream"), .bytes = {bytes, sizeof bytes}};
    struct inbound m = bench_mail("id-1", "Anlage");
    m.attachments = &file;
    m.attachments_n = 1;
    UNTIL(blobs_is_idle(B.router->blobs));
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, full;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    full = old;
    full.rlim_cur = 32768;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
    ck_assert_int_eq(bench_accept(&m), ERR_STORAGE);
    ck_assert(error_is_retryable(B.error));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    ck_assert_int_eq(bench_accept(&m), 0);
    ck_assert(!B.accepted.is_duplicate);
}
END_TEST

int main(void) {
    Suite *s = suite_create("intake");
    TCase *t = tcase_create("intake");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, bench_start, bench_stop);
    tcase_add_test(t, test_once);
    tcase_add_test(t, test_hints);
    tcase_add_test(t, test_preview_behind_the_face);
    tcase_add_test(t, test_follow_up);
    tcase_add_test(t, test_limits);
    tcase_add_test(t, test_attachments);
    tcase_add_test(t, test_rules_and_search);
    tcase_add_test(t, test_list_pages);
    tcase_add_test(t, test_conflict);
    tcase_add_test(t, test_search_pages);
    tcase_add_test(t, test_search_follows_the_subject);
    tcase_add_test(t, test_erase);
    tcase_add_test(t, test_full_disk);
    suite_add_tcase(s, t);
    return bench_main(s);
}
