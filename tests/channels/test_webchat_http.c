/* SPDX-License-Identifier: EUPL-1.2 */
/* The chat's HTTP side: settings, frame, uploads, files, long poll, the form without JavaScript. */
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

/* The answer's body, in the arena. */
static const char *fetch(const char *method, const char *path, const char *name, const char *value, const char *body,
                         size_t body_n, int *status) {
    struct draht_http x = {.method = method, .path = path, .body = body, .body_n = body_n, .names = {name}, .values = {value}};
    fake_request(&x);
    for (int i = 0; i < 10 && x.status == 0; i++)
        fake_advance(10);
    const char *out = arena_printf(mem, "%s\n%s", x.headers.p ? x.headers.p : "", x.out.p ? x.out.p : "");
    *status = x.status;
    fake_request_free(&x);
    return out;
}

START_TEST(test_config_and_frame) {
    int status;
    const char *c = fetch("GET", "/config", "origin", "https://stadt.test", NULL, 0, &status);
    ck_assert_int_eq(status, 200);
    ck_assert_ptr_nonnull(strstr(c, "access-control-allow-origin: https://stadt.test"));
    ck_assert_ptr_nonnull(strstr(c, "\"city\":\"Musterstadt\""));
    ck_assert_ptr_nonnull(strstr(c, "\"languages\":[\"de\",\"en\",\"de-easy\"]"));
    ck_assert_ptr_nonnull(strstr(c, "\"retention_days\":90"));
    ck_assert_ptr_null(strstr(c, "sign_url"));
    c = fetch("GET", "/config", "origin", "https://evil.example", NULL, 0, &status);
    ck_assert_ptr_null(strstr(c, "access-control"));
    c = fetch("GET", "/frame", NULL, NULL, NULL, 0, &status);
    ck_assert_ptr_nonnull(strstr(c, "frame-ancestors 'self' https://stadt.test\n"));
}
END_TEST

static const char *upload_ticket(struct draht_socket *s) {
    fake_say(s, "{\"t\":\"upload\"}");
    return fake_member(mem, fake_heard(s, "upload_ticket"), "ticket");
}

static const struct {
    const char *name, *body;
    size_t n;
    int status;
} files[] = {
    {"a%20b.png", "\x89PNG\r\n\x1a\nxx", 10, 201},
    {"../../etc/passwd", "plain text", 10, 201},
    {"x.png", "\x89PNG\r\n\x1a\n<script>alert(1)</script>", 33, 415},
    {"x.svg", "<svg onload=x>", 14, 415},
    {"x.html", "<!DOCTYPE html><b>", 18, 415},
    {"x.zip", "PK\x03\x04xxxxxxxxxxxx", 16, 415},
    {"x.exe", "MZ\x00\x01", 4, 415},
    {"empty", "", 0, 415},
};

START_TEST(test_uploads) {
    struct draht_socket *s = fake_connect(OWN, NULL);
    int status;
    fake_say(s, "{\"t\":\"hello\",\"token\":null}");
    const char *path = arena_printf(mem, "/upload/%s", upload_ticket(s));
    const char *body = fetch("PUT", path, "x-file-name", files[_i].name, files[_i].body, files[_i].n, &status);
    ck_assert_int_eq(status, files[_i].status);
    fetch("PUT", path, "x-file-name", "again", "text", 4, &status);
    ck_assert_int_eq(status, 403);
    if (files[_i].status == 201) {
        json_t *v = json_parse(span_str(strchr(body, '{')), 1 << 16, NULL);
        const json_t *f = json_object_get(v, "file");
        ck_assert_ptr_null(strchr(json_str(f, "name", "/"), '/'));
        fake_say(s, arena_printf(mem, "{\"t\":\"msg\",\"cid\":\"a\",\"files\":[\"%s\"]}", json_str(f, "blob", "")));
        ck_assert_uint_eq(fake.messages_n, 1);
        ck_assert_uint_eq(fake.messages[0].files_n, 1);
        struct draht_socket *other = fake_connect(OWN, NULL);
        fake_say(other, "{\"t\":\"hello\",\"token\":null}");
        fake_say(other, arena_printf(mem, "{\"t\":\"msg\",\"cid\":\"a\",\"files\":[\"%s\"]}", json_str(f, "blob", "")));
        ck_assert_uint_eq(fake.messages_n, 1); /* another conversation cannot take the file */
        fake_hang_up(other);
        json_decref(v);
    }
    fake_hang_up(s);
}
END_TEST

START_TEST(test_options_show_in_config) {
    int status;
    ck_assert_int_eq(webchat_ops.reload(fake.channel, "{\"retention_days\":0,\"sign_url\":\"https://dgs.test/a\"}"), 0);
    const char *c = fetch("GET", "/config", NULL, NULL, NULL, 0, &status);
    ck_assert_ptr_nonnull(strstr(c, "\"sign_url\":\"https://dgs.test/a\""));
    ck_assert_ptr_null(strstr(c, "retention_days"));
    ck_assert_int_eq(webchat_ops.reload(fake.channel, "{\"sign_url\":\"javascript:alert(1)\"}"), 1);
    ck_assert_int_eq(webchat_ops.reload(fake.channel, "{\"clamd\":\"somewhere\"}"), 1);
    ck_assert_int_eq(webchat_ops.reload(fake.channel, "{\"clamd\":\"clamav:3310\"}"), 0);
}
END_TEST

static const struct {
    int scan, status;
    const char *code;
} scans[] = {{0, 201, "\"blob\""}, {1, 422, "\"code\":\"infected\""}, {DRAHT_E_UNAVAILABLE, 503, "Your text is safe"}};

START_TEST(test_scan_comes_before_the_store) {
    int status;
    ck_assert_int_eq(webchat_ops.reload(fake.channel, "{\"clamd\":\"unix:/run/clamd\"}"), 0);
    fake.scan_status = scans[_i].scan;
    struct draht_socket *s = fake_connect(OWN, NULL);
    fake_say(s, "{\"t\":\"hello\",\"token\":null}");
    const char *body = fetch("PUT", arena_printf(mem, "/upload/%s", upload_ticket(s)), "x-file-name", "a.txt", "text", 4, &status);
    ck_assert_int_eq(status, scans[_i].status);
    ck_assert_ptr_nonnull(strstr(body, scans[_i].code));
    ck_assert_int_eq(fake.scans, 1);
    ck_assert_uint_eq(fake.blobs_n, scans[_i].scan == 0 ? 1 : 0);
    fake_hang_up(s);
}
END_TEST

START_TEST(test_file_comes_as_attachment) {
    struct draht_socket *s = fake_connect(OWN, NULL);
    int status;
    fake_say(s, "{\"t\":\"hello\",\"token\":null}");
    fake_say(s, "{\"t\":\"msg\",\"cid\":\"a\",\"text\":\"x\"}");
    buf_adds(&fake.blobs[fake.blobs_n++], "<b>inhalt</b>");
    struct draht_attachment a = {.size = sizeof a,
                                 .name = fake_span("Besch\xc3\xa4" "digung \"1\".html"),
                                 .type = fake_span("text/html"),
                                 .blob = fake_span("blob0"),
                                 .length = 13};
    struct draht_token t = {0};
    struct draht_outbound m = {.size = sizeof m,
                               .message = fake_span("2026-000001.2"),
                               .thread = fake_span(fake.messages[0].thread),
                               .text = fake_span("siehe Anhang"),
                               .thread_seq = 2,
                               .attachments = &a,
                               .attachments_n = 1};
    fake.ops->send(fake.channel, &m, &t);
    const char *frame = fake_heard(s, "message");
    const char *token = strstr(frame, "\"token\":\"") + 9;
    token = arena_strndup(mem, token, strcspn(token, "\""));
    const char *got = fetch("GET", "/file/2026-000001.2/0", "?t", token, NULL, 0, &status);
    ck_assert_int_eq(status, 200);
    ck_assert_ptr_nonnull(strstr(got, "content-disposition: attachment; filename*=UTF-8''Besch%C3%A4digung%20%221%22.html"));
    ck_assert_ptr_nonnull(strstr(got, "sandbox"));
    ck_assert_ptr_nonnull(strstr(got, "<b>inhalt</b>"));
    fetch("GET", "/file/2026-000001.2/0", "?t", "AAAA", NULL, 0, &status);
    ck_assert_int_eq(status, 403);
    fetch("GET", "/file/2026-000001.2/0", NULL, NULL, NULL, 0, &status);
    ck_assert_int_eq(status, 403);
    fake_hang_up(s);
}
END_TEST

START_TEST(test_long_poll) {
    int status;
    const char *r = fetch("POST", "/poll", NULL, NULL, "{\"frames\":[{\"t\":\"hello\",\"token\":null}],\"wait_ms\":0}", 0, &status);
    ck_assert_int_eq(status, 200);
    const char *token = fake_member(mem, strchr(r, '{'), "token");
    ck_assert_ptr_nonnull(strstr(r, "\"t\":\"welcome\""));
    const char *body = arena_printf(
        mem, "{\"token\":\"%s\",\"frames\":[{\"t\":\"msg\",\"cid\":\"p1\",\"text\":\"hallo\"}],\"wait_ms\":1000}", token);
    r = fetch("POST", "/poll", NULL, NULL, body, 0, &status);
    ck_assert_ptr_nonnull(strstr(r, "\"t\":\"ack\",\"cid\":\"p1\""));
    /* a wait that nothing ends, then one that a reply ends */
    struct draht_http x = {.method = "POST", .path = "/poll"};
    x.body = arena_printf(mem, "{\"token\":\"%s\",\"frames\":[],\"wait_ms\":25000}", token);
    fake_request(&x);
    fake_advance(5000);
    ck_assert_int_eq(x.status, 0);
    fake.ops->typing(fake.channel, fake_span(fake.messages[0].thread), fake_span("Frau B"), 1);
    fake_advance(50);
    ck_assert_int_eq(x.status, 200);
    ck_assert_ptr_nonnull(strstr(x.out.p, "\"t\":\"typing\""));
    fake_request_free(&x);
    fetch("POST", "/poll", NULL, NULL, "{\"token\":\"x\",\"frames\":[]}", 0, &status);
    ck_assert_int_eq(status, 401);
    fetch("POST", "/poll", NULL, NULL, "{\"frames\":7}", 0, &status);
    ck_assert_int_eq(status, 400);
    fetch("POST", "/poll", "origin", "https://evil.example", "{\"frames\":[]}", 0, &status);
    ck_assert_int_eq(status, 403);
    fake_advance(130000); /* the tab is forgotten, its token leads back */
    r = fetch("POST", "/poll", NULL, NULL, body, 0, &status);
    ck_assert_int_eq(status, 401);
    r = fetch("POST", "/poll", NULL, NULL,
              arena_printf(mem, "{\"frames\":[{\"t\":\"hello\",\"token\":\"%s\",\"last_seq\":0}],\"wait_ms\":100}", token), 0, &status);
    ck_assert_ptr_nonnull(strstr(r, "\"text\":\"hallo\""));
    r = fetch("POST", "/poll", NULL, NULL, "{\"frames\":[{\"t\":\"hello\",\"token\":\"zzzz\"}]}", 0, &status);
    ck_assert_ptr_nonnull(strstr(r, "\"close\":4401"));
}
END_TEST

START_TEST(test_form) {
    int status;
    const char *type = "application/x-www-form-urlencoded";
    const char *page = fetch("GET", "/form", NULL, NULL, NULL, 0, &status);
    ck_assert_int_eq(status, 200);
    const char *ticket = strstr(page, "name=\"ticket\" value=\"") + 21;
    ticket = arena_strndup(mem, ticket, strcspn(ticket, "\""));
    const char *body = arena_printf(mem, "message=Guten+Tag+%%3Cb%%3E&email=a%%40b.example&language=de&website=&ticket=%s", ticket);
    page = fetch("POST", "/form", "content-type", type, body, 0, &status);
    ck_assert_int_eq(status, 200);
    ck_assert_ptr_nonnull(strstr(page, "2026-000001"));
    ck_assert_str_eq(fake.messages[0].text, "Guten Tag <b>");
    ck_assert_uint_eq(fake.messages_n, 2); /* and the address as a note */
    fetch("POST", "/form", "content-type", type, body, 0, &status);
    ck_assert_uint_eq(fake.messages_n, 2); /* a second click */
    const char *link = strstr(page, "/form/status/");
    page = fetch("GET", arena_strndup(mem, link, strcspn(link, "?\"")), NULL, NULL, NULL, 0, &status);
    ck_assert_int_eq(status, 200);
    ck_assert_ptr_nonnull(strstr(page, "Guten Tag &lt;b&gt;"));
    fetch("GET", "/form/status/AAAA", NULL, NULL, NULL, 0, &status);
    ck_assert_int_eq(status, 404);
    fetch("POST", "/form", "content-type", type, "message=robot&website=http://x", 0, &status);
    ck_assert_int_eq(status, 200);
    ck_assert_uint_eq(fake.messages_n, 2);
    page = fetch("POST", "/form", "content-type", type, "message=+&email=%22%3E%3Cscript%3E", 0, &status);
    ck_assert_int_eq(status, 422);
    ck_assert_ptr_null(strstr(page, "<script"));
    fake.accept_status = DRAHT_E_UNAVAILABLE;
    page = fetch("POST", "/form", "content-type", type, "message=bleibt+stehen", 0, &status);
    ck_assert_int_eq(status, 503);
    ck_assert_ptr_nonnull(strstr(page, "bleibt stehen"));
    fetch("POST", "/form", "content-type", "text/plain", "message=x", 0, &status);
    ck_assert_int_eq(status, 415);
}
END_TEST

START_TEST(test_multipart_form) {
    int status;
    const char *body = "--XX\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\nzwei\r\nZeilen\r\n--XX--\r\n";
    fetch("POST", "/form", "content-type", "multipart/form-data; boundary=XX", body, 0, &status);
    ck_assert_int_eq(status, 200);
    ck_assert_str_eq(fake.messages[0].text, "zwei\nZeilen");
}
END_TEST

START_TEST(test_normalize) {
    char err[256];
    char *out = NULL;
    const char *raw = "{\"t\":\"msg\",\"cid\":\"a\",\"text\":\"x\"}\n{\"t\":\"read\",\"seq\":4}\nkaputt\n";
    ck_assert_int_eq(webchat_ops.normalize(raw, strlen(raw), &out, err), 0);
    ck_assert_ptr_nonnull(strstr(out, "\"kind\":\"message\""));
    ck_assert_ptr_nonnull(strstr(out, "\"kind\":\"receipt\""));
    ck_assert_ptr_nonnull(strstr(out, "\"kind\":\"ignored\""));
    free(out);
}
END_TEST

static Suite *suite(void) {
    Suite *s = suite_create("webchat_http");
    TCase *c = tcase_create("http");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_config_and_frame);
    tcase_add_loop_test(c, test_uploads, 0, sizeof files / sizeof *files);
    tcase_add_test(c, test_options_show_in_config);
    tcase_add_loop_test(c, test_scan_comes_before_the_store, 0, sizeof scans / sizeof *scans);
    tcase_add_test(c, test_file_comes_as_attachment);
    tcase_add_test(c, test_long_poll);
    tcase_add_test(c, test_form);
    tcase_add_test(c, test_multipart_form);
    tcase_add_test(c, test_normalize);
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
