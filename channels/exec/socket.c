/* SPDX-License-Identifier: EUPL-1.2 */
/* socket: WebSockets of programs on Draht's server. The route outlives a restart of the program,
 * its sockets do not: what was said on them, only the old one knew. */
#include <stdlib.h>

#include "channels/exec/exec_private.h"

#define SOCKETS_MAX 1000
#define TEXTS_MAX 16 /* of one socket, waiting for the program */
#define PATH_BYTES_MAX 200
#define PROTOCOL_BYTES_MAX 63
#define ORIGINS_BYTES_MAX 4000
#define REASON_BYTES_MAX 120 /* RFC 6455, 5.5.1: 123 in a control frame */

enum {
    WS_GOING = 1012,
    WS_LATER = 1013,
    WS_OWN_FIRST = 3000,
    WS_OWN_LAST = 4999
}; /* RFC 6455, 7.4 and its registry */

struct exec_socket {
    struct exec *x;
    struct exec_socket *next, **prev;
    struct draht_socket *socket;
    uint64_t nr;
    size_t unread;  /* texts that the program has not answered */
    bool is_ending; /* closed by us: the program is told nothing more */
};

static void release(struct exec_socket *s) {
    *s->prev = s->next;
    if (s->next)
        s->next->prev = s->prev;
    s->x->sockets_n--;
    free(s);
}

static struct exec_socket *socket_nr(const struct exec *x, int64_t nr) {
    struct exec_socket *s = x->sockets;
    while (s && !(s->nr == (uint64_t)nr && !s->is_ending))
        s = s->next;
    return s;
}

static bool is_ready(const struct exec *x) {
    return !x->is_stopping && x->run && x->run->state == RUN_READY;
}

static void end(struct exec_socket *s, int code, const char *reason) {
    if (s->is_ending)
        return;
    s->is_ending = true;
    s->x->h->socket_close(s->socket, code, reason);
}

static int on_handshake(void *channel, struct draht_span origin, struct draht_span peer) {
    const struct exec *x = channel;
    (void)peer;
    if (!is_ready(x) || x->sockets_n >= SOCKETS_MAX)
        return 503;
    bool is_known =
        !*x->origins || (origin.p && kit_origin_listed(span_str(x->origins), kit_in(origin)));
    return is_known ? 0 : 403;
}

static void *on_open(void *channel, struct draht_socket *socket) {
    struct exec *x = channel;
    struct exec_socket *s = xcalloc(1, sizeof *s);
    *s = (struct exec_socket){
        .x = x, .socket = socket, .nr = ++x->sends_nr, .next = x->sockets, .prev = &x->sockets};
    if (s->next)
        s->next->prev = &s->next;
    x->sockets = s;
    x->sockets_n++;
    if (is_ready(x)) {
        json_t *p = json_pack("{s:I}", "socket", (json_int_t)s->nr);
        json_put(p, "peer", kit_in(x->h->socket_peer(socket)));
        talk_tell(x->run, "socket.open", p);
    } else {
        end(s, WS_GOING, "The program is being started.");
    }
    return s;
}

static void on_read(struct exec *x, void *arg, enum exec_outcome o, const struct wire_message *m) {
    struct exec_socket *s = socket_nr(x, (int64_t)(uintptr_t)arg);
    (void)m;
    if (!s || o == EXEC_DIED)
        return;
    s->unread--;
    if (o == EXEC_LATE)
        end(s, WS_LATER, "The program does not answer.");
}

static void on_text(void *user, struct draht_span text) {
    struct exec_socket *s = user;
    struct exec *x = s->x;
    int64_t nr = (int64_t)s->nr;
    if (s->is_ending || !is_ready(x))
        return;
    if (s->unread == TEXTS_MAX) {
        end(s, WS_LATER, "The program does not keep up.");
        return;
    }
    json_t *p = json_pack("{s:I}", "socket", (json_int_t)nr);
    json_put(p, "text", kit_in(text));
    int rc = talk_ask(x->run, "socket.text", p, x->timeout_ms, on_read, (void *)(uintptr_t)nr);
    s = socket_nr(x, nr); /* gone when the program was ended for not reading */
    if (s && rc < 0)
        end(s, WS_LATER, "The text could not be handed over.");
    else if (s)
        s->unread++;
}

static void on_close(void *user) {
    struct exec_socket *s = user;
    struct exec *x = s->x;
    if (!s->is_ending && is_ready(x))
        talk_tell(x->run, "socket.close", json_pack("{s:I}", "socket", (json_int_t)s->nr));
    release(s);
}

static const struct draht_socket_ops ops = {.size = sizeof ops,
                                            .handshake = on_handshake,
                                            .open = on_open,
                                            .text = on_text,
                                            .close = on_close};

static bool is_protocol(const char *s) {
    return s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")];
}

static const char *fault_of(const char *path, const char *protocol, struct draht_span origins) {
    struct span rest = kit_in(origins);
    if (!path || path[0] != '/' || strchr(path, '*'))
        return "path begins with / and names one place, at most 200 bytes.";
    if (!is_protocol(protocol))
        return "protocol is a word of letters, digits, dot, dash and underscore, at most 63 bytes.";
    if (origins.n > ORIGINS_BYTES_MAX)
        return "origins has at most 4000 bytes.";
    for (struct span o = span_cut(&rest, ' '); o.p; o = span_cut(&rest, ' '))
        if (o.n && !kit_origin_is_valid(o))
            return "origins are scheme://host[:port], with spaces between.";
    return NULL;
}

void call_socket_route(struct ask *k, const json_t *p) {
    struct exec *x = k->x;
    const char *path = exec_name(p, "path", PATH_BYTES_MAX),
               *protocol = exec_name(p, "protocol", PROTOCOL_BYTES_MAX);
    struct draht_span origins = exec_text(p, "origins");
    const char *fault = fault_of(path, protocol, origins);
    if (fault) {
        ask_error(k, WIRE_BAD_PARAMS, fault);
        return;
    }
    if (x->socket_path && strcmp(x->socket_path, path)) {
        ask_error(k, WIRE_NEVER, "A channel has one path for WebSockets.");
        return;
    }
    if (!x->socket_path && x->h->socket_route(x->host, path, protocol, &ops) < 0) {
        ask_error(k, WIRE_NEVER, "The route could not be set.");
        return;
    }
    free(x->origins);
    x->origins = xstrdup(origins.p ? origins.p : "");
    if (!x->socket_path)
        x->socket_path = xstrdup(path);
    ask_result(k, NULL);
}

static struct exec_socket *named(struct ask *k, const json_t *p) {
    struct exec_socket *s = socket_nr(k->x, json_int(p, "socket", 0));
    if (!s)
        ask_error(k, WIRE_NOT_FOUND, "There is no such socket.");
    return s;
}

void call_socket_send(struct ask *k, const json_t *p) {
    struct draht_span text = exec_text(p, "text");
    if (!text.p || text.n > EXEC_BODY_BYTES_MAX) {
        ask_error(k, WIRE_BAD_PARAMS, "text is needed, at most 256 KiB.");
        return;
    }
    struct exec_socket *s = named(k, p);
    if (!s)
        return;
    if (k->x->h->socket_send(s->socket, text) < 0)
        ask_error(k, WIRE_NOT_FOUND, "The socket is being closed.");
    else
        ask_result(k, NULL);
}

void call_socket_close(struct ask *k, const json_t *p) {
    int64_t code = json_int(p, "code", 1000);
    const char *reason = json_str(p, "reason", "");
    bool is_code = code == 1000 || (code >= WS_OWN_FIRST && code <= WS_OWN_LAST);
    if (!is_code || strlen(reason) > REASON_BYTES_MAX) {
        ask_error(k, WIRE_BAD_PARAMS,
                  "code is 1000 or 3000 to 4999; reason has at most 120 bytes.");
        return;
    }
    struct exec_socket *s = named(k, p);
    if (!s)
        return;
    end(s, (int)code, reason);
    ask_result(k, NULL);
}

void sockets_end(struct exec *x) {
    for (struct exec_socket *s = x->sockets, *next; s; s = next) {
        next = s->next;
        end(s, WS_GOING, "The program ended.");
    }
}

void sockets_forget(struct exec *x) {
    while (x->sockets)
        release(x->sockets);
    free(x->socket_path);
    free(x->origins);
}
