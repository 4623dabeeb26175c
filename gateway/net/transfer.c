/* SPDX-License-Identifier: EUPL-1.2 */
/* transfer: curl tells us which sockets and which time to watch; libuv watches. */
#include "gateway/net/transfer.h"

#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"

#define TRANSFERS_MAX 1024
#define IDLE_CONNECTIONS_MAX 64

struct transfer {
    struct transfer *prev, *next;
    CURL *easy;
    transfer_done_fn done;
    void *arg;
    bool stays, is_done;
};

struct transfers {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer *timer;
    struct transfer *list;
    size_t n;
    bool freed, reaping;
};

struct watch {
    uv_poll_t uv;
    struct transfers *owner;
    curl_socket_t fd;
};

static struct transfer *find(struct transfers *t, CURL *easy) {
    struct transfer *x = t->list;
    while (x && x->easy != easy)
        x = x->next;
    return x;
}

static void unlink_transfer(struct transfers *t, struct transfer *x) {
    if (x->prev)
        x->prev->next = x->next;
    else
        t->list = x->next;
    if (x->next)
        x->next->prev = x->prev;
    t->n--;
    free(x);
}

/* done may add, remove, or release everything. */
static void reap(struct transfers *t) {
    if (t->reaping)
        return;
    t->reaping = true;
    CURLMsg *m;
    int left = 0;
    while (!t->freed && (m = curl_multi_info_read(t->multi, &left))) {
        struct transfer *x = m->msg == CURLMSG_DONE ? find(t, m->easy_handle) : NULL;
        if (!x || x->is_done)
            continue;
        CURL *easy = x->easy;
        CURLcode result = m->data.result;
        transfer_done_fn done = x->done;
        void *arg = x->arg;
        x->is_done = true;
        if (!x->stays || result != CURLE_OK) {
            curl_multi_remove_handle(t->multi, easy);
            unlink_transfer(t, x);
        }
        done(arg, easy, result);
    }
    t->reaping = false;
    if (t->freed)
        free(t);
}

static void kick(struct transfers *t, curl_socket_t fd, int mask) {
    int running = 0;
    curl_multi_socket_action(t->multi, fd, mask, &running);
    reap(t);
}

static void time_came(void *arg) {
    kick(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void socket_came(uv_poll_t *h, int status, int events) {
    struct watch *w = h->data;
    int mask = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & UV_READABLE)
        mask |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        mask |= CURL_CSELECT_OUT;
    kick(w->owner, w->fd, mask);
}

static void watch_gone(uv_handle_t *h) {
    free(h->data);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *per_socket) {
    struct transfers *t = arg;
    struct watch *w = per_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (!w)
            return 0;
        curl_multi_assign(t->multi, fd, NULL);
        uv_poll_stop(&w->uv);
        uv_close((uv_handle_t *)&w->uv, watch_gone);
        return 0;
    }
    if (!w) {
        w = xcalloc(1, sizeof *w);
        w->owner = t;
        w->fd = fd;
        if (uv_poll_init_socket(loop_uv(t->loop), &w->uv, fd) != 0) {
            free(w);
            return -1;
        }
        w->uv.data = w;
        curl_multi_assign(t->multi, fd, w);
    }
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&w->uv, events, socket_came) == 0 ? 0 : -1;
}

/* Never a transfer inside this call: curl calls it from within curl_multi_add_handle. */
static int on_timer(CURLM *multi, long ms, void *arg) {
    struct transfers *t = arg;
    (void)multi;
    loop_timer_stop(&t->timer);
    if (ms >= 0)
        t->timer = loop_timer(t->loop, (uint64_t)ms, 0, time_came, t);
    return 0;
}

struct transfers *transfers_new(struct loop *l) {
    static bool is_ready;
    if (!is_ready && curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return NULL;
    is_ready = true;
    struct transfers *t = xcalloc(1, sizeof *t);
    t->loop = l;
    t->multi = curl_multi_init();
    if (!t->multi) {
        free(t);
        return NULL;
    }
    curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
    curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
    curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
    return t;
}

int transfers_add(struct transfers *t, CURL *easy, bool stays, transfer_done_fn done, void *arg) {
    if (t->freed || t->n >= TRANSFERS_MAX)
        return ERR_LIMIT;
    struct transfer *x = xcalloc(1, sizeof *x);
    x->easy = easy;
    x->stays = stays;
    x->done = done;
    x->arg = arg;
    x->next = t->list;
    if (x->next)
        x->next->prev = x;
    t->list = x;
    t->n++;
    if (curl_multi_add_handle(t->multi, easy) == CURLM_OK)
        return 0;
    unlink_transfer(t, x);
    return ERR_LIMIT;
}

void transfers_remove(struct transfers *t, CURL *easy) {
    struct transfer *x = find(t, easy);
    if (!x)
        return;
    curl_multi_remove_handle(t->multi, easy);
    unlink_transfer(t, x);
}

void transfers_free(struct transfers **t) {
    if (!*t)
        return;
    struct transfers *me = *t;
    *t = NULL;
    while (me->list)
        transfers_remove(me, me->list->easy);
    curl_multi_cleanup(me->multi); /* tells on_socket of every socket that it closes */
    me->multi = NULL;
    loop_timer_stop(&me->timer);
    me->freed = true;
    if (!me->reaping)
        free(me);
}
