/* SPDX-License-Identifier: EUPL-1.2 */
/* http_client: one curl handle per call. The guard sits where the socket is opened: there the
 * address is the one that is really used, whatever DNS said a moment before. */
#include "gateway/net/http_client.h"

#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#include "gateway/base/arena.h"
#include "gateway/base/buf.h"
#include "gateway/base/error.h"
#include "gateway/net/egress.h"

#define TIMEOUT_MS_DEFAULT 30000
#define CONNECT_MS 10000
#define ANSWER_BYTES_MAX_DEFAULT ((size_t)1 << 20)
#define HEAD_BYTES_MAX 65536

struct http_call {
    struct http_call *prev, *next;
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    http_answer_fn cb;
    void (*on_chunk)(void *arg, struct span bytes);
    void *arg;
    struct buf body, head;
    char *request_body;
    size_t answer_max;
    bool allow_private, was_forbidden, was_too_large, is_in_chunk, is_cancelled;
};

struct http_client {
    struct transfers *transfers;
    struct http_call *calls;
};

struct http_client *http_client_new(struct transfers *t) {
    struct http_client *c = xcalloc(1, sizeof *c);
    c->transfers = t;
    return c;
}

static void release(struct http_call *call) {
    if (call->prev)
        call->prev->next = call->next;
    else
        call->client->calls = call->next;
    if (call->next)
        call->next->prev = call->prev;
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    buf_free(&call->body);
    buf_free(&call->head);
    free(call->request_body);
    free(call);
}

void http_client_cancel(struct http_call *call) {
    if (call->is_in_chunk) { /* curl's own frames are below us: finished() does the rest */
        call->is_cancelled = true;
        return;
    }
    transfers_remove(call->client->transfers, call->easy);
    release(call);
}

void http_client_free(struct http_client **c) {
    if (!*c)
        return;
    while ((*c)->calls)
        http_client_cancel((*c)->calls);
    free(*c);
    *c = NULL;
}

static curl_socket_t open_guarded(void *arg, curlsocktype purpose, struct curl_sockaddr *a) {
    struct http_call *call = arg;
    (void)purpose;
    if (!call->allow_private && !egress_is_public(&a->addr)) {
        call->was_forbidden = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static bool is_streamed(const struct http_call *call) {
    long status = 0;
    if (call->on_chunk)
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return status == 200;
}

static size_t body_came(char *p, size_t size, size_t n, void *arg) {
    struct http_call *call = arg;
    n *= size;
    if (call->is_cancelled)
        return 0;
    if (is_streamed(call)) {
        call->is_in_chunk = true;
        call->on_chunk(call->arg, (struct span){p, n});
        call->is_in_chunk = false;
        return call->is_cancelled ? 0 : n;
    }
    if (n > call->answer_max - call->body.n) {
        call->was_too_large = true;
        return 0;
    }
    buf_add(&call->body, p, n);
    return n;
}

/* A new status line begins the head of the next answer (after a redirect or 100). */
static size_t head_came(char *p, size_t size, size_t n, void *arg) {
    struct http_call *call = arg;
    n *= size;
    if (n >= 5 && memcmp(p, "HTTP/", 5) == 0)
        buf_clear(&call->head);
    if (n > HEAD_BYTES_MAX - call->head.n) {
        call->was_too_large = true;
        return 0;
    }
    buf_add(&call->head, p, n);
    return n;
}

static int error_of(const struct http_call *call, CURLcode result) {
    if (result == CURLE_OK)
        return 0;
    if (call->was_too_large)
        return ERR_TOO_LARGE;
    if (result == CURLE_OPERATION_TIMEDOUT)
        return ERR_TIMEOUT;
    if (call->was_forbidden || result == CURLE_UNSUPPORTED_PROTOCOL)
        return ERR_FORBIDDEN;
    return ERR_UNAVAILABLE;
}

static void finished(void *arg, CURL *easy, CURLcode result) {
    struct http_call *call = arg;
    struct http_answer a = {.error = error_of(call, result), .retry_after_ms = -1};
    if (a.error < 0) {
        long sent = 0;
        curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
        a.is_unsent = sent == 0;
    } else {
        long status = 0;
        curl_off_t wait_s = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &wait_s);
        a.status = (int)status;
        a.body = buf_span(&call->body);
        a.headers = buf_span(&call->head);
        if (wait_s > 0)
            a.retry_after_ms = (int64_t)wait_s * 1000;
    }
    if (!call->is_cancelled)
        call->cb(call->arg, &a);
    release(call);
}

static void set_method(struct http_call *call, const struct http_request *r) {
    const char *m = r->method ? r->method : "GET";
    if (strcmp(m, "HEAD") == 0) {
        curl_easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (r->body.n > 0 || strcmp(m, "POST") == 0) {
        call->request_body = xstrndup(r->body.p ? r->body.p : "", r->body.n);
        curl_easy_setopt(call->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->request_body);
    }
    if (strcmp(m, "POST") != 0 && (strcmp(m, "GET") != 0 || r->body.n > 0))
        curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, m);
}

static void set_headers(struct http_call *call, const struct http_request *r) {
    for (const char *const *h = r->headers; h && *h; h++)
        if (!strpbrk(*h, "\r\n"))
            call->headers = curl_slist_append(call->headers, *h);
    call->headers = curl_slist_append(call->headers, "Expect:"); /* no second of waiting for 100 */
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void set_patience(CURL *e, const struct http_request *r) {
    curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, r->is_once ? 1L : 0L);
    long ms = (long)(r->timeout_ms ? r->timeout_ms : TIMEOUT_MS_DEFAULT);
    if (!r->on_chunk) {
        curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, ms);
        return;
    }
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, ms < 1000 ? 1L : ms / 1000);
}

static void set_options(struct http_call *call, const struct http_request *r) {
    CURL *e = call->easy;
    curl_easy_setopt(e, CURLOPT_URL, r->url);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_PROXY, ""); /* a proxy would resolve behind the guard's back */
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, r->redirects_max > 0 ? 1L : 0L);
    curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)r->redirects_max);
    set_patience(e, r);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_guarded);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, call);
    /* A guarded call must not ride on a connection that an unguarded one opened. */
    if (!r->allow_private)
        curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, body_came);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, head_came);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "draht");
}

struct http_call *http_client_send(struct http_client *c, const struct http_request *r,
                                   http_answer_fn cb, void *arg) {
    if (strncasecmp(r->url, "http://", 7) != 0 && strncasecmp(r->url, "https://", 8) != 0)
        return NULL;
    CURL *easy = curl_easy_init();
    if (!easy)
        return NULL;
    struct http_call *call = xcalloc(1, sizeof *call);
    call->easy = easy;
    call->client = c;
    call->cb = cb;
    call->arg = arg;
    call->answer_max = r->answer_max ? r->answer_max : ANSWER_BYTES_MAX_DEFAULT;
    call->allow_private = r->allow_private;
    call->on_chunk = r->on_chunk;
    call->next = c->calls;
    if (call->next)
        call->next->prev = call;
    c->calls = call;
    set_options(call, r);
    set_method(call, r);
    set_headers(call, r);
    if (transfers_add(c->transfers, easy, false, finished, call) == 0)
        return call;
    release(call);
    return NULL;
}
