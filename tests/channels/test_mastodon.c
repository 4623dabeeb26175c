/* SPDX-License-Identifier: EUPL-1.2 */
/* Server-sent events in any pieces, notifications as instances write them, and a reply that is tried again after the instance has
 * forgotten its key: looked for first, never sent twice. */
#include <check.h>

#include "channels/mastodon/mastodon.h"
#include "channels/mastodon/sse.h"
#include "channels/mastodon/toot.h"
#include "gateway/base/error.h"
#include "tests/channels/fake_host.c"

/* ---- events ---- */
static void note(void *arg, const char *name, struct span data) {
    struct buf *b = arg;
    buf_addf(b, "%s=%.*s|", name, (int)data.n, data.p ? data.p : "");
}

static const struct {
    const char *bytes, *events;
} streams[] = {
    {"", ""},
    {":thump\n\n", ""},
    {"event: a\ndata: 1\n\n", "a=1|"},
    {"event:a\ndata:1\n\n", "a=1|"},
    {"event: a\r\ndata: 1\r\n\r\n", "a=1|"},
    {"event: a\rdata: 1\r\r", "a=1|"},
    {"data: x\ndata: y\n\n", "message=x\ny|"},
    {"event: a\n\ndata: 1\n\n", "message=1|"},
    {"event: delete\ndata: undefined\n\n", "delete=undefined|"},
    {"event: a\ndata: Stra\xc3\x9f" "e\n\nevent: b\ndata: 2\n\n", "a=Stra\xc3\x9f" "e|b=2|"},
    {"data\n\n", "message=|"},
    {"id: 4\nretry: 5\nnonsense\ndata: 1\n\n", "message=1|"},
    {"<!DOCTYPE html>\n<h1>Wartung</h1>\n\n", ""},
    {"event: a\ndata: 1", ""},
};

START_TEST(test_stream) {
    size_t n = strlen(streams[_i].bytes);
    for (size_t step = 1; step <= n + 1; step++) {
        struct sse s = {0};
        struct buf b = {0};
        buf_adds(&b, "");
        for (size_t i = 0; i < n; i += step)
            sse_feed(&s, (struct span){streams[_i].bytes + i, n - i < step ? n - i : step}, note, &b);
        ck_assert_msg(strcmp(b.p, streams[_i].events) == 0, "step %zu: %s", step, b.p);
        buf_free(&b);
        sse_free(&s);
    }
}
END_TEST

START_TEST(test_event_limit) {
    for (size_t n = SSE_EVENT_BYTES_MAX; n <= SSE_EVENT_BYTES_MAX + 1; n++) {
        struct sse s = {0};
        struct buf b = {0}, in = {0};
        size_t events = 0;
        buf_adds(&in, "data: ");
        char *x = xcalloc(n + 1, 1);
        memset(x, 'x', n);
        buf_adds(&in, x);
        buf_adds(&in, "\n\ndata: next\n\n");
        sse_feed(&s, buf_span(&in), note, &b);
        for (size_t i = 0; i < b.n; i++)
            events += b.p[i] == '|';
        ck_assert_uint_eq(events, n <= SSE_EVENT_BYTES_MAX ? 2 : 1);
        free(x);
        buf_free(&b);
        buf_free(&in);
        sse_free(&s);
    }
}
END_TEST

/* ---- notifications ---- */
#define STATUS(content, more) \
    "{\"id\":\"9\",\"type\":\"mention\",\"status\":{\"id\":\"55\",\"created_at\":\"2026-11-20T08:00:00Z\",\"visibility\":\"direct\"," \
    "\"mentions\":[{\"id\":\"1\",\"username\":\"amt\",\"acct\":\"amt\"},{\"id\":\"2\",\"username\":\"eva\",\"acct\":\"eva@x.test\"}]," \
    "\"content\":\"" content "\"" more "}}"
#define JANA ",\"account\":{\"id\":\"7\",\"acct\":\"jana@a.test\"}"

static const struct {
    const char *json, *text, *sender, *ignored;
} toots[] = {
    {STATUS("<p>@amt Hallo<br/>Welt</p>", JANA), "Hallo\nWelt", "jana@a.test", NULL},
    {STATUS("<p>Hallo @amt</p>", JANA), "Hallo @amt", "jana@a.test", NULL},
    {STATUS("<p>@eva @amt Hallo</p>", JANA), "@eva @amt Hallo", "jana@a.test", NULL},
    {STATUS("<p>@amt, guten Tag</p>", JANA), "guten Tag", "jana@a.test", NULL},
    {STATUS("<p>@amt <a href=\\\"https://x.test/lang\\\"><span class=\\\"invisible\\\">https://</span><span>x.test/lang</span></a></p>", JANA),
     "https://x.test/lang", "jana@a.test", NULL},
    {STATUS("<p>Hier</p>", ",\"account\":{\"id\":\"7\",\"acct\":\"jana\",\"url\":\"https://stadt.test/@jana\"}"), "Hier", "jana@stadt.test", NULL},
    {STATUS("<p>Hier</p>", ",\"account\":{\"id\":\"1\",\"acct\":\"amt\"}"), NULL, NULL, "an own message"},
    {STATUS("<p>Hier</p>", ",\"account\":{\"id\":\"7\",\"acct\":\"b\",\"bot\":true}"), NULL, NULL, "written by a bot"},
    {STATUS("<p>@amt Wann?</p>", ",\"poll\":{\"id\":\"3\",\"multiple\":false,\"options\":[{\"title\":\"Mo & Di\",\"votes_count\":0},{\"title\":\" \"},7,"
                                 "{\"title\":\"Mi\",\"votes_count\":null}]}" JANA),
     "Wann?\n- Mo & Di\n- Mi", "jana@a.test", NULL},
    {STATUS("<p>@amt Was ist das?</p>", ",\"quote\":{\"state\":\"accepted\",\"quoted_status\":{\"id\":\"5\",\"url\":\"https://x.test/@amt/5\"}}" JANA),
     "Was ist das?\nhttps://x.test/@amt/5", "jana@a.test", NULL},
    {STATUS("<p>RE: https://x.test/@amt/5</p>", ",\"quote\":{\"quoted_status\":{\"url\":\"https://x.test/@amt/5\"}}" JANA), "RE: https://x.test/@amt/5",
     "jana@a.test", NULL},
    {STATUS("<p>Hm</p>", ",\"quote\":{\"state\":\"deleted\",\"quoted_status\":null}" JANA), "Hm", "jana@a.test", NULL},
    {STATUS("<p>Hm</p>", ",\"quote\":{\"quoted_status\":{\"url\":\"javascript:x\"}}" JANA), "Hm", "jana@a.test", NULL},
    {STATUS("<p>@amt</p>", ",\"poll\":null" JANA), NULL, NULL, "empty message"},
    {STATUS("<p>@amt</p>", JANA), NULL, NULL, "empty message"},
    {STATUS("<script>x</script>", JANA), NULL, NULL, "empty message"},
    {STATUS("<p>x</p>", ",\"account\":{\"id\":\"7\",\"acct\":\"ja na\"}"), NULL, NULL, "without an id or a sender"},
    {STATUS("<p>x</p>", ""), NULL, NULL, "without an id or a sender"},
    {"{\"id\":1,\"type\":\"mention\",\"status\":{\"id\":55}}", NULL, NULL, "without an id or a sender"},
    {"{\"id\":\"1\",\"type\":\"mention\",\"status\":{\"id\":\"../x\",\"account\":{\"acct\":\"a@b\"},\"content\":\"x\"}}", NULL, NULL, "without an id or a sender"},
    {"{\"type\":\"mention\"}", NULL, NULL, "a mention without its message"},
    {"{\"type\":\"follow\"}", NULL, NULL, "no mention"},
    {"{}", NULL, NULL, "no mention"},
    {"null", NULL, NULL, "no mention"},
};

START_TEST(test_toot) {
    struct arena *a = arena_new();
    struct toot t;
    json_t *v = json_parse(span_str(toots[_i].json), 1 << 16, NULL);
    ck_assert_ptr_nonnull(v);
    toot_read(a, v, "1", &t);
    if (toots[_i].ignored) {
        ck_assert_ptr_nonnull(t.ignored);
        ck_assert_str_eq(t.ignored, toots[_i].ignored);
    } else {
        ck_assert_msg(t.ignored == NULL, "%s", t.ignored);
        ck_assert_msg(span_eq(t.text, toots[_i].text), "%.*s", (int)t.text.n, t.text.p);
        ck_assert_msg(span_eq(t.sender, toots[_i].sender), "%.*s", (int)t.sender.n, t.sender.p);
    }
    json_decref(v);
    arena_free(&a);
}
END_TEST

/* ---- a reply that is tried again ---- */
static struct draht_host host;
static char asked[2000], parts[200];
static const char *context; /* answer to /context */
static const char *instance = "{}";
static int post_status;
static const char *reply_text = "Guten Tag & bis bald";

struct draht_http_run {
    int unused;
};
static struct draht_http_run run;
struct answer {
    struct draht_http_call call;
    const char *body;
    int status;
};

static void give(struct fake_job *j) {
    struct answer *x = j->arg;
    struct draht_http_answer a = {.size = sizeof a, .status = x->status, .retry_after_ms = -1,
                                  .body = {x->body, strlen(x->body)}, .error = x->status ? 0 : ERR_TIMEOUT};
    x->call.done(x->call.arg, &a);
    free(x);
}

static struct draht_http_run *f_http_call(void *h, const struct draht_http_call *call) {
    (void)h;
    const char *path = call->url + strlen("https://social.test");
    struct answer *x = xcalloc(1, sizeof *x);
    x->call = *call;
    x->status = 200;
    x->body = "{}";
    snprintf(asked + strlen(asked), sizeof asked - strlen(asked), "%s %s|", call->method, path);
    if (strstr(path, "verify_credentials"))
        x->body = "{\"id\":\"1\"}";
    else if (strcmp(path, "/api/v2/instance") == 0)
        x->body = instance;
    else if (strstr(path, "/context"))
        x->body = context;
    else if (strcmp(path, "/api/v1/statuses") == 0)
        x->status = post_status, x->body = "{\"id\":\"900\"}";
    fake_later(give, x);
    return &run;
}
static void m_part_done(struct draht_token *t, uint32_t part, struct draht_span id) {
    (void)t;
    snprintf(parts + strlen(parts), sizeof parts - strlen(parts), "%u=%.*s|", part, (int)id.n, id.p);
}
static int f_lease(void *h, struct draht_span name, void (*change)(void *, int)) {
    (void)h, (void)name, (void)change;
    return 0;
}
static void f_cancel(struct draht_http_run *r) {
    (void)r;
}

static void setup(void) {
    static const uint8_t key[CRYPTO_KEY_BYTES] = {7};
    char err[256] = "";
    memset(&fake, 0, sizeof fake);
    crypto_init();
    fake.crypto = crypto_from_key(key);
    fake.now_ms = 1800000000000;
    fake.ops = &mastodon_ops;
    host = fake_host;
    host.http_call = f_http_call;
    host.http_cancel = f_cancel;
    host.part_done = m_part_done;
    host.lease = f_lease;
    asked[0] = parts[0] = 0;
    post_status = 200;
    context = "{\"descendants\":[]}";
    ck_assert_int_eq(mastodon_ops.open(&host, NULL, "fedi", "{\"url\":\"https://social.test\",\"access_token\":\"12345678\"}", &fake.channel, err), 0);
    ck_assert_int_eq(mastodon_ops.start(fake.channel, err), 0);
    fake_run();
    asked[0] = 0;
}
static void teardown(void) {
    fake_end();
}

static int send_once(void) {
    struct draht_token t = {0};
    struct draht_outbound o = {.size = sizeof o, .message = fake_span("2026-000001.2"), .recipient = fake_span("jana@a.test"),
                               .in_reply_to = fake_span("55"), .text = fake_span(reply_text), .attempt = 1};
    mastodon_ops.send(fake.channel, &o, &t);
    fake_run();
    ck_assert_int_eq(t.settled_n, 1);
    return t.verdict;
}

static const struct {
    const char *media, *files;
} kinds[] = {
    {"{\"supported_mime_types\":[\"image/jpeg\",\"video/mp4\",\"image/png\",\"audio/ogg\"],\"image_size_limit\":16777216,\"video_size_limit\":103809024}",
     "image/jpeg image/png=16777216;video/mp4 audio/ogg=103809024;"},
    {"{\"supported_mime_types\":[\"image/png\",7,\"\",\"image/a b\",null],\"image_size_limit\":-1}", "image/png=0;"},
    {"{\"supported_mime_types\":\"image/png\"}", ""},
    {"[]", ""},
    {"{}", ""},
};

START_TEST(test_kinds_of_files) {
    char text[500];
    snprintf(text, sizeof text, "{\"configuration\":{\"media_attachments\":%s}}", kinds[_i].media);
    fake_end();
    instance = text;
    setup();
    ck_assert_msg(strcmp(fake.files, kinds[_i].files) == 0, "%s", fake.files);
    instance = "{}";
}
END_TEST

/* The limit of 100 with "@jana@a.test " (13, or "@jana " for Mastodon: 6) in front. */
static const struct {
    const char *source_url;
    int length; /* of the link; a word of 49 and a blank stand before it */
    int posts;
} counted[] = {
    {"", 300, 1},
    {"https://github.com/mastodon/mastodon", 300, 1},
    {"https://codeberg.example/gotosocial", 37, 1},
    {"https://codeberg.example/gotosocial", 38, 2},
    {"https://git.example/pleroma", 80, 2},
};

START_TEST(test_links_count_as_the_instance_counts) {
    char text[500], reply[500];
    snprintf(text, sizeof text, "{\"source_url\":\"%s\",\"configuration\":{\"statuses\":{\"max_characters\":100,\"characters_reserved_per_url\":23}}}", counted[_i].source_url);
    int n = snprintf(reply, sizeof reply, "%.*s https://a.test/", 49, "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww");
    while (n < 50 + counted[_i].length) reply[n++] = 'x';
    reply[n] = 0;
    fake_end();
    instance = text;
    reply_text = reply;
    setup();
    ck_assert_int_eq(send_once(), DRAHT_SENT);
    int posts = 0;
    for (const char *p = asked; (p = strstr(p, "POST /api/v1/statuses|")); p++) posts++;
    instance = "{}";
    reply_text = "Guten Tag & bis bald";
    ck_assert_int_eq(posts, counted[_i].posts);
}
END_TEST

START_TEST(test_again_within_the_hour) {
    post_status = 0;
    ck_assert_int_eq(send_once(), DRAHT_RETRY);
    fake.now_ms += 30 * 60000;
    post_status = 200;
    ck_assert_int_eq(send_once(), DRAHT_SENT);
    ck_assert_str_eq(asked, "POST /api/v1/statuses|POST /api/v1/statuses|");
    ck_assert_str_eq(parts, "0=900|");
}
END_TEST

static const struct {
    const char *context, *asked, *parts;
} later[] = {
    {"{\"descendants\":[{\"id\":\"77\",\"visibility\":\"direct\",\"account\":{\"id\":\"1\"},\"created_at\":\"2027-01-15T08:00:05Z\","
     "\"content\":\"<p><span>@<span>jana</span></span> Guten Tag &amp; bis bald</p>\"}]}",
     "POST /api/v1/statuses|GET /api/v1/statuses/55/context|", "0=77|"},
    {"{\"descendants\":[{\"id\":\"77\",\"visibility\":\"direct\",\"account\":{\"id\":\"1\"},\"created_at\":\"2027-01-15T08:00:05Z\","
     "\"content\":\"<p>@jana Etwas anderes</p>\"}]}",
     "POST /api/v1/statuses|GET /api/v1/statuses/55/context|POST /api/v1/statuses|", "0=900|"},
    {"{\"descendants\":[{\"id\":\"77\",\"visibility\":\"direct\",\"account\":{\"id\":\"1\"},\"created_at\":\"2027-01-14T08:00:05Z\","
     "\"content\":\"<p>@jana Guten Tag &amp; bis bald</p>\"}]}",
     "POST /api/v1/statuses|GET /api/v1/statuses/55/context|POST /api/v1/statuses|", "0=900|"},
    {"{\"descendants\":[{\"id\":\"77\",\"visibility\":\"direct\",\"account\":{\"id\":\"7\"},\"created_at\":\"2027-01-15T08:00:05Z\","
     "\"content\":\"<p>@jana Guten Tag &amp; bis bald</p>\"}]}",
     "POST /api/v1/statuses|GET /api/v1/statuses/55/context|POST /api/v1/statuses|", "0=900|"},
};

START_TEST(test_again_after_an_hour) {
    post_status = 0;
    ck_assert_int_eq(send_once(), DRAHT_RETRY);
    fake.now_ms += 61 * 60000;
    post_status = 200;
    context = later[_i].context;
    ck_assert_int_eq(send_once(), DRAHT_SENT);
    ck_assert_str_eq(asked, later[_i].asked);
    ck_assert_str_eq(parts, later[_i].parts);
}
END_TEST

START_TEST(test_nobody_can_say) {
    post_status = 0;
    send_once();
    fake.now_ms += 61 * 60000;
    context = "<html>";
    ck_assert_int_eq(send_once(), DRAHT_RETRY);
    ck_assert_str_eq(parts, "");
}
END_TEST

static const struct {
    int status;
    enum draht_verdict verdict;
} verdicts[] = {{401, DRAHT_MISCONFIGURED}, {403, DRAHT_MISCONFIGURED}, {404, DRAHT_REJECTED}, {410, DRAHT_REJECTED},
                {413, DRAHT_REJECTED},      {422, DRAHT_REJECTED},      {429, DRAHT_RETRY},    {500, DRAHT_RETRY},
                {503, DRAHT_RETRY},         {0, DRAHT_RETRY}};

START_TEST(test_verdict) {
    post_status = verdicts[_i].status;
    ck_assert_int_eq(send_once(), verdicts[_i].verdict);
}
END_TEST

int main(void) {
    Suite *s = suite_create("mastodon");
    TCase *pure = tcase_create("pure"), *t = tcase_create("send");
    tcase_set_timeout(pure, 60);
    tcase_add_loop_test(pure, test_stream, 0, sizeof streams / sizeof *streams);
    tcase_add_test(pure, test_event_limit);
    tcase_add_loop_test(pure, test_toot, 0, sizeof toots / sizeof *toots);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_kinds_of_files, 0, sizeof kinds / sizeof *kinds);
    tcase_add_loop_test(t, test_links_count_as_the_instance_counts, 0, (int)(sizeof counted / sizeof *counted));
    tcase_add_test(t, test_again_within_the_hour);
    tcase_add_loop_test(t, test_again_after_an_hour, 0, sizeof later / sizeof *later);
    tcase_add_test(t, test_nobody_can_say);
    tcase_add_loop_test(t, test_verdict, 0, sizeof verdicts / sizeof *verdicts);
    suite_add_tcase(s, pure);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
