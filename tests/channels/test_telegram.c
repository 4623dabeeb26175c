/* SPDX-License-Identifier: EUPL-1.2 */
/* Telegram on a host in memory with a provider that answers what the test says: what each refusal means, limits of files, order of
 * the poll, pauses, and updates of no sense. */
#include <check.h>

#include "channels/telegram/telegram_private.h"
#include "tests/channels/fake_host.c"

#define TOKEN "123456789:AAE-token_of_the_city_bot"
#define UPDATE(id, chat, text) \
    "{\"update_id\":" id ",\"message\":{\"message_id\":" id ",\"date\":1800000000,\"chat\":{\"id\":" chat ",\"type\":\"private\"},\"from\":{\"id\":1},\"text\":\"" text \
    "\"}}"

static struct draht_host host;
static char asked[4000], sentence[256];
static int is_up;
static struct reply { /* what the provider says to the next calls of a method; the last one stays */
    const char *method, *body;
    int status, error, is_unsent;
} replies[20];
static size_t replies_n;
static struct draht_http_run {
    struct draht_http_call call;
    const struct reply *reply;
    struct draht_http_run *next;
} *open_calls; /* without an answer so far */
static uint64_t settled_retry_ms;

static const struct reply *reply_to(const char *method) {
    for (size_t i = 0; i < replies_n; i++) {
        if (!replies[i].method || strcmp(replies[i].method, method) != 0)
            continue;
        const struct reply *r = &replies[i];
        for (size_t k = i + 1; k < replies_n; k++)
            if (replies[k].method && strcmp(replies[k].method, method) == 0) {
                replies[i].method = NULL;
                break;
            }
        return r;
    }
    return NULL;
}

static void unlink_call(struct draht_http_run *r) {
    struct draht_http_run **at = &open_calls;
    while (*at && *at != r)
        at = &(*at)->next;
    if (*at)
        *at = r->next;
}

static void give(struct fake_job *j) {
    struct draht_http_run *r = j->arg;
    struct draht_http_answer a = {.size = sizeof a, .status = r->reply->status, .error = r->reply->error, .retry_after_ms = -1,
                                  .is_unsent = r->reply->is_unsent, .body = fake_span(r->reply->body)};
    r->call.done(r->call.arg, &a);
    free(r);
}

static struct draht_http_run *t_http_call(void *h, const struct draht_http_call *call) {
    (void)h;
    const char *method = strrchr(call->url, '/') + 1;
    size_t n = strlen(asked);
    bool is_form = call->body.n && call->body.p[0] != '{';
    snprintf(asked + n, sizeof asked - n, "%s %.*s|", method, is_form ? 0 : (int)call->body.n, call->body.p ? call->body.p : "");
    struct draht_http_run *r = xcalloc(1, sizeof *r);
    r->call = *call;
    r->reply = reply_to(method);
    if (r->reply) {
        fake_later(give, r);
    } else {
        r->next = open_calls;
        open_calls = r;
    }
    return r;
}
static void t_cancel(struct draht_http_run *r) {
    unlink_call(r);
    free(r);
}
static void held(struct fake_job *j) {
    ((void (*)(void *, int))(uintptr_t)j->after)(j->arg, 1);
}
static int t_lease(void *h, struct draht_span name, void (*change)(void *, int)) {
    (void)h, (void)name;
    fake_later(held, fake.channel)->after = (uintptr_t)change;
    return 0;
}
static void t_health(void *h, int up, const char *words) {
    (void)h;
    is_up = up;
    snprintf(sentence, sizeof sentence, "%s", words);
}
static void t_settle(struct draht_token *t, enum draht_verdict v, struct draht_span reason, uint64_t retry_ms) {
    settled_retry_ms = retry_ms;
    f_settle(t, v, reason, retry_ms);
}

static void say(const char *method, int status, const char *body) {
    replies[replies_n++] = (struct reply){.method = method, .status = status, .body = body};
}

static void setup(void) {
    static const uint8_t key[CRYPTO_KEY_BYTES] = {7};
    char err[256] = "";
    memset(&fake, 0, sizeof fake);
    memset(replies, 0, sizeof replies);
    replies_n = 0;
    crypto_init();
    fake.crypto = crypto_from_key(key);
    fake.now_ms = 1800000000000;
    fake.ops = &telegram_ops;
    host = fake_host;
    host.http_call = t_http_call;
    host.http_cancel = t_cancel;
    host.lease = t_lease;
    host.health = t_health;
    host.settle = t_settle;
    asked[0] = 0;
    open_calls = NULL;
    ck_assert_int_eq(telegram_ops.open(&host, NULL, "tg", "{\"token\":\"" TOKEN "\"}", &fake.channel, err), 0);
}
static void start(void) {
    char err[256] = "";
    ck_assert_int_eq(telegram_ops.start(fake.channel, err), 0);
    fake_run();
}
static void teardown(void) {
    fake_end();
    while (open_calls)
        t_cancel(open_calls);
}

static int send_to(const char *recipient, const char *text, const struct draht_attachment *file) {
    struct draht_token t = {0};
    struct draht_outbound o = {.size = sizeof o, .message = fake_span("2026-000001.2"), .recipient = fake_span(recipient), .text = fake_span(text),
                               .attachments = file, .attachments_n = file ? 1 : 0};
    telegram_ops.send(fake.channel, &o, &t);
    fake_run();
    ck_assert_int_eq(t.settled_n, 1);
    return t.verdict;
}

/* ---- what an answer means ---- */
static const struct {
    int status, error, is_unsent;
    const char *body;
    enum draht_verdict verdict;
    uint64_t retry_ms;
} answers[] = {
    {200, 0, 0, "{\"ok\":true,\"result\":{\"message_id\":7}}", DRAHT_SENT, 0},
    {200, 0, 0, "{\"ok\":true,\"result\":{\"message_id\":0}}", DRAHT_IN_DOUBT, 0},
    {200, 0, 0, "{\"ok\":true}", DRAHT_IN_DOUBT, 0},
    {200, 0, 0, "<html>", DRAHT_IN_DOUBT, 0},
    {200, 0, 0, "{\"ok\":false,\"error_code\":403}", DRAHT_OPTED_OUT, 0},
    {403, 0, 0, "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: chat not found\"}", DRAHT_REJECTED, 0},
    {400, 0, 0, "{\"ok\":false,\"error_code\":403,\"description\":\"Forbidden: user is deactivated\"}", DRAHT_OPTED_OUT, 0},
    {429, 0, 0, "{\"ok\":false,\"error_code\":429,\"parameters\":{\"retry_after\":30}}", DRAHT_RETRY, 30000},
    {429, 0, 0, "{\"ok\":false,\"error_code\":429,\"parameters\":{\"retry_after\":86399}}", DRAHT_RETRY, 86399000},
    {429, 0, 0, "{\"ok\":false,\"error_code\":429,\"parameters\":{\"retry_after\":86400}}", DRAHT_RETRY, 3000},
    {429, 0, 0, "{\"ok\":false,\"error_code\":429,\"parameters\":{\"retry_after\":-1}}", DRAHT_RETRY, 3000},
    {429, 0, 0, "{\"ok\":false,\"error_code\":429}", DRAHT_RETRY, 3000},
    {401, 0, 0, "{\"ok\":false,\"error_code\":401}", DRAHT_MISCONFIGURED, 0},
    {404, 0, 0, "{\"ok\":false,\"error_code\":404}", DRAHT_MISCONFIGURED, 0},
    {500, 0, 0, "{\"ok\":false,\"error_code\":500}", DRAHT_RETRY, 0},
    {413, 0, 0, "{\"ok\":false,\"error_code\":413}", DRAHT_REJECTED, 0},
    {404, 0, 0, "<html>", DRAHT_MISCONFIGURED, 0},
    {502, 0, 0, "<html>", DRAHT_RETRY, 0},
    {0, ERR_UNAVAILABLE, 1, "", DRAHT_RETRY, 0},
    {0, ERR_UNAVAILABLE, 0, "", DRAHT_IN_DOUBT, 0},
    {0, ERR_TIMEOUT, 0, "", DRAHT_IN_DOUBT, 0},
    {0, ERR_FORBIDDEN, 1, "", DRAHT_MISCONFIGURED, 0},
};

START_TEST(an_answer_is_judged_by_its_code) {
    replies[replies_n++] = (struct reply){.method = "sendMessage", .status = answers[_i].status, .error = answers[_i].error,
                                          .is_unsent = answers[_i].is_unsent, .body = answers[_i].body};
    ck_assert_int_eq(send_to("42", "Guten Tag", NULL), answers[_i].verdict);
    ck_assert_uint_eq(settled_retry_ms, answers[_i].retry_ms);
}
END_TEST

START_TEST(staff_know_the_limits) {
    start();
    ck_assert_str_eq(fake.files, "*=52428800;");
    ck_assert_uint_eq(fake.text.unit, DRAHT_TEXT_UTF16);
    ck_assert_uint_eq(fake.text.message_max, 4096);
    ck_assert_uint_eq(fake.text.messages_max, 100);
}
END_TEST

START_TEST(a_pause_counts_for_the_whole_bot) {
    say("sendMessage", 429, "{\"ok\":false,\"error_code\":429,\"parameters\":{\"retry_after\":30}}");
    say("sendMessage", 200, "{\"ok\":true,\"result\":{\"message_id\":7}}");
    ck_assert_int_eq(send_to("42", "eins", NULL), DRAHT_RETRY);
    asked[0] = 0;
    ck_assert_int_eq(send_to("43", "zwei", NULL), DRAHT_RETRY);
    telegram_ops.typing(fake.channel, fake_span("43"), fake_span(""), 1);
    ck_assert_str_eq(asked, "");
    ck_assert_uint_eq(settled_retry_ms, 30000);
    fake.now_ms += 29999;
    ck_assert_int_eq(send_to("43", "zwei", NULL), DRAHT_RETRY);
    fake.now_ms += 1;
    ck_assert_int_eq(send_to("43", "zwei", NULL), DRAHT_SENT);
}
END_TEST

static const struct {
    size_t bytes;
    const char *type, *method; /* NULL: refused without asking */
} files[] = {
    {TG_PHOTO_BYTES_MAX, "image/png", "sendPhoto |"},
    {TG_PHOTO_BYTES_MAX + 1, "image/png", "sendDocument |"},
    {10, "image/gif", "sendDocument |"},
    {TG_UPLOAD_BYTES_MAX, "application/pdf", "sendDocument |"},
    {TG_UPLOAD_BYTES_MAX + 1, "application/pdf", NULL},
};

START_TEST(files_have_limits) {
    char *bytes = xcalloc(files[_i].bytes, 1);
    struct draht_attachment f = {.size = sizeof f, .name = fake_span("plan"), .type = fake_span(files[_i].type), .bytes = {bytes, files[_i].bytes}, .length = files[_i].bytes};
    say("sendPhoto", 200, "{\"ok\":true,\"result\":{\"message_id\":7}}");
    say("sendDocument", 200, "{\"ok\":true,\"result\":{\"message_id\":7}}");
    ck_assert_int_eq(send_to("42", "", &f), files[_i].method ? DRAHT_SENT : DRAHT_REJECTED);
    ck_assert_str_eq(asked, files[_i].method ? files[_i].method : "");
    if (!files[_i].method) { /* nor does a text go out before it */
        ck_assert_int_eq(send_to("42", "Der Plan", &f), DRAHT_REJECTED);
        ck_assert_str_eq(asked, "");
    }
    free(bytes);
}
END_TEST

#define REFUSED(words) "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: " words "\"}"
static const struct {
    const char *photo, *document, *asked;
    enum draht_verdict verdict;
} pictures[] = {
    {REFUSED("PHOTO_INVALID_DIMENSIONS"), "{\"ok\":true,\"result\":{\"message_id\":7}}", "sendPhoto |sendDocument |", DRAHT_SENT},
    {REFUSED("IMAGE_PROCESS_FAILED"), REFUSED("IMAGE_PROCESS_FAILED"), "sendPhoto |sendDocument |", DRAHT_REJECTED},
    {REFUSED("chat not found"), "{}", "sendPhoto |", DRAHT_REJECTED},
};

START_TEST(a_picture_that_is_no_photo_goes_as_a_file) {
    struct draht_attachment f = {.size = sizeof f, .name = fake_span("plan.png"), .type = fake_span("image/png"), .bytes = {"x", 1}, .length = 1};
    say("sendPhoto", 400, pictures[_i].photo);
    say("sendDocument", 400 - 200 * (pictures[_i].verdict == DRAHT_SENT), pictures[_i].document);
    ck_assert_int_eq(send_to("42", "", &f), pictures[_i].verdict);
    ck_assert_str_eq(asked, pictures[_i].asked);
}
END_TEST

START_TEST(only_numbers_are_chats) {
    static const char *const bad[] = {"", "-", "@channel", "42,\"x\":1", "123456789012345678901", "4 2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(send_to(bad[i], "x", NULL) == DRAHT_REJECTED, "%s", bad[i]);
    ck_assert_str_eq(asked, "");
}
END_TEST

START_TEST(typing_is_told_every_four_seconds) {
    for (int i = 0; i < 2; i++)
        telegram_ops.typing(fake.channel, fake_span("42"), fake_span(""), 1);
    ck_assert_str_eq(asked, "sendChatAction {\"action\":\"typing\",\"chat_id\":\"42\"}|");
    fake.now_ms += 3999;
    telegram_ops.typing(fake.channel, fake_span("42"), fake_span(""), 1);
    ck_assert_ptr_null(strstr(asked + 1, "|sendChatAction"));
    fake.now_ms += 1;
    telegram_ops.typing(fake.channel, fake_span("42"), fake_span(""), 1);
    ck_assert_ptr_nonnull(strstr(asked, "|sendChatAction"));
    size_t n = strlen(asked);
    telegram_ops.typing(fake.channel, fake_span("42"), fake_span(""), 0);
    ck_assert_uint_eq(strlen(asked), n);
}
END_TEST

/* ---- the poll ---- */
START_TEST(a_webhook_is_taken_away_before_the_first_poll) {
    say("deleteWebhook", 502, "<html>");
    say("deleteWebhook", 200, "{\"ok\":true,\"result\":true}");
    start();
    ck_assert_str_eq(asked, "deleteWebhook {}|");
    ck_assert_int_eq(is_up, 0);
    fake_advance(1000);
    fake_run();
    ck_assert_str_eq(asked, "deleteWebhook {}|deleteWebhook {}|getUpdates {\"offset\":0,\"timeout\":30,\"limit\":50,\"allowed_updates\":"
                            "[\"message\",\"edited_message\",\"my_chat_member\"]}|");
}
END_TEST

START_TEST(the_offset_moves_behind_what_is_durable) {
    say("deleteWebhook", 200, "{\"ok\":true,\"result\":true}");
    say("getUpdates", 200, "{\"ok\":true,\"result\":[" UPDATE("5", "42", "eins") "," UPDATE("6", "42", "zwei") "]}");
    say("getUpdates", 200, "{\"ok\":true,\"result\":[" UPDATE("5", "42", "eins") "," UPDATE("6", "42", "zwei") "]}");
    say("getUpdates", 200, "{\"ok\":true,\"result\":[]}");
    fake.accept_status = DRAHT_E_UNAVAILABLE;
    start();
    ck_assert_uint_eq(fake.messages_n, 0);
    fake.accept_status = 0;
    asked[0] = 0;
    fake_advance(1000); /* asked again from where it was */
    ck_assert_ptr_nonnull(strstr(asked, "\"offset\":0,"));
    ck_assert_uint_eq(fake.messages_n, 2);
    asked[0] = 0;
    fake_advance(300);
    ck_assert_ptr_nonnull(strstr(asked, "\"offset\":7,"));
}
END_TEST

static const struct {
    int status;
    const char *body, *sentence;
} refusals[] = {
    {409, "{\"ok\":false,\"error_code\":409,\"description\":\"Conflict: terminated by other getUpdates request\"}", "Another program"},
    {401, "{\"ok\":false,\"error_code\":401}", "token"},
    {200, "{\"ok\":false,\"error_code\":409}", "Another program"},
    {200, "{\"ok\":true,\"result\":{}}", "cannot be read"},
    {200, "", "cannot be read"},
    {502, "<html>", "trouble"},
};

START_TEST(a_poll_that_is_refused_is_told_and_tried_again) {
    say("deleteWebhook", 200, "{\"ok\":true}");
    say("getUpdates", refusals[_i].status, refusals[_i].body);
    say("getUpdates", 200, "{\"ok\":true,\"result\":[" UPDATE("9", "42", "danach") "]}");
    start();
    ck_assert_int_eq(is_up, 0);
    ck_assert_msg(strstr(sentence, refusals[_i].sentence) != NULL, "%s", sentence);
    ck_assert_ptr_null(strstr(sentence, "AAE-"));
    fake_advance(60000);
    ck_assert_int_eq(is_up, 1);
    ck_assert_uint_ge(fake.messages_n, 1);
    ck_assert_str_eq(fake.messages[0].text, "danach");
}
END_TEST

/* ---- updates of no sense ---- */
static const char *const nonsense[] = {
    "null", "[]", "{}", "{\"update_id\":\"x\"}", "{\"update_id\":-1,\"message\":null}", "{\"message\":[]}", "{\"message\":{\"message_id\":\"1\",\"chat\":{\"id\":\"2\"}}}",
    "{\"message\":{\"message_id\":1,\"chat\":{\"id\":1.5,\"type\":\"private\"},\"text\":\"x\"}}",
    "{\"message\":{\"message_id\":1,\"chat\":7,\"text\":\"x\"}}", "{\"message\":{\"message_id\":1,\"chat\":{\"id\":2},\"text\":\"x\"}}",
    "{\"edited_message\":{\"message_id\":1}}", "{\"callback_query\":{\"data\":\"x\"}}",
};
static const char *const odd[] = { /* messages all the same */
    "\"text\":7", "\"photo\":[null,7,{\"file_id\":5}]", "\"photo\":[]", "\"document\":{\"file_id\":\"\"}", "\"location\":{\"latitude\":\"x\"}", "\"contact\":[]",
    "\"poll\":{\"options\":{\"a\":1}}", "\"dice\":7", "\"venue\":{\"location\":7}", "\"reply_to_message\":{\"message_id\":\"x\"}", "\"media_group_id\":5",
};

START_TEST(nonsense_is_ignored) {
    struct arena *a = arena_new();
    struct tg_update u;
    json_t *v = json_parse(span_str(nonsense[_i]), 1 << 16, NULL);
    ck_assert_ptr_nonnull(v);
    tg_update_read(a, v, &u);
    ck_assert_msg(u.kind == TG_IGNORED || u.kind == TG_GROUP, "%s", nonsense[_i]);
    ck_assert_ptr_nonnull(u.ignored);
    json_decref(v);
    arena_free(&a);
}
END_TEST

START_TEST(odd_content_is_a_placeholder) {
    struct arena *a = arena_new();
    struct tg_update u;
    json_t *v = json_parse(span_str(arena_printf(a, "{\"message\":{\"message_id\":1,\"date\":1e999,\"chat\":{\"id\":4503599627370001,\"type\":\"private\"},%s}}", odd[_i])), 1 << 16, NULL);
    if (!v) /* jansson knows no 1e999 */
        v = json_parse(span_str(arena_printf(a, "{\"message\":{\"message_id\":1,\"date\":\"soon\",\"chat\":{\"id\":4503599627370001,\"type\":\"private\"},%s}}", odd[_i])), 1 << 16, NULL);
    ck_assert_ptr_nonnull(v);
    tg_update_read(a, v, &u);
    ck_assert_int_eq(u.kind, TG_MESSAGE);
    ck_assert(span_eq(u.chat, "4503599627370001"));
    ck_assert_uint_eq(u.file.id.n, 0);
    ck_assert_int_eq(u.at_ms, 0);
    json_decref(v);
    arena_free(&a);
}
END_TEST

int main(void) {
    Suite *s = suite_create("telegram");
    TCase *t = tcase_create("telegram");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, an_answer_is_judged_by_its_code, 0, sizeof answers / sizeof *answers);
    tcase_add_test(t, staff_know_the_limits);
    tcase_add_test(t, a_pause_counts_for_the_whole_bot);
    tcase_add_loop_test(t, files_have_limits, 0, sizeof files / sizeof *files);
    tcase_add_loop_test(t, a_picture_that_is_no_photo_goes_as_a_file, 0, sizeof pictures / sizeof *pictures);
    tcase_add_test(t, only_numbers_are_chats);
    tcase_add_test(t, typing_is_told_every_four_seconds);
    tcase_add_test(t, a_webhook_is_taken_away_before_the_first_poll);
    tcase_add_test(t, the_offset_moves_behind_what_is_durable);
    tcase_add_loop_test(t, a_poll_that_is_refused_is_told_and_tried_again, 0, sizeof refusals / sizeof *refusals);
    tcase_add_loop_test(t, nonsense_is_ignored, 0, sizeof nonsense / sizeof *nonsense);
    tcase_add_loop_test(t, odd_content_is_a_placeholder, 0, sizeof odd / sizeof *odd);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
