/* SPDX-License-Identifier: EUPL-1.2 */
/* The channel host against a router made of a few variables: mapping, broken contracts, draining. */
#include <check.h>
#include <stdlib.h>

#include "channels/host.h"

/* ---- the router and the server as seen from the host ---- */
struct router_send {
    enum verdict verdict;
    int settled_n;
};
static struct {
    int ups, downs, accepts;
    struct inbound in;
    char external_id[64], text[64];
    accepted_fn done;
    void *arg;
} router;

void intake_accept(struct router *r, const struct inbound *m, accepted_fn done, void *arg) {
    (void)r;
    router.accepts++;
    router.in = *m;
    snprintf(router.external_id, sizeof router.external_id, "%.*s", (int)m->external_id.n, m->external_id.p);
    snprintf(router.text, sizeof router.text, "%.*s", (int)m->text.n, m->text.p ? m->text.p : "");
    router.done = done;
    router.arg = arg;
}
void router_settle(struct router_send *s, enum verdict v, struct span reason, uint64_t retry_ms) {
    (void)reason, (void)retry_ms;
    s->verdict = v;
    s->settled_n++;
}
void router_part_done(struct router_send *s, uint32_t part, struct span external_id) {
    (void)s, (void)part, (void)external_id;
}
void router_channel_up(struct router *r, const struct outbox_channel *c) {
    (void)r, (void)c;
    router.ups++;
}
void router_channel_down(struct router *r, const char *id) {
    (void)r, (void)id;
    router.downs++;
}
void receipt_apply(struct router *r, const struct receipt *x, router_done_fn done, void *arg) {
    (void)r, (void)x;
    if (done)
        done(arg, 0);
}
void history_read(struct router *r, const char *channel, struct span thread, uint64_t after, uint32_t limit, history_fn done,
                  void *arg) {
    (void)r, (void)channel, (void)thread, (void)after, (void)limit;
    done(arg, ERR_UNAVAILABLE, NULL, 0);
}
void thread_name(const struct router *r, const char *channel, struct span thread, char out[THREAD_NAME_BYTES]) {
    (void)r;
    memset(out, '0', THREAD_NAME_BYTES);
    out[0] = *channel;
    memcpy(out + 1, thread.p, thread.n);
    out[THREAD_NAME_BYTES - 1] = 0;
}
static char told[64];
void thread_tell(struct router *r, const char *channel, struct span thread, struct span word) {
    (void)r;
    snprintf(told, sizeof told, "%s %.*s %.*s", channel, (int)thread.n, thread.p, (int)word.n, word.p);
}
static struct {
    int calls;
    size_t n;
    char names[PLACES_MAX][THREAD_NAME_BYTES];
    thread_places_fn done;
    void *arg;
} places;
static void stop_loop(void *arg);
void thread_places(struct router *r, const char (*names)[THREAD_NAME_BYTES], size_t n, thread_places_fn done, void *arg) {
    (void)r;
    places.calls++;
    places.n = n;
    memcpy(places.names, names, n * sizeof *names);
    places.done = done;
    places.arg = arg;
    stop_loop(NULL);
}
void blob_put(struct router *r, struct span bytes, blob_fn done, void *arg) {
    (void)r, (void)bytes;
    done(arg, 0, SPAN("b"));
}
void blob_get(struct router *r, struct span blob, blob_fn done, void *arg) {
    (void)r, (void)blob;
    done(arg, ERR_NOT_FOUND, SPAN_NONE);
}
void router_state_set(struct router *r, const char *channel, struct span key, struct span value, uint64_t ttl,
                      router_done_fn done, void *arg) {
    (void)r, (void)channel, (void)key, (void)value, (void)ttl;
    done(arg, 0);
}
void router_state_get(struct router *r, const char *channel, struct span key, router_state_fn done, void *arg) {
    (void)r, (void)channel, (void)key;
    done(arg, 0, SPAN_NONE);
}
void router_state_del(struct router *r, const char *channel, struct span key, router_done_fn done, void *arg) {
    (void)r, (void)channel, (void)key;
    done(arg, 0);
}
void router_state_rank(struct router *r, const char *channel, struct span index, struct span key, int64_t score, int64_t cut,
                       router_done_fn done, void *arg) {
    (void)r, (void)channel, (void)index, (void)key, (void)score, (void)cut, (void)done, (void)arg;
}
void router_state_ranked(struct router *r, const char *channel, struct span index, int64_t min, int64_t max, uint32_t skip,
                         uint32_t limit, router_ranked_fn done, void *arg) {
    (void)r, (void)channel, (void)index, (void)min, (void)max, (void)skip, (void)limit, (void)done, (void)arg;
}
struct router_lease *router_lease(struct router *r, const char *name, void (*on_change)(void *arg, bool held), void *arg) {
    (void)r, (void)name, (void)on_change, (void)arg;
    return NULL;
}
void router_lease_drop(struct router_lease **l) {
    *l = NULL;
}
void http_server_route(struct http_server *s, const struct http_route *r) {
    (void)s, (void)r;
}
void http_server_unroute(struct http_server *s, const char *path, void *arg) {
    (void)s, (void)path, (void)arg;
}
int http_server_port(const struct http_server *s) {
    (void)s;
    return 4711;
}
#define NO_TEXT(name) struct span name(const struct http_exchange *x) { (void)x; return SPAN_NONE; }
NO_TEXT(http_method)
NO_TEXT(http_path)
NO_TEXT(http_rest)
NO_TEXT(http_body)
struct span http_query(const struct http_exchange *x, const char *name) {
    (void)x, (void)name;
    return SPAN_NONE;
}
struct span http_header(const struct http_exchange *x, const char *name) {
    (void)x, (void)name;
    return SPAN_NONE;
}
const char *http_peer(const struct http_exchange *x) {
    (void)x;
    return "";
}
void http_set_header(struct http_exchange *x, const char *name, const char *value) {
    (void)x, (void)name, (void)value;
}
void http_respond(struct http_exchange *x, int status, const char *type, struct span body) {
    (void)x, (void)status, (void)type, (void)body;
}
void http_problem(struct http_exchange *x, int status, const char *code, const char *detail) {
    (void)x, (void)status, (void)code, (void)detail;
}
void ws_server_route(struct http_server *s, const struct ws_route *r) {
    (void)s, (void)r;
}
void ws_server_unroute(struct http_server *s, const char *path) {
    (void)s, (void)path;
}
int ws_send(struct ws *w, struct span text) {
    (void)w, (void)text;
    return 0;
}
void ws_close(struct ws *w, int code, const char *reason) {
    (void)w, (void)code, (void)reason;
}
const char *ws_peer(const struct ws *w) {
    (void)w;
    return "";
}
struct http_call *http_client_send(struct http_client *c, const struct http_request *r, http_answer_fn cb, void *arg) {
    (void)c, (void)r, (void)cb, (void)arg;
    return NULL;
}
void http_client_cancel(struct http_call *call) {
    (void)call;
}

/* ---- a channel that does what the test wants ---- */
static struct {
    const struct draht_host *h;
    void *host;
    struct draht_token *token;
    struct draht_outbound out;
    int answers, status;
    char number[24];
    char heard[512]; /* "thread what detail;" */
} channel;

static int t_open(const struct draht_host *h, void *host, const char *id, const char *options, void **out, char *err) {
    (void)id, (void)options, (void)err;
    channel.h = h;
    channel.host = host;
    *out = &channel;
    return 0;
}
static int t_start(void *c, char *err) {
    (void)c, (void)err;
    channel.h->health(channel.host, 1, "");
    return 0;
}
static void t_stop(void *c, draht_done_fn done, void *arg) {
    (void)c;
    done(arg, 0);
}
static void t_close(void *c) {
    (void)c;
}
static int t_send(void *c, const struct draht_outbound *m, struct draht_token *t) {
    (void)c;
    channel.out = *m;
    channel.token = t;
    return 0;
}
static void t_notify(void *c, struct draht_span thread, const char *what, struct draht_span detail) {
    (void)c;
    size_t n = strlen(channel.heard);
    snprintf(channel.heard + n, sizeof channel.heard - n, "%.*s %s %.*s;", (int)thread.n, thread.p, what, (int)detail.n, detail.p);
}
static const struct draht_channel_ops listening = {.size = sizeof listening,
                                                   .type = "listening",
                                                   .open = t_open,
                                                   .start = t_start,
                                                   .stop = t_stop,
                                                   .close = t_close,
                                                   .send = t_send,
                                                   .notify = t_notify};
static const struct draht_channel_ops ops = {.size = offsetof(struct draht_channel_ops, notify), /* an older channel */
                                             .caps = DRAHT_CAP_IDEMPOTENT | DRAHT_CAP_HISTORY,
                                             .type = "test",
                                             .open = t_open,
                                             .start = t_start,
                                             .stop = t_stop,
                                             .close = t_close,
                                             .send = t_send,
                                             .notify = (void (*)(void *, struct draht_span, const char *, struct draht_span))1};

const struct draht_channel_ops *registry_find(const char *type) {
    return strcmp(type, "test") == 0 ? &ops : strcmp(type, "listening") == 0 ? &listening : NULL;
}

static struct loop *loop;
static struct host *host;
static struct crypto *crypto;
static struct config_channel row = {.id = "t", .type = "test", .enabled = true, .queue = "", .options = "{}"};
static struct config config;

static void setup(void) {
    static const uint8_t key[CRYPTO_KEY_BYTES] = {1};
    struct fault f = {0};
    memset(&router, 0, sizeof router);
    memset(&channel, 0, sizeof channel);
    crypto_init();
    crypto = crypto_from_key(key);
    loop = loop_new();
    config = (struct config){.channels = &row, .channels_n = 1, .public_url = "http://127.0.0.1:0", .city_name = "X"};
    host = host_new(&(struct host_options){.loop = loop, .crypto = crypto, .clock = &clock_system, .config = &config,
                                           .http = (struct http_server *)&config}, &f);
    ck_assert_msg(host != NULL, "%s", f.text);
    ck_assert_int_eq(host_start(host, &f), 0);
    ck_assert_int_eq(router.ups, 1);
}
static void stop_loop(void *arg) {
    (void)arg;
    loop_stop(loop);
}
static void teardown(void) {
    host_stop(host, stop_loop, NULL);
    loop_run(loop);
    host_free(&host);
    loop_free(&loop);
    crypto_free(&crypto);
}

static struct draht_span say(const char *s) {
    return (struct draht_span){s, strlen(s)};
}
static void on_accept(void *arg, int status, const struct draht_accepted *a) {
    (void)arg;
    channel.answers++;
    channel.status = status;
    if (status == 0)
        snprintf(channel.number, sizeof channel.number, "%.*s", (int)a->ticket.n, a->ticket.p);
    loop_stop(loop);
}
static struct outbound outbound(void) {
    return (struct outbound){.channel = "t", .message = "2026-000001.2", .ticket = "2026-000001", .attempt = 1,
                             .thread = SPAN("thread"), .text = SPAN("Antwort"), .thread_seq = 2};
}

START_TEST(test_accept_maps_and_answers) {
    struct draht_inbound m = {.size = sizeof m, .external_id = say("e1"), .sender = say("s"), .text = say("Hallo"),
                              .flags = DRAHT_IN_AUTOMATIC};
    channel.h->accept(channel.host, &m, on_accept, NULL);
    ck_assert_str_eq(router.external_id, "e1");
    ck_assert_str_eq(router.text, "Hallo");
    ck_assert(router.in.is_automatic && router.in.has_history && !router.in.is_system);
    ck_assert_int_eq(channel.answers, 0);
    struct accepted a = {.ticket = "2026-000001", .message = "2026-000001.1", .thread_seq = 1};
    router.done(router.arg, 0, &a);
    ck_assert_int_eq(channel.answers, 1);
    ck_assert_str_eq(channel.number, "2026-000001");
}
END_TEST

START_TEST(test_an_older_writer_is_extended) {
    struct draht_inbound m;
    memset(&m, 0xff, sizeof m); /* what the older writer does not know is garbage here */
    m.size = offsetof(struct draht_inbound, text_quoted);
    m.external_id = say("e1");
    m.sender = m.sender_name = m.recipient = m.subject = m.text = say("x");
    channel.h->accept(channel.host, &m, on_accept, NULL);
    ck_assert_int_eq(router.accepts, 1);
    ck_assert_uint_eq(router.in.attachments_n, 0);
    ck_assert(!router.in.is_automatic && router.in.html.p == NULL);
    router.done(router.arg, ERR_UNAVAILABLE, NULL);
    ck_assert_int_eq(channel.status, DRAHT_E_UNAVAILABLE);
    host_notify(host, "t", "thread", "closed", ""); /* beyond the channel's size: not called */
}
END_TEST

static void event(const char *type, const char *thread, uint64_t seq, const char *info) {
    char name[THREAD_NAME_BYTES] = "";
    if (*thread)
        thread_name(NULL, "t", span_str(thread), name);
    host_feed(host, &(struct feed_event){.type = type, .ticket = "2026-000001", .info = info, .thread = name, .seq = seq});
}

START_TEST(test_watched_conversations_hear_of_themselves) {
    teardown();
    row.type = "listening";
    setup();
    event("message.sent", "abc", 1, "");
    channel.h->watch(channel.host, say("nobody"), 0);
    for (int i = 0; i < 600; i++) { /* the table grows */
        char thread[16];
        snprintf(thread, sizeof thread, "x%d", i);
        channel.h->watch(channel.host, say(thread), 1);
    }
    channel.h->watch(channel.host, say("abc"), 1);
    channel.h->watch(channel.host, say("abc"), 1);
    channel.h->watch(channel.host, say(""), 1);
    const struct {
        const char *type, *thread, *info;
        uint64_t seq;
        const char *heard;
    } cases[] = {{"message.received", "abc", "created", 3, "abc items 3;"},
                 {"message.sent", "x599", "", 7, "x599 items 7;"},
                 {"message.read", "abc", "", 4, "abc was_read 4;"},
                 {"ticket.seen", "abc", "", 4, "abc read 4;"},
                 {"ticket.seen", "abc", "", 0, ""},
                 {"ticket.changed", "abc", "state,closed", 0, "abc closed 2026-000001;"},
                 {"ticket.changed", "abc", "queue,state", 0, "abc open 2026-000001;"},
                 {"ticket.changed", "abc", "queue", 0, ""},
                 {"message.queued", "abc", "closed", 0, "abc closed 2026-000001;"},
                 {"message.queued", "abc", "", 0, ""},
                 {"note.added", "abc", "", 0, ""},
                 {"thread.told", "abc", "ended", 0, "abc told ended;"},
                 {"thread.told", "other", "ended", 0, ""},
                 {"message.sent", "other", "", 9, ""},
                 {"message.sent", "", "", 9, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        channel.heard[0] = 0;
        event(cases[i].type, cases[i].thread, cases[i].seq, cases[i].info);
        ck_assert_str_eq(channel.heard, cases[i].heard);
    }
    channel.heard[0] = 0;
    channel.h->watch(channel.host, say("abc"), 0);
    event("message.sent", "abc", 5, "");
    channel.h->health(channel.host, 0, "away");
    event("message.sent", "x1", 5, "");
    ck_assert_str_eq(channel.heard, "");
    row.type = "test";
}
END_TEST

static void answer_places(const char *first, int64_t before, int64_t others) {
    int64_t all[PLACES_MAX];
    char name[THREAD_NAME_BYTES];
    thread_name(NULL, "t", span_str(first), name);
    for (size_t i = 0; i < places.n; i++)
        all[i] = strcmp(places.names[i], name) == 0 ? before : others;
    channel.heard[0] = 0;
    places.done(places.arg, 0, all, places.n);
}
static uint64_t now(void) {
    return uv_now(loop_uv(loop));
}

START_TEST(test_places_are_asked_for_together_and_seldom) {
    teardown();
    row.type = "listening";
    setup();
    memset(&places, 0, sizeof places);
    channel.h->watch_place(channel.host, say("abc"), 1); /* is not under watch */
    for (int i = 0; i < 50; i++) {
        char thread[16];
        snprintf(thread, sizeof thread, "x%02d", i);
        channel.h->watch(channel.host, say(thread), 1);
        channel.h->watch_place(channel.host, say(thread), i < 10);
        channel.h->watch_place(channel.host, say(thread), i < 10);
    }
    loop_run(loop);
    uint64_t first = now();
    ck_assert_int_eq(places.calls, 1);
    ck_assert_uint_eq(places.n, 10);
    event("message.received", "other", 1, ""); /* while the answer is on its way */
    answer_places("x03", 2, -1);
    ck_assert_ptr_nonnull(strstr(channel.heard, "x03 place 2;"));
    ck_assert_ptr_nonnull(strstr(channel.heard, "x09 place ;"));
    event("message.queued", "other", 0, "");
    loop_run(loop);
    ck_assert_int_eq(places.calls, 2);
    ck_assert_uint_ge(now() - first, 2990);
    channel.h->watch_place(channel.host, say("x04"), 0);
    channel.h->watch(channel.host, say("x03"), 0); /* its place ends as well */
    answer_places("x05", 0, -1);
    ck_assert_str_eq(channel.heard, "x05 place 0;"); /* what has not changed is not said again */
    event("note.added", "other", 0, "");
    ck_assert(!uv_loop_alive(loop_uv(loop))); /* nothing happened: nothing is planned */
    event("ticket.changed", "", 0, "queue");
    ck_assert(uv_loop_alive(loop_uv(loop)));
    row.type = "test";
}
END_TEST

START_TEST(test_places_of_a_store_that_is_away_and_of_a_host_that_ends) {
    teardown();
    row.type = "listening";
    setup();
    memset(&places, 0, sizeof places);
    channel.h->watch(channel.host, say("abc"), 1);
    channel.h->watch_place(channel.host, say("abc"), 1);
    loop_run(loop);
    channel.heard[0] = 0;
    places.done(places.arg, ERR_UNAVAILABLE, NULL, 0);
    ck_assert_str_eq(channel.heard, "");
    loop_run(loop); /* asked again by itself */
    ck_assert_int_eq(places.calls, 2);
    host_stop(host, stop_loop, NULL);
    loop_run(loop);
    host_free(&host);
    answer_places("abc", 1, 1); /* late: nobody hears it, and the host is let go */
    ck_assert_str_eq(channel.heard, "");
    loop_free(&loop);
    crypto_free(&crypto);
    setup();
    row.type = "test";
}
END_TEST

START_TEST(test_a_word_for_other_gateways) {
    char longest[34];
    memset(longest, 'a', sizeof longest);
    longest[33] = 0;
    const struct {
        const char *thread, *word, *told;
    } cases[] = {{"abc", "ended", "t abc ended"}, {"abc", "not_now", "t abc not_now"}, {"abc", "", ""},    {"", "ended", ""},
                 {"abc", "Ended", ""},            {"abc", "a b", ""},                  {"abc", "a\n", ""}, {"abc", longest, ""},
                 {"abc", longest + 1, "t abc aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        told[0] = 0;
        channel.h->tell(channel.host, say(cases[i].thread), say(cases[i].word));
        ck_assert_str_eq(told, cases[i].told);
    }
}
END_TEST

START_TEST(test_accept_without_ids_takes_the_channel_down) {
    struct draht_inbound m = {.size = sizeof m, .text = say("Hallo")};
    channel.h->accept(channel.host, &m, on_accept, NULL);
    ck_assert_int_eq(channel.answers, 0);
    loop_run(loop);
    ck_assert_int_eq(channel.answers, 1);
    ck_assert_int_eq(channel.status, DRAHT_E_REJECTED);
    ck_assert_int_eq(router.accepts, 0);
    ck_assert_int_eq(router.downs, 1);
}
END_TEST

START_TEST(test_settled_twice_takes_the_channel_down) {
    struct router_send s = {0}, t = {0};
    struct outbound m = outbound();
    host_send(host, &m, &s);
    ck_assert_uint_eq(channel.out.thread_seq, 2);
    struct draht_token *token = channel.token;
    channel.h->settle(token, DRAHT_SENT, (struct draht_span){0}, 0);
    channel.h->settle(token, DRAHT_REJECTED, (struct draht_span){0}, 0);
    ck_assert_int_eq(s.settled_n, 1);
    ck_assert_int_eq(s.verdict, V_SENT);
    ck_assert_int_eq(router.downs, 1);
    host_send(host, &m, &t); /* down now: the router keeps it */
    ck_assert_int_eq(t.verdict, V_RETRY);
    json_t *all = host_describe(host);
    ck_assert(!json_flag(json_array_get(all, 0), "up", true));
    ck_assert_ptr_nonnull(strstr(json_str(json_array_get(all, 0), "sentence", ""), "settled twice"));
    json_decref(all);
}
END_TEST

START_TEST(test_an_unsettled_send_goes_back_at_the_end) {
    static struct router_send s;
    struct outbound m = outbound();
    s = (struct router_send){0};
    host_send(host, &m, &s);
    host_free(&host);
    ck_assert_int_eq(s.settled_n, 1);
    ck_assert_int_eq(s.verdict, V_RETRY);
    struct fault f = {0};
    host = host_new(&(struct host_options){.loop = loop, .crypto = crypto, .clock = &clock_system, .config = &config,
                                           .http = (struct http_server *)&config}, &f);
}
END_TEST

START_TEST(test_an_answer_after_the_end_meets_nobody) {
    struct draht_inbound m = {.size = sizeof m, .external_id = say("e1"), .sender = say("s")};
    struct fault f = {0};
    channel.h->accept(channel.host, &m, on_accept, NULL);
    host_free(&host);
    struct accepted a = {.ticket = "2026-000001", .message = "2026-000001.1"};
    router.done(router.arg, 0, &a);
    ck_assert_int_eq(channel.answers, 0);
    host = host_new(&(struct host_options){.loop = loop, .crypto = crypto, .clock = &clock_system, .config = &config,
                                           .http = (struct http_server *)&config}, &f);
}
END_TEST

START_TEST(test_facts) {
    struct draht_span v = channel.h->fact(channel.host, "public.url");
    ck_assert(span_eq((struct span){v.p, v.n}, "http://127.0.0.1:4711"));
    v = channel.h->fact(channel.host, "city.name");
    ck_assert(span_eq((struct span){v.p, v.n}, "X"));
    ck_assert_ptr_null(channel.h->fact(channel.host, "nothing").p);
}
END_TEST

static Suite *suite(void) {
    Suite *s = suite_create("host");
    TCase *c = tcase_create("contract");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_accept_maps_and_answers);
    tcase_add_test(c, test_an_older_writer_is_extended);
    tcase_add_test(c, test_watched_conversations_hear_of_themselves);
    tcase_add_test(c, test_places_are_asked_for_together_and_seldom);
    tcase_add_test(c, test_places_of_a_store_that_is_away_and_of_a_host_that_ends);
    tcase_add_test(c, test_a_word_for_other_gateways);
    tcase_add_test(c, test_accept_without_ids_takes_the_channel_down);
    tcase_add_test(c, test_settled_twice_takes_the_channel_down);
    tcase_add_test(c, test_an_unsettled_send_goes_back_at_the_end);
    tcase_add_test(c, test_an_answer_after_the_end_meets_nobody);
    tcase_add_test(c, test_facts);
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
