/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * inbox: the live socket of the staff. Changes are gathered for 30 ms, each changed ticket is read
 * once, written as JSON once, and the same bytes go to all. Nothing is replayed: after a reconnect
 * the client loads its list again. inbox_feed.c gathers; here are the sockets and who looks at
 * what.
 */
#include "gateway/api/inbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "gateway/base/metrics.h"

#define RECHECK_MS 60000
#define CHANNELS_MS 2000
#define WRITING_MS 8000 /* who stops writing without saying so is not shown for ever */

static struct metric *sockets_gauge(void) {
    return metrics_gauge("draht_inbox_sockets", "Live sockets of staff.", "");
}

void inbox_send(struct inbox_socket *s, json_t *v) {
    char *text = json_text(v);
    json_decref(v);
    if (s->ws && s->is_known)
        ws_send(s->ws, span_str(text));
    free(text);
}

void inbox_send_all(struct inbox *i, const char *ticket, json_t *v,
                    const struct inbox_socket *but) {
    char *text = json_text(v);
    json_decref(v);
    struct ws_shared *m = ws_shared_new(span_str(text));
    free(text);
    for (struct inbox_socket *s = i->sockets; s; s = s->next)
        if (s != but && s->ws && s->is_known && (!ticket || !strcmp(s->watch, ticket)))
            ws_send_shared(s->ws, m);
    ws_shared_unref(m);
}

void inbox_send_item(struct inbox *i, const char *ticket, const json_t *summary, json_t *v) {
    char *text = json_text(v);
    json_decref(v);
    struct ws_shared *m = ws_shared_new(span_str(text));
    free(text);
    for (struct inbox_socket *s = i->sockets; s; s = s->next)
        if (s->ws && s->is_known && !strcmp(s->watch, ticket) && access_sees(&s->user, summary))
            ws_send_shared(s->ws, m);
    ws_shared_unref(m);
}

bool inbox_is_watched(const struct inbox *i, const char *ticket) {
    for (const struct inbox_socket *s = i->sockets; s; s = s->next)
        if (s->is_known && !strcmp(s->watch, ticket))
            return true;
    return false;
}

/* ---- who looks at a ticket ---- */
static void send_viewers(struct inbox *i, const char *ticket) {
    if (!*ticket)
        return;
    json_t *list = json_array();
    for (const struct inbox_socket *s = i->sockets; s; s = s->next)
        if (s->is_known && !strcmp(s->watch, ticket))
            json_array_append_new(list, json_pack("{s:s,s:s,s:b}", "id", s->user.id, "name",
                                                  s->user.name, "writing", (int)s->is_writing));
    inbox_send_all(i, ticket,
                   json_pack("{s:s,s:s,s:o}", "t", "viewers", "ticket", ticket, "viewers", list),
                   NULL);
}

static void watch(struct inbox_socket *s, const char *ticket) {
    char before[API_NUMBER_BYTES];
    snprintf(before, sizeof before, "%s", s->watch);
    s->is_writing = false;
    snprintf(s->watch, sizeof s->watch, "%s", ticket);
    if (strcmp(before, ticket))
        send_viewers(s->inbox, before);
    send_viewers(s->inbox, s->watch);
}

/* An answer outlives its socket: it finds it again by its serial number, or not. */
struct asked {
    struct inbox *inbox;
    uint64_t serial;
    char ticket[API_NUMBER_BYTES];
};

static struct inbox_socket *socket_of(const struct inbox *i, uint64_t serial) {
    struct inbox_socket *s = i->sockets;
    while (s && s->serial != serial)
        s = s->next;
    return s && s->ws ? s : NULL;
}

static void on_may_watch(void *arg, int error) {
    struct asked *k = arg;
    struct inbox_socket *s = socket_of(k->inbox, k->serial);
    if (s && error == 0 && !strcmp(s->wanted, k->ticket) && !k->inbox->api->is_stopping)
        watch(s, k->ticket);
    free(k);
}

/* What s wants is watched as soon as it is known that the person may see it. */
static void ask_watch(struct inbox_socket *s) {
    if (!*s->wanted || !*s->user.scope) {
        watch(s, s->wanted);
        return;
    }
    watch(s, "");
    struct asked *k = xcalloc(1, sizeof *k);
    *k = (struct asked){.inbox = s->inbox, .serial = s->serial};
    snprintf(k->ticket, sizeof k->ticket, "%s", s->wanted);
    ticket_sees(s->inbox->api->o.router, s->user.scope, k->ticket, on_may_watch, k);
}

void inbox_rewatch(struct inbox *i, const char *ticket) {
    for (struct inbox_socket *s = i->sockets; s; s = s->next)
        if (s->is_known && *s->user.scope && !strcmp(s->watch, ticket))
            ask_watch(s);
}

static void set_writing(struct inbox_socket *s, bool on) {
    struct api *a = s->inbox->api;
    if (on)
        s->writing_ms = clock_ms(a->o.clock);
    if (s->is_writing == on || !*s->watch)
        return;
    s->is_writing = on;
    const struct api_thread *t = api_thread_of(a, s->watch);
    if (t && !a->is_stopping)
        host_typing(a->o.host, t->channel, t->thread, s->user.name, on);
    inbox_send_all(s->inbox, s->watch,
                   json_pack("{s:s,s:s,s:{s:s,s:s},s:b}", "t", "typing", "ticket", s->watch, "who",
                             "id", s->user.id, "name", s->user.name, "on", (int)on),
                   s);
    send_viewers(s->inbox, s->watch);
}

void inbox_typing(struct inbox *i, const char *ticket, const char *id, const char *name, bool on) {
    json_t *who = id ? json_pack("{s:s,s:s}", "id", id, "name", name) : json_string("citizen");
    inbox_send_all(
        i, ticket,
        json_pack("{s:s,s:s,s:o,s:b}", "t", "typing", "ticket", ticket, "who", who, "on", (int)on),
        NULL);
}

/* ---- sockets ---- */
static bool is_same_origin(const struct api *a, const struct ws_handshake *h) {
    struct span rest = h->origin;
    if (span_eq(h->origin, a->o.config->public_url))
        return true;
    if (span_istarts(rest, "https://"))
        rest = (struct span){rest.p + 8, rest.n - 8};
    else if (span_istarts(rest, "http://"))
        rest = (struct span){rest.p + 7, rest.n - 7};
    else
        return false;
    return rest.n > 0 && span_is(rest, h->host);
}

static int on_handshake(void *arg, const struct ws_handshake *h, void **user_out) {
    struct inbox *i = arg;
    char token[API_TOKEN_BYTES];
    if (i->api->is_stopping)
        return 503;
    if (!is_same_origin(i->api, h))
        return 403;
    if (!auth_cookie_token(i->api, h->cookie, token))
        return 401;
    if (i->sockets_n >= INBOX_SOCKETS_MAX)
        return 503;
    struct inbox_socket *s = xcalloc(1, sizeof *s);
    s->inbox = i;
    s->serial = ++i->serial;
    auth_token_hash(i->api, token, s->hash);
    s->next = i->sockets;
    i->sockets = s;
    metric_set(sockets_gauge(), ++i->sockets_n);
    *user_out = s;
    return 0;
}

static void on_checked(void *arg, int error, const struct api_user *user, json_t *session) {
    struct asked *k = arg;
    struct inbox *i = k->inbox;
    struct inbox_socket *s = socket_of(i, k->serial);
    (void)session;
    free(k);
    if (!s)
        return;
    if (!user) {
        if (error == ERR_NOT_FOUND || !s->is_known)
            ws_close(s->ws, error == ERR_NOT_FOUND ? 1008 : 1013,
                     error == ERR_NOT_FOUND ? "no_session" : "store_unavailable");
        return;
    }
    bool is_first = !s->is_known, is_other = strcmp(s->user.scope, user->scope) != 0;
    s->user = *user;
    if (!is_first) {
        if (is_other) /* it comes again and loads what it sees now */
            ws_close(s->ws, 1012, "access");
        return;
    }
    s->is_known = true;
    inbox_send(s, json_pack("{s:s}", "t", "hello"));
    i->counts_due = true;
    if (*s->wanted)
        ask_watch(s);
}

static void check(struct inbox_socket *s) {
    struct asked *k = xcalloc(1, sizeof *k);
    *k = (struct asked){.inbox = s->inbox, .serial = s->serial};
    auth_check(s->inbox->api, s->hash, on_checked, k);
}

static void on_open(void *user, struct ws *ws) {
    struct inbox_socket *s = user;
    s->ws = ws;
    check(s);
}

static void want(struct inbox_socket *s, const char *ticket) {
    snprintf(s->wanted, sizeof s->wanted, "%s", ticket);
    if (s->is_known)
        ask_watch(s);
}

static void on_text(void *user, struct ws *ws, struct span text) {
    struct inbox_socket *s = user;
    json_t *v = json_parse(text, INBOX_FRAME_BYTES_MAX, NULL);
    const char *t = json_str(v, "t", ""), *ticket = json_str(v, "ticket", "");
    bool known = s->is_known, number_ok = !*ticket || api_number_is_valid(span_str(ticket));
    if (!json_is_object(v) || !number_ok)
        ws_close(ws, 1008, "invalid");
    else if (!strcmp(t, "watch"))
        want(s, ticket);
    else if (known && !strcmp(t, "writing") && !strcmp(ticket, s->watch))
        set_writing(s, json_flag(v, "on", false));
    json_decref(v);
}

static void on_close(void *user, struct ws *ws) {
    struct inbox_socket *s = user;
    struct inbox *i = s->inbox;
    (void)ws;
    struct inbox_socket **p = &i->sockets;
    while (*p != s)
        p = &(*p)->next;
    *p = s->next;
    metric_set(sockets_gauge(), --i->sockets_n);
    if (!i->api->is_stopping)
        send_viewers(i, s->watch);
    free(s);
}

void inbox_account_changed(struct inbox *i, const char *user) {
    for (struct inbox_socket *s = i->sockets; s; s = s->next)
        if (s->ws && !strcmp(s->user.id, user))
            check(s);
}

void inbox_session_ended(struct inbox *i, const char *hash) {
    for (struct inbox_socket *s = i->sockets; s; s = s->next)
        if (s->ws && !strcmp(s->hash, hash))
            ws_close(s->ws, 1008, "no_session");
}

/* ---- timers ---- */
static void on_recheck(void *arg) {
    struct inbox *i = arg;
    for (struct inbox_socket *s = i->sockets; s; s = s->next)
        if (s->ws)
            check(s);
}

static void on_channels(void *arg) {
    struct inbox *i = arg;
    int64_t now = clock_ms(i->api->o.clock);
    for (struct inbox_socket *s = i->sockets; s; s = s->next)
        if (s->is_writing && now - s->writing_ms > WRITING_MS)
            set_writing(s, false);
    if (!i->sockets || i->api->is_stopping)
        return;
    json_t *list = api_channels(i->api);
    if (i->channels && json_equal(list, i->channels)) {
        json_decref(list);
        return;
    }
    json_decref(i->channels);
    i->channels = list;
    inbox_send_all(i, NULL, json_pack("{s:s,s:O}", "t", "channels", "channels", list), NULL);
}

struct inbox *inbox_new(struct api *a) {
    struct inbox *i = xcalloc(1, sizeof *i);
    i->api = a;
    i->recheck = loop_timer(a->o.loop, RECHECK_MS, RECHECK_MS, on_recheck, i);
    i->channels_timer = loop_timer(a->o.loop, CHANNELS_MS, CHANNELS_MS, on_channels, i);
    inbox_feed_start(i);
    ws_server_route(a->o.http, &(struct ws_route){.path = "/api/v1/live",
                                                  .protocol = "draht.inbox.v1",
                                                  .message_max = INBOX_FRAME_BYTES_MAX,
                                                  .arg = i,
                                                  .on_handshake = on_handshake,
                                                  .on_open = on_open,
                                                  .on_text = on_text,
                                                  .on_close = on_close});
    return i;
}

void inbox_stop(struct inbox *i) {
    loop_timer_stop(&i->recheck);
    loop_timer_stop(&i->channels_timer);
    inbox_feed_stop(i);
    for (struct inbox_socket *s = i->sockets; s; s = s->next)
        if (s->ws)
            ws_close(s->ws, 1012, "restart");
}

void inbox_free(struct inbox **ip) {
    struct inbox *i = *ip;
    if (!i)
        return;
    inbox_feed_free(i);
    json_decref(i->channels);
    free(i);
    *ip = NULL;
}
