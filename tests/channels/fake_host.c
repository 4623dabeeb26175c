/* SPDX-License-Identifier: EUPL-1.2 */
/* fake_host: a whole draht_host in memory, for tests that include it (each uses what it needs).
 * Answers come when fake_run is called, as the real ones come from the loop. */
#include "tests/channels/fake_core.c"
#include "tests/channels/fake_store.c"
#include "tests/channels/fake_web.c"

static int64_t f_now(void *host) {
    (void)host;
    return fake.now_ms;
}
static struct draht_timer *f_timer(void *host, uint64_t delay, uint64_t repeat, void (*fn)(void *), void *arg) {
    (void)host;
    struct draht_timer *t = xcalloc(1, sizeof *t);
    t->at_ms = fake.now_ms + (int64_t)delay;
    t->repeat_ms = repeat;
    t->fn = fn;
    t->arg = arg;
    t->next = fake.timers;
    fake.timers = t;
    return t;
}
static void f_timer_stop(struct draht_timer *t) {
    t->is_stopped = true;
}
static void f_mac(void *host, struct draht_span text, uint8_t out[32]) {
    (void)host;
    crypto_mac(fake.crypto, "fake", (struct span){text.p, text.n}, out);
}
static struct draht_span f_fact(void *host, const char *name) {
    (void)host;
    if (strcmp(name, "public.url") == 0)
        return fake_span("https://draht.city.example");
    if (strcmp(name, "city.name") == 0)
        return fake_span("Musterstadt");
    if (strcmp(name, "locale.de.form.done") == 0)
        return fake_span("Ihre Nummer ist {number}.");
    if (strcmp(name, "hours.open") == 0)
        return fake_span(fake.is_open_hours ? "1" : "0");
    return (struct draht_span){0};
}
static void f_log(void *host, int level, const char *event, const char *text) {
    (void)host, (void)level, (void)event, (void)text;
}
static void f_health(void *host, int up, const char *sentence) {
    (void)host, (void)up, (void)sentence;
}

static const struct draht_host fake_host = {.size = sizeof(struct draht_host),
                                            .accept = f_accept,
                                            .receipt = f_receipt,
                                            .part_done = f_part_done,
                                            .settle = f_settle,
                                            .history = f_history,
                                            .typing = f_typing,
                                            .read_mark = f_read_mark,
                                            .watch = f_watch,
                                            .files = f_files,
                                            .text = f_text,
                                            .tell = f_tell,
                                            .watch_place = f_watch_place,
                                            .blob_put = f_blob_put,
                                            .blob_get = f_blob_get,
                                            .state_set = f_state_set,
                                            .state_get = f_state_get,
                                            .state_del = f_state_del,
                                            .state_rank = f_state_rank,
                                            .state_ranked = f_state_ranked,
                                            .tickets = f_tickets,
                                            .http_method = f_method,
                                            .route = f_route,
                                            .socket_route = f_socket_route,
                                            .http_rest = f_rest,
                                            .http_query = f_query,
                                            .http_header = f_header,
                                            .http_body = f_body,
                                            .http_peer = f_peer,
                                            .http_set_header = f_set_header,
                                            .http_respond = f_respond,
                                            .socket_send = f_socket_send,
                                            .socket_close = f_socket_close,
                                            .socket_peer = f_socket_peer,
                                            .now_ms = f_now,
                                            .timer = f_timer,
                                            .timer_stop = f_timer_stop,
                                            .mac = f_mac,
                                            .random = crypto_random,
                                            .fact = f_fact,
                                            .log = f_log,
                                            .health = f_health,
                                            .scan = f_scan};

/* Opens and starts the channel. Negative with err when open refused. */
__attribute__((unused)) static int fake_begin(const struct draht_channel_ops *ops, const char *options, char err[256]) {
    static const uint8_t key[CRYPTO_KEY_BYTES] = {7};
    memset(&fake, 0, sizeof fake);
    crypto_init();
    fake.crypto = crypto_from_key(key);
    fake.now_ms = 1800000000000;
    fake.is_open_hours = true;
    fake.ops = ops;
    int rc = ops->open(&fake_host, NULL, "chat", options, &fake.channel, err);
    return rc < 0 ? rc : ops->start(fake.channel, err);
}

static void fake_on_stopped(void *arg, int status) {
    (void)status;
    *(bool *)arg = true;
}

static void fake_end(void) {
    bool stopped = false;
    if (fake.channel) {
        fake.ops->stop(fake.channel, fake_on_stopped, &stopped);
        fake_run();
        fake.ops->close(fake.channel);
    }
    for (size_t i = 0; i < fake.messages_n; i++) {
        free(fake.messages[i].external_id);
        free(fake.messages[i].thread);
        free(fake.messages[i].text);
        free(fake.messages[i].sender);
    }
    for (size_t i = 0; i < fake.states_n; i++) {
        free(fake.states[i].key);
        free(fake.states[i].value);
    }
    for (size_t i = 0; i < fake.blobs_n; i++)
        buf_free(&fake.blobs[i]);
    while (fake.timers) {
        struct draht_timer *t = fake.timers;
        fake.timers = t->next;
        free(t);
    }
    crypto_free(&fake.crypto);
}
