/* SPDX-License-Identifier: EUPL-1.2 */
/* app: life of the process: start in the order of the strata, end in the opposite one. */
#include "gateway/app_private.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/base/metrics.h"
#include "gateway/notify.h"

#define STOP_MS 10000
/* A terminal signals its whole group and make hands on what it got: until then it is one wish. */
#define STOP_AGAIN_MS 1000
#define CONNECTIONS_MAX 20000
#define FILES_MAX 65536 /* connections, blobs and what channels open; more only costs tables */
#define CONNECTIONS_PER_IP_MAX 2000 /* whole offices and mobile networks come from one address */

/* ---- the seams ---- */
static void to_channels(void *arg, const struct outbound *m, struct router_send *send) {
    struct app *a = arg;
    if (a->host)
        host_send(a->host, m, send);
    else
        router_settle(send, V_RETRY, SPAN("starting"), 1000);
}

static void to_inbox_and_channels(void *arg, const struct feed_event *e) {
    struct app *a = arg;
    if (a->api)
        api_feed(a->api, e);
    if (a->host)
        host_feed(a->host, e);
}

static void citizen_types(void *arg, const char *ticket, int is_typing) {
    struct app *a = arg;
    if (a->api)
        api_typing(a->api, ticket, is_typing);
}

/* ---- ending ---- */
static void stop_signals(struct app *a) {
    for (int i = 0; i < a->signals_open; i++)
        uv_close((uv_handle_t *)&a->signals[i], NULL);
    a->signals_open = 0;
}

static void end_store(void *arg) {
    struct app *a = arg;
    log_debug("app.stop", "store ended");
    stop_signals(a);
    loop_timer_stop(&a->deadline);
    loop_stop(a->loop);
}

static void http_closed(void *arg) {
    struct app *a = arg;
    log_debug("app.stop", "doors closed");
    a->http = NULL;
    api_free(&a->api);
    http_client_free(&a->client);
    transfers_free(&a->transfers);
    if (a->router)
        router_free(&a->router);
    if (a->redis)
        app_redis_stop(a->redis, end_store, a);
    else
        end_store(a);
}

static void metrics_closed(void *arg) {
    struct app *a = arg;
    a->metrics = NULL;
    if (a->http)
        http_server_close(a->http, http_closed, a);
    else
        http_closed(a);
}

static void router_stopped(void *arg) {
    struct app *a = arg;
    log_debug("app.stop", "router drained");
    host_free(&a->host);
    if (a->metrics)
        http_server_close(a->metrics, metrics_closed, a);
    else
        metrics_closed(a);
}

static void host_stopped(void *arg) {
    struct app *a = arg;
    log_debug("app.stop", "channels drained");
    if (a->router)
        router_stop(a->router, router_stopped, a);
    else
        router_stopped(a);
}

static void end_now(struct app *a, const char *why) {
    log_error("app.stop", "%s, ended now; nothing that was acknowledged is lost", why);
    if (a->redis)
        app_redis_kill(a->redis);
    _exit(1);
}

static void too_late(void *arg) {
    end_now(arg, "not drained in time");
}

static void app_stop(struct app *a, int status) {
    if (a->is_stopping)
        return;
    a->is_stopping = true;
    a->stopping_ms = uv_now(loop_uv(a->loop));
    a->status = status;
    notify_state("STOPPING=1");
    log_info("app.stop", "draining");
    a->deadline = loop_timer(a->loop, STOP_MS, 0, too_late, a);
    app_demo_free(a);
    if (a->api)
        api_stop(a->api);
    if (a->host)
        host_stop(a->host, host_stopped, a);
    else
        host_stopped(a);
}

/* ---- reload ---- */
static bool keep_old(struct app *a, struct arena *memory) {
    if (a->old_n == (int)(sizeof a->old / sizeof *a->old))
        return false;
    a->old[a->old_n] = a->config;
    a->old_memory[a->old_n++] = memory;
    return true;
}

static void app_reload(struct app *a) {
    struct buf text = {0};
    struct arena *memory = NULL;
    notify_state("RELOADING=1");
    struct config *next = app_config_load(&a->o, &memory, &text);
    if (!next) {
        log_error("config.refused", "the running settings stay: %s", text.p ? text.p : "");
    } else if (!keep_old(a, a->config_memory)) {
        log_error("config.refused", "reloaded too often; restart to take the settings over");
        config_free(&next);
        arena_free(&memory);
    } else {
        int restart = config_diff(a->config, next, &text);
        a->config = next;
        a->config_memory = memory;
        router_reload(a->router, next);
        host_reload(a->host, next);
        api_reload(a->api, next);
        log_info("config.reloaded", "restart_needed=%d %s", restart, text.p ? text.p : "");
    }
    buf_free(&text);
    notify_state("READY=1");
}

static void on_signal(uv_signal_t *s, int number) {
    struct app *a = s->data;
    if (number == SIGHUP) {
        if (!a->is_stopping && a->is_ready)
            app_reload(a);
        return;
    }
    if (a->is_stopping && uv_now(loop_uv(a->loop)) - a->stopping_ms >= STOP_AGAIN_MS)
        end_now(a, "a second signal came");
    app_stop(a, 0);
}

static void watch_signals(struct app *a) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 3; i++) {
        uv_signal_init(loop_uv(a->loop), &a->signals[i]);
        a->signals[i].data = a;
        uv_signal_start(&a->signals[i], on_signal, numbers[i]);
        a->signals_open++;
    }
}

/* ---- starting ---- */
static void ready(struct app *a) {
    if (a->is_stopping)
        return;
    struct fault f = {0};
    if (host_start(a->host, &f) < 0) {
        log_error("app.start", "%s", f.text);
        app_stop(a, 1);
        return;
    }
    app_greet(a);
    api_set_ready(a->api, true);
    notify_state("READY=1");
    if (a->config->demo)
        app_demo_start(a);
}

static void on_store_ready(void *arg) {
    struct app *a = arg;
    if (a->is_ready || a->is_stopping)
        return; /* it was away and is back */
    a->is_ready = true;
    app_first_account(a, ready);
}

static void on_fatal(void *arg, const char *why) {
    struct app *a = arg;
    fprintf(stderr, "draht: %s\n", why);
    log_error("app.fatal", "%s", why);
    app_stop(a, 1);
}

static int start_store(struct app *a, struct fault *f) {
    bool made = false;
    a->crypto = app_key_open(a->config, &made, f);
    if (!a->crypto)
        return f->code;
    if (made)
        printf("A new master key lies in %s. Keep a copy in another place: without it\n"
               "nobody can read what is stored here, not even you.\n\n",
               a->config->master_key);
    if (!strcmp(a->config->redis, "embedded")) {
        a->redis = app_redis_start(a->loop, a->config->state_dir, f);
        if (!a->redis)
            return f->code;
    }
    a->router =
        router_new(&(struct router_options){.loop = a->loop,
                                            .redis_address = a->redis ? app_redis_address(a->redis)
                                                                      : a->config->redis,
                                            .crypto = a->crypto,
                                            .clock = &clock_system,
                                            .config = a->config,
                                            .sender = to_channels,
                                            .sender_arg = a,
                                            .listener = to_inbox_and_channels,
                                            .listener_arg = a,
                                            .on_ready = on_store_ready,
                                            .on_fatal = on_fatal,
                                            .arg = a},
                   f);
    return a->router ? 0 : f->code;
}

/* "127.0.0.1:9100", "[::1]:9100" */
static int start_metrics(struct app *a, struct fault *f) {
    const char *at = a->config->metrics_listen, *colon = at ? strrchr(at, ':') : NULL;
    if (!at || !*at)
        return 0;
    unsigned long long port = 0;
    char host[256];
    bool bracket = *at == '[';
    if (!colon || colon - at >= (int)sizeof host || colon - at <= (bracket ? 2 : 0) ||
        span_u64(span_str(colon + 1), 65535, &port) < 0)
        return fault_set(f, ERR_INVALID, "metrics.listen: write host:port, such as 127.0.0.1:9100");
    snprintf(host, sizeof host, "%.*s", (int)(colon - at) - (bracket ? 2 : 0),
             at + (bracket ? 1 : 0));
    struct http_server_options h = {
        .host = host, .port = (int)port, .connections_max = 50, .connections_per_ip_max = 50};
    a->metrics = http_server_new(a->loop, &h, f);
    if (!a->metrics)
        return f->code;
    api_metrics_serve(a->api, a->metrics);
    return 0;
}

static int start_doors(struct app *a, struct fault *f) {
    const struct config *c = a->config;
    struct http_server_options h = {
        .host = c->listen_host,
        .port = c->listen_port,
        .tls_cert = c->tls_cert && *c->tls_cert ? c->tls_cert : NULL,
        .tls_key = c->tls_key && *c->tls_key ? c->tls_key : NULL,
        .connections_max = CONNECTIONS_MAX,
        .connections_per_ip_max = CONNECTIONS_PER_IP_MAX,
        .connections_loopback_max =
            CONNECTIONS_MAX, /* whoever is on this machine is its operator */
        .trust_forwarded = c->trust_forwarded};
    a->http = http_server_new(a->loop, &h, f);
    if (!a->http)
        return f->code;
    a->transfers = transfers_new(a->loop);
    a->client = http_client_new(a->transfers);
    a->host = host_new(&(struct host_options){.loop = a->loop,
                                              .http = a->http,
                                              .client = a->client,
                                              .transfers = a->transfers,
                                              .router = a->router,
                                              .crypto = a->crypto,
                                              .clock = &clock_system,
                                              .config = c,
                                              .on_typing = citizen_types,
                                              .arg = a},
                       f);
    if (!a->host)
        return f->code;
    a->api = api_new(&(struct api_options){a->loop, a->http, a->router, a->host, a->crypto,
                                           &clock_system, c, DRAHT_VERSION});
    return 0;
}

static int set_up(struct app *a, struct fault *f) {
    struct buf faults = {0};
    a->config = app_config_load(&a->o, &a->config_memory, &faults);
    if (!a->config) {
        fprintf(stderr, "%s", faults.p ? faults.p : "");
        buf_free(&faults);
        return fault_set(f, ERR_INVALID,
                         "the configuration has faults; draht explain KEY describes a setting");
    }
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(a->config->log_level, levels[i]))
            log_set_level((enum log_level)i);
    if (locale_init(f) < 0)
        return f->code;
    a->lock = app_state_open(a->config, f);
    return a->lock < 0 ? a->lock : 0;
}

static void clean_up(struct app *a) {
    app_redis_free(&a->redis);
    loop_free(&a->loop);
    crypto_free(&a->crypto);
    metrics_reset();
    config_free(&a->config);
    arena_free(&a->config_memory);
    for (int i = 0; i < a->old_n; i++) {
        config_free(&a->old[i]);
        arena_free(&a->old_memory[i]);
    }
    if (a->lock >= 0)
        close(a->lock);
}

static void raise_files(void) {
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur >= FILES_MAX)
        return;
    r.rlim_cur = r.rlim_max < FILES_MAX ? r.rlim_max : FILES_MAX;
    if (setrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur < CONNECTIONS_MAX + 100)
        log_info("app.files", "open_files=%llu allow fewer than %d connections",
                 (unsigned long long)r.rlim_cur, CONNECTIONS_MAX);
}

int app_run(const struct app_options *o) {
    struct app a = {.o = *o, .lock = -1};
    struct fault f = {0};
    int e = crypto_init();
    if (e == 0)
        e = set_up(&a, &f);
    if (e < 0) {
        fprintf(stderr, "draht: %s\n", f.text[0] ? f.text : error_sentence(e));
        config_free(&a.config);
        arena_free(&a.config_memory);
        return 1;
    }
    raise_files();
    a.loop = loop_new();
    watch_signals(&a);
    e = start_store(&a, &f);
    if (e == 0)
        e = start_doors(&a, &f);
    if (e == 0)
        e = start_metrics(&a, &f);
    if (e < 0) {
        fprintf(stderr, "draht: %s\n", f.text[0] ? f.text : error_sentence(e));
        app_stop(&a, 1);
    }
    loop_run(a.loop);
    clean_up(&a);
    log_info("app.stop", "ended status=%d", a.status);
    return a.status;
}
