/* SPDX-License-Identifier: EUPL-1.2 */
/* health: what supervisors ask: is the process there, can it take messages in, how is it doing. */
#include "gateway/api/api_private.h"

#include <stdio.h>

#include "gateway/base/metrics.h"

static void on_health(void *arg, struct http_exchange *x) {
    (void)arg;
    http_respond(x, 200, "text/plain; charset=utf-8", SPAN("ok\n"));
}

static void on_ready(void *arg, struct http_exchange *x) {
    struct api *a = arg;
    if (a->is_ready && router_is_ready(a->o.router)) {
        http_respond(x, 200, "text/plain; charset=utf-8", SPAN("ready\n"));
        return;
    }
    http_set_header(x, "retry-after", "1");
    http_problem(x, 503, a->is_stopping ? "stopping" : "store_unavailable",
                 "The store does not answer yet. Messages are not accepted until it does.");
}

/* What is asked rather than counted: looked up when somebody looks. */
static void gauges(struct api *a) {
    metric_set(metrics_gauge("draht_store_ready", "1 when messages can be taken in.", ""),
               a->is_ready && router_is_ready(a->o.router) ? 1 : 0);
    json_t *one, *list = api_channels(a);
    size_t i;
    json_array_foreach(list, i, one) {
        char label[64];
        snprintf(label, sizeof label, "channel=\"%.32s\"", json_str(one, "id", ""));
        metric_set(metrics_gauge("draht_channel_up", "1 when the channel works.", label),
                   json_flag(one, "up", false) ? 1 : 0);
        metric_set(metrics_gauge("draht_channel_waiting", "Replies handed to the channel.", label),
                   (double)json_int(one, "waiting", 0));
    }
    json_decref(list);
}

void health_count(const struct feed_event *e) {
    char label[64];
    size_t n = e->type ? strspn(e->type, "abcdefghijklmnopqrstuvwxyz_.") : 0;
    if (n == 0 || n > 40 || e->type[n])
        return;
    snprintf(label, sizeof label, "type=\"%s\"", e->type);
    metric_add(metrics_counter("draht_events_total", "Events of the ticket stream.", label), 1);
}

static void answer_metrics(struct api *a, struct http_exchange *x) {
    gauges(a);
    struct buf text = {0};
    metrics_render(&text);
    http_respond(x, 200, "text/plain; version=0.0.4; charset=utf-8", buf_span(&text));
    buf_free(&text);
}

static void do_metrics(struct api_call *c) {
    json_decref(c->session);
    c->session = NULL;
    answer_metrics(c->api, c->x);
}

static void on_metrics(void *arg, struct http_exchange *x) {
    if (api_peer_is_loopback(http_peer(x)))
        answer_metrics(arg, x);
    else
        auth_enter(arg, x, API_PLAIN | API_ADMIN, do_metrics);
}

static void on_metrics_alone(void *arg, struct http_exchange *x) {
    answer_metrics(arg, x);
}

void api_metrics_serve(struct api *a, struct http_server *s) {
    http_server_route(
        s, &(struct http_route){
               .methods = "GET", .path = "/metrics", .handler = on_metrics_alone, .arg = a});
}

void health_routes(struct api *a) {
    api_route(a, "GET", "/healthz", on_health);
    api_route(a, "GET", "/readyz", on_ready);
    api_route(a, "GET", "/metrics", on_metrics);
}
