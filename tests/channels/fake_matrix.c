/* SPDX-License-Identifier: EUPL-1.2 */
/* fake_matrix: the host in memory with HTTP towards a homeserver that the test plays: requests wait in a list until the test
 * answers them. Included after the channel's private header. */
#include "tests/channels/fake_host.c"

struct draht_http_run {
    struct draht_http_run *next;
    char *method, *url, *body;
    draht_http_answer_fn done;
    void *arg;
};
static struct {
    struct draht_http_run *runs;
    struct draht_host host;
    void (*on_change)(void *channel, int held);
    int is_up;
    struct {
        int verdict;
        uint64_t retry_ms;
        char reason[200];
    } settled;
    char part_ids[8][64];
    int parts_n;
} mx;

static struct draht_http_run *mx_http_call(void *host, const struct draht_http_call *c) {
    (void)host;
    struct draht_http_run *r = xcalloc(1, sizeof *r), **at = &mx.runs;
    r->method = xstrdup(c->method);
    r->url = xstrdup(c->url);
    r->body = xstrndup(c->body.p ? c->body.p : "", c->body.n);
    r->done = c->done;
    r->arg = c->arg;
    while (*at)
        at = &(*at)->next;
    *at = r;
    return r;
}
static void mx_take_out(struct draht_http_run *r) {
    struct draht_http_run **at = &mx.runs;
    while (*at && *at != r)
        at = &(*at)->next;
    if (*at)
        *at = r->next;
    free(r->method);
    free(r->url);
    free(r->body);
    free(r);
}
static int mx_lease(void *host, struct draht_span name, void (*on_change)(void *channel, int held)) {
    (void)host, (void)name;
    mx.on_change = on_change;
    return 0;
}
static void mx_part_done(struct draht_token *t, uint32_t part, struct draht_span id) {
    (void)t, (void)part;
    snprintf(mx.part_ids[mx.parts_n++ % 8], 64, "%.*s", (int)id.n, id.p);
}
static void mx_settle(struct draht_token *t, enum draht_verdict v, struct draht_span reason, uint64_t retry_ms) {
    t->verdict = (int)v;
    t->settled_n++;
    mx.settled.verdict = (int)v;
    mx.settled.retry_ms = retry_ms;
    snprintf(mx.settled.reason, sizeof mx.settled.reason, "%.*s", (int)reason.n, reason.p ? reason.p : "");
}
static void mx_health(void *host, int up, const char *sentence) {
    (void)host, (void)sentence;
    mx.is_up = up;
}
static void mx_state_del(void *host, struct draht_span key, draht_done_fn done, void *arg) {
    (void)host;
    for (size_t i = 0; i < fake.states_n; i++)
        if (strlen(fake.states[i].key) == key.n && memcmp(fake.states[i].key, key.p, key.n) == 0)
            fake.states[i].key[0] = '\1';
    fake_later(run_done, arg)->fn.done = done;
}

/* The oldest request whose URL holds this text, or NULL. */
static struct draht_http_run *mx_asked(const char *part) {
    for (struct draht_http_run *r = mx.runs; r; r = r->next)
        if (strstr(r->url, part))
            return r;
    return NULL;
}
/* Answers it and lets happen what follows. status 0: no answer. False when nobody asked. */
static bool mx_answer(const char *part, int status, const char *body) {
    struct draht_http_run *r = mx_asked(part);
    if (!r)
        return false;
    struct draht_http_answer a = {.size = sizeof a, .status = status, .error = status ? 0 : -20013, .retry_after_ms = -1};
    a.body = fake_span(body);
    draht_http_answer_fn done = r->done;
    void *arg = r->arg;
    mx_take_out(r);
    done(arg, &a);
    fake_run();
    return true;
}

static int mx_open(const char *options, char err[256]) {
    static const uint8_t key[CRYPTO_KEY_BYTES] = {7};
    memset(&fake, 0, sizeof fake);
    memset(&mx, 0, sizeof mx);
    (void)fake_begin; /* begins with the plain host */
    crypto_init();
    fake.crypto = crypto_from_key(key);
    fake.now_ms = 1800000000000;
    fake.ops = &matrix_ops;
    mx.host = fake_host;
    mx.host.http_call = mx_http_call;
    mx.host.http_cancel = mx_take_out;
    mx.host.lease = mx_lease;
    mx.host.part_done = mx_part_done;
    mx.host.settle = mx_settle;
    mx.host.health = mx_health;
    mx.host.state_del = mx_state_del;
    return matrix_ops.open(&mx.host, NULL, "matrix", options, &fake.channel, err);
}

/* Up to the first poll that waits for news. False when the channel asks for something else. */
static bool mx_begin(void) {
    char err[256];
    if (mx_open("{\"homeserver\":\"http://127.0.0.1:8008\",\"access_token\":\"t\"}", err) < 0 ||
        matrix_ops.start(fake.channel, err) < 0)
        return false;
    mx.on_change(fake.channel, 1);
    bool ok = mx_answer("/versions", 200, "{\"versions\":[\"v1.11\"]}") &&
              mx_answer("/whoami", 200, "{\"user_id\":\"@amt:lab.test\",\"device_id\":\"D\"}") &&
              mx_answer("/joined_rooms", 200, "{\"joined_rooms\":[]}");
    fake_run();
    ok = ok && mx_answer("/client/v1/media/config", 200, "{\"m.upload.size\":50000000}");
    return ok && mx_answer("/sync?", 200, "{\"next_batch\":\"s0\"}");
}

static void mx_end(void) {
    fake_end(); /* the channel takes back what it still asks */
    if (mx.runs)
        abort();
}
