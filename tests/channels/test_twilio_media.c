/* SPDX-License-Identifier: EUPL-1.2 */
/* Files out by Twilio: limits, names, tokens in every wrong notation, and what a fetch gets while time
 * passes, fetches add up, the citizen is erased and the send is given up. */
#include <check.h>

#include "channels/sms_http/twilio.h"
#include "channels/sms_http/twilio_media.h"
#include "tests/channels/fake_host.c"

#define OPTIONS "{\"account_sid\":\"ACx\",\"auth_token\":\"token-of-the-city\",\"from\":\"+491\",\"api_url\":\"https://api.example\",\"media\":true}"
#define PNG "\x89PNG\r\n\x1a\n"
enum { HOURS = 3600 * 1000, VALID_MS = 4 * HOURS, FETCHES = 20 };

/* ---- pure ---- */

static void mac_of(void *host, struct draht_span text, uint8_t out[32]) {
    crypto_hmac_sha256(span_str(host), (struct span){text.p, text.n}, out);
}

START_TEST(tokens) {
    struct twilio_token t = {.file = 3, .expires_ms = 1800000000000}, back;
    char text[TWILIO_TOKEN_BYTES], other[TWILIO_TOKEN_BYTES + 40];
    twilio_handle(mac_of, "one", SPAN("2026-000001.7"), t.handle);
    twilio_token_write(mac_of, "one", &t, text);
    ck_assert_uint_gt(strlen(text), 48); /* so that logs hide it */
    ck_assert(twilio_token_read(mac_of, "one", span_str(text), &back));
    ck_assert_str_eq(back.handle, t.handle);
    ck_assert_uint_eq(back.file, 3);
    ck_assert_int_eq(back.expires_ms, t.expires_ms);
    ck_assert_msg(!twilio_token_read(mac_of, "two", span_str(text), &back), "another channel's");
    for (size_t i = 0; i < strlen(text); i++) {
        snprintf(other, sizeof other, "%s", text);
        other[i] = other[i] == '1' ? '2' : '1';
        ck_assert_msg(!twilio_token_read(mac_of, "one", span_str(other), &back), "byte %zu", i);
        ck_assert_msg(!twilio_token_read(mac_of, "one", (struct span){text, i}, &back), "cut at %zu", i);
    }
    snprintf(other, sizeof other, "%s=", text);
    ck_assert(!twilio_token_read(mac_of, "one", span_str(other), &back));
    static const char *const odd[] = {"", ".", "...", "../../etc/passwd", "%2e%2e/", "a.0.1.b"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        ck_assert_msg(!twilio_token_read(mac_of, "one", span_str(odd[i]), &back), "%s", odd[i]);
    char nul[2 * TWILIO_TOKEN_BYTES] = {0};
    ck_assert(!twilio_token_read(mac_of, "one", (struct span){nul, sizeof nul}, &back));
    ck_assert(!twilio_token_read(mac_of, "one", (struct span){nul, 60}, &back));
}
END_TEST

/* Signed as ours would be, and still refused: each token has one notation. */
START_TEST(other_notations) {
    char handle[TWILIO_HANDLE_BYTES], head[200], text[300], signature[48];
    struct twilio_token back;
    twilio_handle(mac_of, "one", SPAN("m"), handle);
    static const char *const tails[] = {".0.1800000000000", ".00.1800000000000", ".0.01800000000000", ".10.1800000000000", ".-1.1800000000000",
                                        ".0.-1", ".+0.1", ".0.", "..1", ".0.999999999999999", ".0x0.1", ".0.1800000000000."};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        uint8_t sum[32];
        snprintf(head, sizeof head, "%s%s", handle, tails[i]);
        snprintf(text, sizeof text, "twilio media token: %s", head);
        mac_of("one", (struct draht_span){text, strlen(text)}, sum);
        crypto_b64url(sum, sizeof sum, signature);
        snprintf(text, sizeof text, "%s.%s", head, signature);
        ck_assert_msg(twilio_token_read(mac_of, "one", span_str(text), &back) == (i == 0), "%s", tails[i]);
    }
}
END_TEST

static char body[TWILIO_FILES_BYTES_MAX + 1];
static struct draht_attachment file(const char *magic, size_t magic_n, size_t n) {
    memset(body, 0, sizeof body);
    memcpy(body, magic, magic_n);
    return (struct draht_attachment){.size = sizeof(struct draht_attachment), .name = fake_span("plan.x"), .bytes = {body, n}, .length = n};
}

START_TEST(limits) {
    static const struct {
        const char *magic;
        size_t magic_n, bytes, n;
        const char *fault;
    } rows[] = {{PNG, 8, 100, 10, NULL},
                {PNG, 8, 100, 11, "at most 10 files"},
                {PNG, 8, TWILIO_FILES_BYTES_MAX, 1, NULL},
                {PNG, 8, TWILIO_FILES_BYTES_MAX + 1, 1, "at most 5 MB"},
                {PNG, 8, TWILIO_FILES_BYTES_MAX / 2 + 1, 2, "at most 5 MB"},
                {"\xff\xd8\xff", 3, 2000000, 2, NULL},
                {"GIF89a", 6, 2000000, 1, NULL},
                {"%PDF-1.7", 8, TWILIO_OTHER_BYTES_MAX, 1, NULL},
                {"%PDF-1.7", 8, TWILIO_OTHER_BYTES_MAX + 1, 1, "plan.x is too large for a text message: at most 600 KB"},
                {"plain words", 11, 11, 1, "plan.x cannot be sent"},
                {"<svg onload=x>", 14, 14, 1, "plan.x cannot be sent"},
                {PNG "<html>", 14, 14, 1, "plan.x cannot be sent"}, /* a picture that is a page */
                {"PK\x03\x04", 4, 100, 1, "plan.x cannot be sent"},
                {"", 0, 0, 0, NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *a = arena_new();
        struct draht_attachment files[11];
        for (size_t k = 0; k < 11; k++)
            files[k] = file(rows[i].magic, rows[i].magic_n, rows[i].bytes);
        const char *fault = kit_files_fault(a, &twilio_files, files, rows[i].n, &twilio_files_words);
        if (rows[i].fault)
            ck_assert_msg(fault && strstr(fault, rows[i].fault), "row %zu: %s", i, fault ? fault : "none");
        else
            ck_assert_msg(!fault, "row %zu: %s", i, fault);
        arena_free(&a);
    }
}
END_TEST

START_TEST(names) {
    static const struct {
        const char *name, *type, *want;
    } rows[] = {{"plan.png", "image/png", "plan.png"},
                {"Lageplan Süd (neu).PNG", "image/png", "LageplanSdneu.png"},
                {"ein-sehr-langer-name-fuer-eine-datei.pdf", "application/pdf", "ein-sehr-langer-.pdf"},
                {"../../etc/passwd", "image/gif", "datei.gif"},
                {"a\"\r\nx: y.jpg", "image/jpeg", "axy.jpg"},
                {"", "video/mp4", "datei.mp4"},
                {".png", "image/png", "datei.png"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *a = arena_new();
        const char *got = twilio_file_name(a, span_str(rows[i].name), rows[i].type);
        ck_assert_str_eq(got, rows[i].want);
        ck_assert_uint_le(strlen(got), TWILIO_FILE_NAME_MAX);
        arena_free(&a);
    }
}
END_TEST

/* ---- the channel ---- */

static struct {
    struct draht_host host;
    draht_http_answer_fn done;
    void *arg;
    char body[4096];
    int calls;
    uint32_t caps, count_max;
} peer;

static struct draht_http_run *on_call(void *host, const struct draht_http_call *c) {
    (void)host;
    peer.done = c->done;
    peer.arg = c->arg;
    peer.calls++;
    snprintf(peer.body, sizeof peer.body, "%.*s", (int)c->body.n, c->body.p);
    return (struct draht_http_run *)&peer;
}
static void on_offer(void *host, uint32_t caps, uint32_t text_max, uint32_t concurrency) {
    (void)host, (void)text_max, (void)concurrency;
    peer.caps = caps;
}
static void on_files(void *host, const struct draht_files *f) {
    (void)host;
    peer.count_max = f->count_max;
}

static void setup(void) {
    static const uint8_t key[CRYPTO_KEY_BYTES] = {7};
    char err[256] = "";
    memset(&fake, 0, sizeof fake);
    memset(&peer, 0, sizeof peer);
    crypto_init();
    fake.crypto = crypto_from_key(key);
    fake.now_ms = 1800000000000;
    fake.ops = &twilio_ops;
    peer.host = fake_host;
    peer.host.http_call = on_call;
    peer.host.offer = on_offer;
    peer.host.files = on_files;
    ck_assert_msg(twilio_ops.open(&peer.host, NULL, "sms", OPTIONS, &fake.channel, err) == 0 && twilio_ops.start(fake.channel, err) == 0, "%s", err);
    f_blob_put(NULL, fake_span(PNG "picture"), NULL, NULL);
    f_blob_put(NULL, fake_span("%PDF-1.7 paper"), NULL, NULL);
    while (fake.jobs_first) { /* nobody waits for the two blobs */
        struct fake_job *j = fake.jobs_first;
        fake.jobs_first = j->next;
        buf_free(&j->bytes);
        free(j);
    }
    fake.jobs_last = NULL;
}

static struct draht_attachment two[2];
static struct draht_outbound reply;
static struct draht_token token;

static void send_files(const char *text, uint32_t part) {
    two[0] = (struct draht_attachment){.size = sizeof *two, .name = fake_span("Plan Süd.png"), .bytes = {fake.blobs[0].p, fake.blobs[0].n}, .blob = fake_span("blob0")};
    two[1] = (struct draht_attachment){.size = sizeof *two, .name = fake_span("brief.pdf"), .bytes = {fake.blobs[1].p, fake.blobs[1].n}, .blob = fake_span("blob1")};
    reply = (struct draht_outbound){.size = sizeof reply, .message = fake_span("2026-000001.7"), .ticket = fake_span("2026-000001"), .part = part, .recipient = fake_span("+49151"),
                                    .thread = fake_span("+49151"), .text = fake_span(text), .attachments = two, .attachments_n = 2};
    token = (struct draht_token){0};
    twilio_ops.send(fake.channel, &reply, &token);
    fake_run();
}

static void provider_says(int status, const char *json) {
    struct draht_http_answer a = {.size = sizeof a, .status = status, .body = fake_span(json), .retry_after_ms = -1};
    peer.done(peer.arg, &a);
    fake_run();
}

/* The path of the n-th address in what the provider got. */
static void address(int n, char *out, size_t cap) {
    static const char lead[] = "MediaUrl=https%3A%2F%2Fdraht.city.example%2Fchannels%2Fsms%2Fmedia%2F";
    const char *p = peer.body;
    for (int i = 0; p && i <= n; i++) {
        p = strstr(p, lead);
        p = p ? p + sizeof lead - 1 : NULL;
    }
    ck_assert_msg(p, "no address %d in %s", n, peer.body);
    snprintf(out, cap, "/media/%.*s", (int)strcspn(p, "&"), p);
}

static int fetch(const char *path, struct draht_http *x) {
    *x = (struct draht_http){.method = "GET", .path = path};
    fake_request(x);
    int status = x->status;
    if (status != 200)
        fake_request_free(x);
    return status;
}

static int fetch_status(const char *path) {
    struct draht_http x;
    int status = fetch(path, &x);
    if (status == 200)
        fake_request_free(&x);
    return status;
}

START_TEST(sent_and_fetched) {
    char path[300];
    struct draht_http x;
    ck_assert(peer.caps & DRAHT_CAP_ATTACHMENTS);
    ck_assert_uint_eq(peer.count_max, 10);
    send_files("Der Plan.", 0);
    ck_assert_ptr_nonnull(strstr(peer.body, "Body=Der%20Plan."));
    ck_assert_ptr_null(strstr(peer.body, "2026-000001")); /* the provider learns no number of ours */
    provider_says(201, "{\"sid\":\"SM1\"}");
    ck_assert_int_eq(token.verdict, DRAHT_SENT);
    ck_assert_int_eq(peer.calls, 1);
    address(0, path, sizeof path);
    ck_assert_int_eq(fetch(path, &x), 200);
    ck_assert_str_eq(x.type, "image/png");
    ck_assert_str_eq(x.out.p, PNG "picture");
    ck_assert_ptr_nonnull(strstr(x.headers.p, "content-disposition: inline; filename=\"PlanSd.png\"\n"));
    ck_assert_ptr_nonnull(strstr(x.headers.p, "cache-control: no-store\n"));
    ck_assert_ptr_nonnull(strstr(x.headers.p, "content-security-policy: sandbox; default-src 'none'\n"));
    fake_request_free(&x);
    address(1, path, sizeof path);
    ck_assert_int_eq(fetch(path, &x), 200);
    ck_assert_str_eq(x.type, "application/pdf");
    fake_request_free(&x);
}
END_TEST

START_TEST(files_without_words_and_in_later_parts) {
    send_files("", 0);
    ck_assert_ptr_null(strstr(peer.body, "Body="));
    ck_assert_ptr_nonnull(strstr(peer.body, "MediaUrl="));
    provider_says(201, "{\"sid\":\"SM1\"}");
    ck_assert_int_eq(token.verdict, DRAHT_SENT);
    char text[2000];
    memset(text, 'x', 1900);
    text[1900] = 0;
    send_files(text, 1);
    ck_assert_ptr_null(strstr(peer.body, "MediaUrl=")); /* the first part had them */
    provider_says(201, "{\"sid\":\"SM2\"}");
}
END_TEST

START_TEST(time_and_number_end_it) {
    char first[300], second[300];
    send_files("x", 0);
    provider_says(201, "{\"sid\":\"SM1\"}");
    address(0, first, sizeof first);
    address(1, second, sizeof second);
    for (int i = 0; i < FETCHES; i++)
        ck_assert_int_eq(fetch_status(first), 200);
    ck_assert_int_eq(fetch_status(first), 410);
    ck_assert_int_eq(fetch_status(second), 200); /* each file has its own number */
    fake.now_ms += VALID_MS - 1;
    ck_assert_int_eq(fetch_status(second), 200);
    fake.now_ms += 1;
    ck_assert_int_eq(fetch_status(second), 410);
}
END_TEST

START_TEST(both_at_once_count) {
    char path[300];
    struct draht_http x[FETCHES + 2];
    int served = 0;
    send_files("x", 0);
    provider_says(201, "{\"sid\":\"SM1\"}");
    address(0, path, sizeof path);
    for (int i = 0; i < FETCHES + 2; i++) {
        x[i] = (struct draht_http){.method = "GET", .path = path};
        for (size_t r = 0; r < fake.routes_n; r++)
            if (strcmp(fake.routes[r].path, "/media/*") == 0) {
                x[i].rest = path + strlen("/media/");
                fake.routes[r].fn(fake.channel, &x[i]);
            }
    }
    fake_run();
    for (int i = 0; i < FETCHES + 2; i++) {
        served += x[i].status == 200;
        fake_request_free(&x[i]);
    }
    ck_assert_int_eq(served, FETCHES);
}
END_TEST

START_TEST(what_ends_it_at_once) {
    char path[300];
    send_files("x", 0);
    provider_says(201, "{\"sid\":\"SM1\"}");
    address(0, path, sizeof path);
    fake.is_erased = true;
    ck_assert_int_eq(fetch_status(path), 410);
    fake.is_erased = false;
    ck_assert_int_eq(fetch_status(path), 200);
    fake.ranked_max = 0;
    twilio_ops.notify(fake.channel, fake_span("+49151"), "closed", fake_span(""));
    fake_run();
    ck_assert_int_eq(fetch_status(path), 200);
    twilio_ops.notify(fake.channel, fake_span("+49151"), "erased", fake_span(""));
    fake_run();
    ck_assert_int_eq(fetch_status(path), 410);
    for (size_t i = 0; i < fake.states_n; i++)
        ck_assert_ptr_null(strstr(fake.states[i].value, "blob"));
}
END_TEST

START_TEST(given_up_or_tried_again) {
    char path[300];
    static const struct {
        int status, verdict;
        const char *json;
        int after;
    } rows[] = {{400, DRAHT_REJECTED, "{\"code\":21621}", 410}, {429, DRAHT_RETRY, "{}", 410}, {500, DRAHT_IN_DOUBT, "{}", 200}, {201, DRAHT_SENT, "{\"sid\":\"SM1\"}", 200}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        send_files("x", 0);
        address(0, path, sizeof path);
        ck_assert_int_eq(fetch_status(path), 200); /* they may fetch before they answer */
        provider_says(rows[i].status, rows[i].json);
        ck_assert_int_eq(token.verdict, rows[i].verdict);
        ck_assert_int_eq(fetch_status(path), rows[i].after);
        fake.now_ms += 10 * 60000; /* a 429 holds the whole channel for a while */
    }
}
END_TEST

START_TEST(a_file_that_is_gone) {
    char path[300];
    send_files("x", 0);
    provider_says(201, "{\"sid\":\"SM1\"}");
    address(1, path, sizeof path);
    fake.blobs_n = 1;
    ck_assert_int_eq(fetch_status(path), 410);
    fake.blobs_n = 2;
}
END_TEST

START_TEST(too_much_is_refused_before_anything_is_sent) {
    struct draht_attachment many[11];
    for (int i = 0; i < 11; i++)
        many[i] = file(PNG, 8, 100);
    struct draht_outbound m = {.size = sizeof m, .message = fake_span("2026-000001.8"), .recipient = fake_span("+49151"), .text = fake_span("x"), .attachments = many, .attachments_n = 11};
    token = (struct draht_token){0};
    ck_assert_int_eq(twilio_ops.send(fake.channel, &m, &token), 1);
    ck_assert_int_eq(token.verdict, DRAHT_REJECTED);
    ck_assert_int_eq(peer.calls, 0);
    ck_assert_uint_eq(fake.states_n, 0);
}
END_TEST

int main(void) {
    Suite *s = suite_create("twilio media");
    TCase *pure = tcase_create("pure"), *t = tcase_create("channel");
    if (crypto_init() < 0)
        return EXIT_FAILURE;
    tcase_add_test(pure, tokens);
    tcase_add_test(pure, other_notations);
    tcase_add_test(pure, limits);
    tcase_add_test(pure, names);
    tcase_add_checked_fixture(t, setup, fake_end);
    tcase_add_test(t, sent_and_fetched);
    tcase_add_test(t, files_without_words_and_in_later_parts);
    tcase_add_test(t, time_and_number_end_it);
    tcase_add_test(t, both_at_once_count);
    tcase_add_test(t, what_ends_it_at_once);
    tcase_add_test(t, given_up_or_tried_again);
    tcase_add_test(t, a_file_that_is_gone);
    tcase_add_test(t, too_much_is_refused_before_anything_is_sent);
    suite_add_tcase(s, pure);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
