/* SPDX-License-Identifier: EUPL-1.2 */
/* The chat channel on a host in memory: conversations, tokens, tabs, marks, hostile frames. */
#include <check.h>

#include "channels/webchat/webchat.h"
#include "tests/channels/fake_host.c"

#define OWN "https://draht.city.example"
static struct arena *mem;

static void setup(void) {
    char err[256] = "";
    mem = arena_new();
    ck_assert_msg(fake_begin(&webchat_ops, "{\"origins\":[\"https://stadt.test\"]}", err) == 0, "%s", err);
}
static void teardown(void) {
    fake_end();
    arena_free(&mem);
}

static struct draht_socket *hello(const char *token, int last_seq) {
    struct draht_socket *s = fake_connect(OWN, NULL);
    ck_assert_ptr_nonnull(s);
    if (token)
        fake_say(s, arena_printf(mem, "{\"t\":\"hello\",\"lang\":\"de\",\"token\":\"%s\",\"last_seq\":%d}", token, last_seq));
    else
        fake_say(s, "{\"t\":\"hello\",\"lang\":\"de\",\"token\":null,\"last_seq\":0}");
    return s;
}
static void say(struct draht_socket *s, const char *cid, const char *text) {
    fake_say(s, arena_printf(mem, "{\"t\":\"msg\",\"cid\":\"%s\",\"text\":\"%s\"}", cid, text));
}
static const char *token_of(const struct draht_socket *s) {
    return fake_member(mem, fake_heard(s, "welcome"), "token");
}
static size_t count(const struct draht_socket *s, const char *type) {
    char lead[64];
    size_t n = 0;
    snprintf(lead, sizeof lead, "{\"t\":\"%s\"", type);
    for (size_t i = 0; i < s->frames_n; i++)
        n += strncmp(s->frames[i], lead, strlen(lead)) == 0;
    return n;
}

START_TEST(test_nothing_is_stored_before_the_first_message) {
    struct draht_socket *s = hello(NULL, 0);
    ck_assert_uint_gt(strlen(token_of(s)), 40);
    ck_assert_uint_eq(fake.state_sets, 0);
    ck_assert_uint_eq(fake.messages_n, 0);
    say(s, "a1", "Guten Tag");
    ck_assert_uint_eq(fake.messages_n, 1);
    ck_assert_str_eq(fake.messages[0].text, "Guten Tag");
    ck_assert(strncmp(fake.messages[0].sender, "chat:", 5) == 0);
    const char *ack = fake_heard(s, "ack");
    ck_assert_str_eq(fake_member(mem, ack, "cid"), "a1");
    ck_assert_str_eq(fake_member(mem, ack, "id"), "2026-000001.1");
    ck_assert_str_eq(fake_member(mem, ack, "number"), "2026-000001");
    ck_assert_ptr_nonnull(strstr(ack, "\"seq\":1"));
    fake_hang_up(s);
}
END_TEST

START_TEST(test_same_cid_is_one_message_and_other_text_a_conflict) {
    struct draht_socket *s = hello(NULL, 0);
    say(s, "a1", "eins");
    say(s, "a1", "eins");
    ck_assert_uint_eq(fake.messages_n, 1);
    ck_assert_uint_eq(count(s, "ack"), 2);
    say(s, "a1", "zwei");
    ck_assert_uint_eq(fake.messages_n, 1);
    ck_assert_str_eq(fake_member(mem, fake_heard(s, "nack"), "code"), "conflict");
    fake_hang_up(s);
}
END_TEST

START_TEST(test_no_ack_without_the_store) {
    struct draht_socket *s = hello(NULL, 0);
    fake.accept_status = DRAHT_E_UNAVAILABLE;
    say(s, "a1", "eins");
    ck_assert_ptr_null(fake_heard(s, "ack"));
    ck_assert_str_eq(fake_member(mem, fake_heard(s, "nack"), "code"), "unavailable");
    fake.accept_status = 0;
    say(s, "a1", "eins");
    ck_assert_ptr_nonnull(fake_heard(s, "ack"));
    fake_hang_up(s);
}
END_TEST

START_TEST(test_token_rotates_and_the_old_one_fails) {
    struct draht_socket *a = hello(NULL, 0);
    say(a, "a1", "eins");
    const char *first = token_of(a);
    fake_hang_up(a);
    struct draht_socket *b = hello(first, 1);
    const char *second = token_of(b);
    ck_assert_str_ne(first, second);
    fake_hang_up(b); /* the answer may have been lost: the old token still works */
    struct draht_socket *c = hello(first, 1);
    ck_assert_int_eq(c->close_code, 0);
    fake_say(c, "{\"t\":\"ping\"}");
    ck_assert_ptr_nonnull(fake_heard(c, "pong"));
    struct draht_socket *thief = hello(first, 0);
    ck_assert_int_eq(thief->close_code, 4401);
    ck_assert_uint_eq(thief->frames_n, 0);
    fake_hang_up(thief);
    struct draht_socket *d = hello(token_of(c), 1);
    ck_assert_int_eq(d->close_code, 0);
    fake_hang_up(c);
    fake_hang_up(d);
}
END_TEST

START_TEST(test_tokens_expire_and_cannot_be_made) {
    struct draht_socket *a = hello(NULL, 0);
    say(a, "a1", "eins");
    char *token = arena_strdup(mem, token_of(a));
    fake_hang_up(a);
    char *forged = arena_strdup(mem, token);
    forged[5] = forged[5] == 'A' ? 'B' : 'A';
    const char *const bad[] = {forged, "x", "AAAA", "!!!!", arena_printf(mem, "%sA", token)};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct draht_socket *s = hello(bad[i], 0);
        ck_assert_int_eq(s->close_code, 4401);
        fake_hang_up(s);
    }
    fake.now_ms += 31LL * 24 * 3600 * 1000;
    struct draht_socket *late = hello(token, 0);
    ck_assert_int_eq(late->close_code, 4401);
    fake_hang_up(late);
}
END_TEST

START_TEST(test_two_tabs_share_everything_but_the_echo) {
    struct draht_socket *a = hello(NULL, 0);
    say(a, "a1", "eins");
    struct draht_socket *b = hello(token_of(a), 0);
    ck_assert_uint_eq(count(b, "message"), 1); /* replayed */
    say(a, "a2", "zwei");
    ck_assert_uint_eq(count(a, "message"), 0);
    ck_assert_uint_eq(count(b, "message"), 2);
    ck_assert_str_eq(fake_member(mem, fake_heard(b, "message"), "from"), "me");
    ck_assert_str_eq(fake_member(mem, fake_heard(b, "message"), "cid"), "a2");
    fake_say(b, "{\"t\":\"typing\",\"on\":true}");
    ck_assert_uint_eq(count(a, "typing"), 0);
    fake_hang_up(a);
    fake_hang_up(b);
}
END_TEST

static struct draht_token reply(const char *thread, const char *text) {
    size_t i = fake_store("", thread, text, false);
    struct draht_token t = {0};
    struct draht_outbound m = {.size = sizeof m,
                               .message = fake_span(fake.messages[i].message),
                               .ticket = fake_span("2026-000001"),
                               .thread = fake_span(thread),
                               .sender_name = fake_span("Frau Beispiel"),
                               .text = fake_span(text),
                               .thread_seq = fake.messages[i].seq,
                               .created_ms = fake.now_ms};
    ck_assert_int_eq(fake.ops->send(fake.channel, &m, &t), 1);
    ck_assert_int_eq(t.settled_n, 1);
    ck_assert_int_eq(t.verdict, DRAHT_SENT);
    return t;
}

static void elsewhere(const char *thread, const char *what, int seq) {
    fake.ops->notify(fake.channel, fake_span(thread), what, fake_span(arena_printf(mem, "%d", seq)));
    fake_run();
}

/* The positions of the message frames that a tab got, in order. */
static const char *positions(const struct draht_socket *s) {
    struct buf b = {0};
    for (size_t i = 0; i < s->frames_n; i++) {
        const char *at = strncmp(s->frames[i], "{\"t\":\"message\",\"seq\":", 21) == 0 ? s->frames[i] + 21 : NULL;
        if (at)
            buf_addf(&b, "%s%d", b.n ? " " : "", atoi(at));
    }
    buf_adds(&b, "");
    const char *text = arena_strdup(mem, b.p);
    buf_free(&b);
    return text;
}

START_TEST(test_what_others_put_into_the_conversation_is_told_once_and_in_order) {
    struct draht_socket *a = hello(NULL, 0);
    ck_assert_int_eq(fake.watches, 1);
    say(a, "a1", "eins");
    const char *thread = fake.messages[0].thread;
    struct draht_socket *b = hello(token_of(a), 1);
    ck_assert_int_eq(fake.watches, 1);
    elsewhere(thread, "items", 1); /* our own */
    fake_store("x:y", thread, "von drüben", true);
    elsewhere(thread, "items", 2);
    elsewhere(thread, "items", 2);
    ck_assert_str_eq(positions(a), "2");
    ck_assert_str_eq(positions(b), "2");
    fake_store("", thread, "Antwort von drüben", false); /* 3: we were not told yet */
    say(b, "b1", "vier");
    ck_assert_uint_eq(count(b, "ack"), 1);
    elsewhere(thread, "items", 3);
    ck_assert_str_eq(positions(a), "2 3 4");
    ck_assert_str_eq(positions(b), "2 3 4"); /* with its cid: the window knows it */
    fake_store("", thread, "noch eine", false);
    reply(thread, "sechs"); /* 5 is missing still */
    ck_assert_str_eq(positions(a), "2 3 4");
    fake_run();
    ck_assert_str_eq(positions(a), "2 3 4 5 6");
    ck_assert_str_eq(positions(b), "2 3 4 5 6");
    fake_hang_up(a);
    fake_hang_up(b);
    ck_assert_int_eq(fake.watches, 0);
}
END_TEST

static void placed(const char *thread, const char *before) {
    fake.ops->notify(fake.channel, fake_span(thread), "place", fake_span(before));
    fake_run();
}

START_TEST(test_a_place_is_told_while_an_answer_is_waited_for) {
    fake.is_open_hours = true;
    fake_advance(20000); /* the office has opened */
    struct draht_socket *a = hello(NULL, 0);
    ck_assert_int_eq(fake.places, 0); /* who has said nothing waits for nothing */
    say(a, "a1", "eins");
    say(a, "a2", "zwei");
    ck_assert_int_eq(fake.places, 1);
    const char *thread = fake.messages[0].thread;
    placed(thread, "2");
    placed(thread, "2");
    ck_assert_uint_eq(count(a, "place"), 1);
    ck_assert_str_eq(fake_heard(a, "place"), "{\"t\":\"place\",\"before\":2,\"open\":true,\"next_open_at\":null}");
    struct draht_socket *b = hello(token_of(a), 2); /* a later tab is told what is known */
    ck_assert_uint_eq(count(b, "place"), 1);
    fake_advance(20000);
    ck_assert_uint_eq(count(a, "place"), 1);
    fake.is_open_hours = false;
    fake_advance(20000);
    ck_assert_uint_eq(count(a, "place"), 2);
    ck_assert_ptr_nonnull(strstr(fake_heard(a, "place"), "\"before\":2,\"open\":false"));
    placed(thread, ""); /* an answer that may still be taken back */
    placed(thread, "0");
    ck_assert_ptr_nonnull(strstr(fake_heard(a, "place"), "\"before\":0"));
    reply(thread, "Antwort");
    ck_assert_int_eq(fake.places, 0);
    ck_assert_ptr_nonnull(strstr(fake_heard(a, "place"), "\"before\":null"));
    placed(thread, "3"); /* was on its way */
    ck_assert_ptr_nonnull(strstr(fake_heard(b, "place"), "\"before\":null"));
    const char *token = token_of(b);
    fake_hang_up(a);
    fake_hang_up(b);
    struct draht_socket *c = hello(token, 3); /* the last word is the staff's */
    ck_assert_int_eq(fake.places, 0);
    say(c, "c1", "drei");
    ck_assert_int_eq(fake.places, 1);
    fake.ops->notify(fake.channel, fake_span(thread), "closed", fake_span(""));
    ck_assert_int_eq(fake.places, 0);
    fake_hang_up(c);
}
END_TEST

START_TEST(test_no_place_where_the_settings_want_none) {
    teardown();
    char err[256] = "";
    mem = arena_new();
    ck_assert_int_eq(fake_begin(&webchat_ops, "{\"show_place\":false}", err), 0);
    struct draht_socket *a = hello(NULL, 0);
    say(a, "a1", "eins");
    placed(fake.messages[0].thread, "2");
    ck_assert_int_eq(fake.places, 0);
    ck_assert_uint_eq(count(a, "place"), 0);
    fake_hang_up(a);
}
END_TEST

START_TEST(test_news_outlast_a_store_that_is_away) {
    struct draht_socket *a = hello(NULL, 0);
    say(a, "a1", "eins");
    const char *thread = fake.messages[0].thread;
    fake_store("x:y", thread, "von drüben", true);
    fake.history_status = DRAHT_E_UNAVAILABLE;
    elsewhere(thread, "items", 2);
    ck_assert_str_eq(positions(a), "");
    fake.history_status = 0;
    fake_advance(2000);
    ck_assert_str_eq(positions(a), "2");
    int asked = fake.histories;
    elsewhere(thread, "items", 99); /* not there: no use asking for ever */
    fake_advance(5000);
    ck_assert_int_eq(fake.histories, asked + 1);
    fake_hang_up(a);
}
END_TEST

START_TEST(test_marks_of_another_gateway) {
    struct draht_socket *a = hello(NULL, 0);
    say(a, "a1", "eins");
    const char *thread = fake.messages[0].thread;
    reply(thread, "zwei");
    elsewhere(thread, "was_read", 2);
    elsewhere(thread, "was_read", 2);
    elsewhere(thread, "was_read", 1);
    ck_assert_uint_eq(count(a, "state"), 1);
    ck_assert_ptr_nonnull(strstr(fake_heard(a, "state"), "\"id\":\"2026-000001.2\""));
    ck_assert_int_eq(fake.receipts, 0); /* the other one reported it */
    elsewhere(thread, "read", 1);
    elsewhere(thread, "read", 1);
    ck_assert_uint_eq(count(a, "read"), 1);
    elsewhere(thread, "closed", 0);
    elsewhere(thread, "closed", 0);
    elsewhere(thread, "open", 0);
    ck_assert_uint_eq(count(a, "closed"), 1);
    ck_assert_uint_eq(count(a, "reopened"), 1);
    elsewhere(thread, "closed", 0);
    say(a, "a2", "doch noch etwas");
    elsewhere(thread, "closed", 0);
    ck_assert_uint_eq(count(a, "closed"), 3);
    fake_hang_up(a);
}
END_TEST

START_TEST(test_reply_marks_and_receipts) {
    struct draht_socket *a = hello(NULL, 0);
    say(a, "a1", "eins");
    const char *thread = fake.messages[0].thread;
    reply(thread, "Wir \"k\\u00fcmmern\" uns.");
    const char *m = fake_heard(a, "message");
    ck_assert_str_eq(fake_member(mem, m, "from"), "agent");
    ck_assert_str_eq(fake_member(mem, m, "name"), "Frau Beispiel");
    ck_assert_str_eq(fake_member(mem, m, "text"), "Wir \"k\\u00fcmmern\" uns.");
    fake_say(a, "{\"t\":\"got\",\"seq\":2}");
    fake_say(a, "{\"t\":\"got\",\"seq\":2}");
    ck_assert_int_eq(fake.receipts, 1);
    ck_assert_uint_eq(fake.last_receipt, DRAHT_RECEIPT_DELIVERED);
    fake_say(a, "{\"t\":\"read\",\"seq\":999}");
    fake_say(a, "{\"t\":\"read\",\"seq\":2}");
    ck_assert_int_eq(fake.receipts, 2);
    ck_assert_uint_eq(fake.last_receipt, DRAHT_RECEIPT_READ);
    ck_assert_int_eq(fake.read_marks, 1);
    ck_assert_uint_eq(fake.last_read_mark, 2);
    fake_hang_up(a);
    reply(thread, "später"); /* nobody looks: it waits in the conversation */
}
END_TEST

START_TEST(test_replay_in_order_and_live_behind_it) {
    struct draht_socket *a = hello(NULL, 0);
    say(a, "a1", "eins");
    const char *token = token_of(a);
    const char *thread = arena_strdup(mem, fake.messages[0].thread);
    fake_hang_up(a);
    for (int i = 0; i < 5; i++)
        fake_store("", thread, "alt", false);
    struct draht_socket *b = fake_connect(OWN, NULL);
    struct draht_span h = fake_span(arena_printf(mem, "{\"t\":\"hello\",\"lang\":\"de\",\"token\":\"%s\",\"last_seq\":2}", token));
    fake.socket_ops->text(b->user, h); /* answers still under way */
    reply(thread, "live");
    fake_run();
    ck_assert_uint_eq(count(b, "message"), 5);
    uint64_t last = 2;
    for (size_t i = 0; i < b->frames_n; i++) {
        unsigned long long seq;
        if (sscanf(b->frames[i], "{\"t\":\"message\",\"seq\":%llu", &seq) == 1) {
            ck_assert_uint_eq(seq, last + 1);
            last = seq;
        }
    }
    ck_assert_uint_eq(last, 7);
    ck_assert_int_eq(strncmp(b->frames[0], "{\"t\":\"welcome\"", 14), 0);
    fake_hang_up(b);
}
END_TEST

START_TEST(test_gap_and_beyond_the_head_resync) {
    struct draht_socket *a = hello(NULL, 0);
    say(a, "a1", "eins");
    const char *thread = arena_strdup(mem, fake.messages[0].thread);
    struct draht_socket *b = hello(token_of(a), 1000000000);
    ck_assert_uint_eq(count(b, "resync"), 1);
    ck_assert_uint_eq(count(b, "message"), 1);
    for (int i = 0; i < 300; i++)
        fake_store("", thread, "viel", false);
    struct draht_socket *c = hello(token_of(b), 1);
    ck_assert_uint_eq(count(c, "resync"), 1);
    ck_assert_uint_eq(count(c, "message"), 301);
    fake_hang_up(a);
    fake_hang_up(b);
    fake_hang_up(c);
}
END_TEST

START_TEST(test_limits) {
    struct draht_socket *s = hello(NULL, 0);
    struct buf b = {0};
    buf_adds(&b, "{\"t\":\"msg\",\"cid\":\"long\",\"text\":\"");
    for (int i = 0; i < 4001; i++)
        buf_adds(&b, "\xc3\xa4");
    buf_adds(&b, "\"}");
    fake_say(s, b.p);
    buf_free(&b);
    ck_assert_str_eq(fake_member(mem, fake_heard(s, "nack"), "code"), "too_long");
    for (int i = 0; i < 11; i++)
        say(s, arena_printf(mem, "r%d", i), "x");
    ck_assert_uint_eq(fake.messages_n, 10);
    ck_assert_str_eq(fake_member(mem, fake_heard(s, "nack"), "code"), "rate");
    fake_advance(1100);
    say(s, "r10", "x");
    ck_assert_uint_eq(fake.messages_n, 11);
    fake_hang_up(s);
}
END_TEST

START_TEST(test_typing_is_throttled_and_ends_by_itself) {
    struct draht_socket *s = hello(NULL, 0);
    for (int i = 0; i < 5; i++)
        fake_say(s, "{\"t\":\"typing\",\"on\":true}");
    ck_assert_int_eq(fake.typings, 1);
    fake_advance(8000);
    ck_assert_int_eq(fake.typings, 2);
    ck_assert_int_eq(fake.last_typing, 0);
    fake.ops->typing(fake.channel, fake_span("unknown"), fake_span("x"), 1);
    fake_hang_up(s);
}
END_TEST

/* Frames that must neither store nor harm; what a sound client would be told. */
static const struct {
    const char *frame, *answer; /* code of an error or nack, "" nothing, "close" */
} hostile[] = {
    {"", "invalid"},
    {"[]", "invalid"},
    {"{}", "invalid"},
    {"{\"t\":1}", "invalid"},
    {"{\"t\":\"unknown\"}", "invalid"},
    {"{\"t\":\"msg\"}", "invalid"},
    {"{\"t\":\"msg\",\"cid\":7,\"text\":\"x\"}", "invalid"},
    {"{\"t\":\"msg\",\"cid\":\"a\",\"text\":{}}", "invalid"},
    {"{\"t\":\"msg\",\"cid\":\"a\",\"text\":\"  \\n \"}", "invalid"},
    {"{\"t\":\"msg\",\"cid\":\"a\"}", "invalid"},
    {"{\"t\":\"msg\",\"cid\":\"a\",\"files\":[\"forged\"]}", "invalid"},
    {"{\"t\":\"msg\",\"cid\":\"a\",\"files\":[1]}", "invalid"},
    {"{\"t\":\"msg\",\"cid\":\"a\",\"files\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]}", "too_long"},
    {"{\"t\":\"msg\",\"cid\":\"0123456789012345678901234567890123456789012345678901234567890123X\",\"text\":\"x\"}", "too_long"},
    {"{\"t\":\"got\"}", "invalid"},
    {"{\"t\":\"got\",\"seq\":-1}", "invalid"},
    {"{\"t\":\"read\",\"seq\":1e9}", "invalid"},
    {"{\"t\":\"read\",\"seq\":9223372036854775807}", ""},
    {"{\"t\":\"hello\",\"token\":null}", "invalid"},
    {"{\"t\":\"email\",\"address\":\"nobody\"}", "email"},
    {"{\"t\":\"email\",\"address\":\"a@b\\r\\nBcc: c@d\"}", "email"},
    {"{\"t\":\"person\"}", "empty"},
    {"{\"t\":\"lang\",\"lang\":\"../../etc\"}", ""},
    {"{\"t\":\"ping\",\"t\":\"ping\"}", "invalid"},
    {"\xff\xfe", "invalid"},
};

START_TEST(test_hostile_frames) {
    struct draht_socket *s = hello(NULL, 0);
    size_t before = s->frames_n;
    fake_say(s, hostile[_i].frame);
    ck_assert_uint_eq(fake.messages_n, 0);
    if (*hostile[_i].answer) {
        ck_assert_uint_eq(s->frames_n, before + 1);
        ck_assert_str_eq(fake_member(mem, s->frames[before], "code"), hostile[_i].answer);
    } else {
        ck_assert_uint_eq(s->frames_n, before);
    }
    fake_hang_up(s);
}
END_TEST

START_TEST(test_half_characters_become_whole) {
    struct draht_socket *s = hello(NULL, 0);
    say(s, "a1", "x\\ud83d y\\u0000 \\ud83d\\ude00");
    ck_assert_uint_eq(fake.messages_n, 1);
    ck_assert_str_eq(fake.messages[0].text, "x\xef\xbf\xbd y\xef\xbf\xbd \xf0\x9f\x98\x80");
    fake_hang_up(s);
}
END_TEST

START_TEST(test_faults_and_floods_close) {
    struct draht_socket *s = hello(NULL, 0);
    for (int i = 0; i < 25; i++)
        fake_say(s, "{");
    ck_assert_int_eq(s->close_code, 1008);
    fake_hang_up(s);
    s = hello(NULL, 0);
    for (int i = 0; i < 300; i++)
        fake_say(s, "{\"t\":\"ping\"}");
    ck_assert_int_eq(s->close_code, 4429);
    fake_hang_up(s);
    s = fake_connect(OWN, NULL);
    say(s, "a", "first");
    ck_assert_int_eq(s->close_code, 1008);
    fake_hang_up(s);
}
END_TEST

static const struct {
    const char *origin;
    int status;
} origins[] = {{NULL, 403},
               {"null", 403},
               {"https://evil.example", 403},
               {"https://stadt.test.evil.example", 403},
               {"https://stadt.test@evil.example", 403},
               {"http://stadt.test", 403},
               {"https://stadt.test:444", 403},
               {"https://xstadt.test", 403},
               {"https://stadt.test", 0},
               {"HTTPS://Stadt.Test", 0},
               {"https://stadt.test:443", 0},
               {OWN, 0}};

START_TEST(test_origins) {
    int refused = 0;
    struct draht_socket *s = fake_connect(origins[_i].origin, &refused);
    ck_assert_int_eq(refused, origins[_i].status);
    if (s)
        fake_hang_up(s);
}
END_TEST

START_TEST(test_sockets_of_one_address) {
    struct draht_socket *s[65];
    int refused = 0;
    for (int i = 0; i < 64; i++)
        s[i] = fake_connect(OWN, NULL);
    s[64] = fake_connect(OWN, &refused);
    ck_assert_int_eq(refused, 429);
    fake_hang_up(s[0]);
    s[64] = fake_connect(OWN, &refused);
    ck_assert_int_eq(refused, 0);
    for (int i = 1; i < 65; i++)
        fake_hang_up(s[i]);
}
END_TEST

START_TEST(test_notes_and_end) {
    struct draht_socket *s = hello(NULL, 0);
    fake_say(s, "{\"t\":\"email\",\"address\":\"a@b.example\"}");
    ck_assert_uint_eq(fake.messages_n, 0);
    say(s, "a1", "eins");
    ck_assert_uint_eq(fake.messages_n, 2);
    ck_assert(fake.messages[1].is_system);
    ck_assert_ptr_nonnull(strstr(fake.messages[1].text, "a@b.example"));
    fake_say(s, "{\"t\":\"person\"}");
    fake_say(s, "{\"t\":\"feedback\",\"answer\":\"yes\",\"text\":\"gut\"}");
    ck_assert_uint_eq(fake.messages_n, 4);
    const char *token = token_of(s);
    fake_say(s, "{\"t\":\"end\"}");
    ck_assert_int_eq(s->close_code, 1000);
    ck_assert_str_eq(fake.told, "ended"); /* to the other gateways */
    fake_hang_up(s);
    s = hello(token, 0);
    ck_assert_int_eq(s->close_code, 4401);
    fake_hang_up(s);
}
END_TEST

START_TEST(test_ended_at_another_gateway) {
    struct draht_socket *a = hello(NULL, 0), *b;
    say(a, "a1", "eins");
    const char *thread = arena_strdup(mem, fake.messages[0].thread);
    b = hello(token_of(a), 1);
    fake.ops->notify(fake.channel, fake_span(thread), "told", fake_span("something"));
    ck_assert_int_eq(a->close_code + b->close_code, 0);
    for (int i = 0; i < 2; i++)
        fake.ops->notify(fake.channel, fake_span(thread), "told", fake_span("ended"));
    ck_assert_int_eq(a->close_code, 1000);
    ck_assert_int_eq(b->close_code, 1000);
    ck_assert_int_eq(fake.tells, 0); /* whoever ended it has said so */
    const char *token = token_of(b);
    fake_hang_up(a);
    fake_hang_up(b);
    a = hello(token, 0);
    ck_assert_int_eq(a->close_code, 4401);
    fake_hang_up(a);
}
END_TEST

START_TEST(test_closed_while_the_store_works) {
    struct draht_socket *s = hello(NULL, 0);
    struct draht_span f = fake_span("{\"t\":\"msg\",\"cid\":\"a1\",\"text\":\"weg\"}");
    fake.socket_ops->text(s->user, f);
    fake_hang_up(s);
    fake_run();
    ck_assert_uint_eq(fake.messages_n, 1);
    s = fake_connect(OWN, NULL);
    fake.socket_ops->text(s->user, fake_span("{\"t\":\"hello\",\"token\":\"x\"}"));
    fake_hang_up(s);
    fake_run();
}
END_TEST

static Suite *suite(void) {
    Suite *s = suite_create("webchat");
    TCase *c = tcase_create("conversation");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_nothing_is_stored_before_the_first_message);
    tcase_add_test(c, test_same_cid_is_one_message_and_other_text_a_conflict);
    tcase_add_test(c, test_no_ack_without_the_store);
    tcase_add_test(c, test_token_rotates_and_the_old_one_fails);
    tcase_add_test(c, test_tokens_expire_and_cannot_be_made);
    tcase_add_test(c, test_two_tabs_share_everything_but_the_echo);
    tcase_add_test(c, test_what_others_put_into_the_conversation_is_told_once_and_in_order);
    tcase_add_test(c, test_a_place_is_told_while_an_answer_is_waited_for);
    tcase_add_test(c, test_no_place_where_the_settings_want_none);
    tcase_add_test(c, test_news_outlast_a_store_that_is_away);
    tcase_add_test(c, test_marks_of_another_gateway);
    tcase_add_test(c, test_reply_marks_and_receipts);
    tcase_add_test(c, test_replay_in_order_and_live_behind_it);
    tcase_add_test(c, test_gap_and_beyond_the_head_resync);
    tcase_add_test(c, test_limits);
    tcase_add_test(c, test_typing_is_throttled_and_ends_by_itself);
    tcase_add_loop_test(c, test_hostile_frames, 0, sizeof hostile / sizeof *hostile);
    tcase_add_test(c, test_half_characters_become_whole);
    tcase_add_test(c, test_faults_and_floods_close);
    tcase_add_loop_test(c, test_origins, 0, sizeof origins / sizeof *origins);
    tcase_add_test(c, test_sockets_of_one_address);
    tcase_add_test(c, test_notes_and_end);
    tcase_add_test(c, test_ended_at_another_gateway);
    tcase_add_test(c, test_closed_while_the_store_works);
    suite_add_tcase(s, c);
    return s;
}

int main(void) {
    SRunner *r = srunner_create(suite());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
