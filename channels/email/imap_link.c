/* SPDX-License-Identifier: EUPL-1.2 */
/* imap_link: the easy handle stays in the multi while the connection lives, or curl_easy_recv would
 * refuse. The socket is watched through a duplicate, because libuv allows one watcher a descriptor.
 */
#include "channels/email/imap_link.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/log.h"

#define CONNECT_TIMEOUT_S 60L
#define TURN_BYTES_MAX (256 * 1024) /* then the loop gets its turn */

struct imap_link {
    struct email *e;
    CURL *easy;
    uv_poll_t poll;
    int fd;
    bool has_poll, is_closed, is_busy;
    size_t soon; /* next-turn calls that still hold us */
    struct imap_reader reader;
    struct buf out;
    struct imap_link_handlers h;
    void *arg;
};

static void destroy(struct imap_link *l) {
    imap_reader_reset(&l->reader);
    buf_free(&l->out);
    if (l->fd >= 0)
        close(l->fd);
    free(l);
}

static void try_destroy(struct imap_link *l) {
    if (l->is_closed && !l->is_busy && l->soon == 0 && !l->has_poll)
        destroy(l);
}

static void poll_closed(uv_handle_t *h) {
    struct imap_link *l = h->data;
    l->has_poll = false;
    try_destroy(l);
}

static void down(struct imap_link *l, const char *why, bool is_login) {
    if (l->has_poll && uv_is_active((uv_handle_t *)&l->poll))
        uv_poll_stop(&l->poll);
    l->h.on_down(l->arg, why, is_login);
}

static void on_poll(uv_poll_t *p, int status, int events);

static void watch(struct imap_link *l) {
    int events = UV_READABLE | (l->out.n ? UV_WRITABLE : 0);
    uv_poll_start(&l->poll, events, on_poll);
}

static void push(struct imap_link *l) {
    while (l->out.n > 0) {
        size_t n = 0;
        CURLcode rc = curl_easy_send(l->easy, l->out.p, l->out.n, &n);
        if (rc == CURLE_AGAIN)
            break;
        if (rc != CURLE_OK) {
            buf_clear(&l->out); /* the reading side reports the end */
            return;
        }
        buf_drop(&l->out, n);
    }
    watch(l);
}

static void pull_again(void *arg);

/* TLS may hold bytes that the socket does not show: read until AGAIN. */
static void pull(struct imap_link *l) {
    char chunk[16384];
    size_t total = 0, n = 0;
    CURLcode rc = CURLE_OK;
    int fed = 0;
    l->is_busy = true;
    while (!l->is_closed && total < TURN_BYTES_MAX) {
        rc = curl_easy_recv(l->easy, chunk, sizeof chunk, &n);
        if (rc != CURLE_OK || n == 0)
            break;
        total += n;
        fed = imap_reader_feed(&l->reader, (struct span){chunk, n}, l->h.on_line, l->arg);
        if (fed != 0)
            break;
    }
    if (!l->is_closed) {
        if (fed < 0) {
            down(l, "the server breaks the protocol", false);
        } else if (rc != CURLE_AGAIN && (rc != CURLE_OK || n == 0)) {
            down(l, "the server closed the connection", false);
        } else if (total >= TURN_BYTES_MAX) {
            l->soon++;
            loop_soon(l->e->loop, pull_again, l);
        }
    }
    l->is_busy = false;
    try_destroy(l);
}

static void pull_again(void *arg) {
    struct imap_link *l = arg;
    l->soon--;
    if (l->is_closed)
        try_destroy(l);
    else
        pull(l);
}

static void on_poll(uv_poll_t *p, int status, int events) {
    struct imap_link *l = p->data;
    (void)status;
    if (events & UV_WRITABLE)
        push(l);
    pull(l);
}

static void connected(void *arg, CURL *easy, CURLcode result) {
    struct imap_link *l = arg;
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (result != CURLE_OK) {
        down(l, curl_easy_strerror(result), result == CURLE_LOGIN_DENIED);
        return;
    }
    curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
    l->fd = fd == CURL_SOCKET_BAD ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (l->fd < 0 || uv_poll_init(loop_uv(l->e->loop), &l->poll, l->fd) != 0) {
        down(l, "the connection cannot be watched", false);
        return;
    }
    l->poll.data = l;
    l->has_poll = true;
    watch(l);
    l->h.on_up(l->arg);
}

static void configure(struct imap_link *l, const char *token) {
    CURL *c = l->easy;
    const struct email_settings *set = &l->e->set;
    const char *host = strstr(set->imap_url, "://") + 3;
    bool is_tls = strncmp(set->imap_url, "imaps:", 6) == 0;
    bool is_plain = !is_tls && email_is_loopback(host);
    curl_easy_setopt(c, CURLOPT_URL, set->imap_url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "imap,imaps");
    curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(c, CURLOPT_USE_SSL, (long)(is_plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(c, CURLOPT_USERNAME, set->imap_user);
    if (*token)
        curl_easy_setopt(c, CURLOPT_XOAUTH2_BEARER, token);
    else
        curl_easy_setopt(c, CURLOPT_PASSWORD, set->imap_password);
    if (*set->relay_ca)
        curl_easy_setopt(c, CURLOPT_CAINFO, set->relay_ca);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, CONNECT_TIMEOUT_S);
}

struct imap_link *imap_link_open(struct email *e, const char *token,
                                 const struct imap_link_handlers *h, void *arg) {
    struct imap_link *l = xcalloc(1, sizeof *l);
    *l = (struct imap_link){.e = e, .easy = curl_easy_init(), .fd = -1, .h = *h, .arg = arg};
    l->reader.literal_max = e->set.mail_bytes_max;
    if (l->easy) {
        configure(l, token);
        if (transfers_add(e->transfers, l->easy, true, connected, l) == 0)
            return l;
        curl_easy_cleanup(l->easy);
    }
    destroy(l);
    return NULL;
}

void imap_link_send(struct imap_link *l, const char *line) {
    buf_adds(&l->out, line);
    buf_adds(&l->out, "\r\n");
    push(l);
}

void imap_link_close(struct imap_link **link) {
    struct imap_link *l = *link;
    if (!l)
        return;
    *link = NULL;
    l->is_closed = true;
    if (l->has_poll) {
        uv_poll_stop(&l->poll);
        uv_close((uv_handle_t *)&l->poll, poll_closed);
    }
    transfers_remove(l->e->transfers, l->easy);
    curl_easy_cleanup(l->easy);
    try_destroy(l);
}
