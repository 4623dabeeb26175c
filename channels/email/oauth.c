/* SPDX-License-Identifier: EUPL-1.2 */
/* oauth: whoever needs a token waits in one list while one request is under way. A refresh token
 * that the server replaces is kept in the channel's sealed state, bound to the configured one, so
 * that a new configuration wins. */
#include "channels/email/oauth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/crypto.h"

#define REQUEST_TIMEOUT_MS 30000
#define LIFE_S_DEFAULT 3600
#define LIFE_S_MIN 30
#define LIFE_S_MAX (30 * 24 * 3600)
#define TOKEN_BYTES_MAX 16384

struct waiter {
    struct waiter *next;
    oauth_fn fn;
    void *arg;
};

struct oauth {
    struct email *e;
    struct waiter *waiters;
    struct draht_http_run *run;
    char *token, *refresh;
    int64_t renew_ms; /* from then on another one is fetched */
    bool is_asking, has_state, is_replacement, is_freed;
    size_t refs; /* state calls on their way */
};

static const char key[] = "oauth.refresh";

struct oauth *oauth_new(struct email *e) {
    if (!*e->set.oauth_token_url)
        return NULL;
    struct oauth *o = xcalloc(1, sizeof *o);
    o->e = e;
    return o;
}

static void drop(char **secret) {
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

static void release(struct oauth *o) {
    if (!o->is_freed || o->refs > 0)
        return;
    drop(&o->token);
    drop(&o->refresh);
    free(o);
}

void oauth_free(struct oauth **op) {
    struct oauth *o = *op;
    if (!o)
        return;
    *op = NULL;
    if (o->run)
        o->e->h->http_cancel(o->run);
    while (o->waiters) {
        struct waiter *w = o->waiters;
        o->waiters = w->next;
        free(w);
    }
    o->is_freed = true;
    release(o);
}

static void answer(struct oauth *o, const char *why, bool is_refused) {
    struct waiter *list = o->waiters;
    o->waiters = NULL;
    o->is_asking = false;
    while (list) {
        struct waiter *w = list;
        list = w->next;
        w->fn(w->arg, why ? NULL : o->token, why ? why : "", is_refused);
        free(w);
    }
}

/* ---- the refresh token that the server gave last ---- */
static void mark_of(const struct oauth *o, char out[17]) {
    uint8_t mac[32];
    const char *configured = o->e->set.oauth_refresh_token;
    o->e->h->mac(o->e->host, (struct draht_span){configured, strlen(configured)}, mac);
    crypto_hex(mac, 8, out);
}

static void kept(void *arg, int status) {
    struct oauth *o = arg;
    (void)status; /* without it the configured token serves after a restart, as before */
    o->refs--;
    release(o);
}

static void keep_refresh(struct oauth *o, const char *given) {
    if (!*given || !*o->e->set.oauth_refresh_token || strlen(given) > TOKEN_BYTES_MAX)
        return;
    drop(&o->refresh);
    o->refresh = xstrdup(given);
    char mark[17];
    mark_of(o, mark);
    struct buf v = {0};
    buf_addf(&v, "%s %s", mark, given);
    o->refs++;
    o->e->h->state_set(o->e->host, (struct draht_span){key, sizeof key - 1},
                       (struct draht_span){v.p, v.n}, 0, kept, o);
    explicit_bzero(v.p, v.n);
    buf_free(&v);
}

/* ---- the request ---- */
static void take_token(struct oauth *o, const json_t *j, const char *token) {
    long long life_s = json_int(j, "expires_in", LIFE_S_DEFAULT);
    if (life_s < LIFE_S_MIN)
        life_s = LIFE_S_MIN;
    if (life_s > LIFE_S_MAX)
        life_s = LIFE_S_MAX;
    drop(&o->token);
    o->token = xstrdup(token);
    o->renew_ms = o->e->h->now_ms(o->e->host) + life_s * 800;
    keep_refresh(o, json_str(j, "refresh_token", ""));
    answer(o, NULL, false);
}

static void came(void *arg, const struct draht_http_answer *a) {
    struct oauth *o = arg;
    o->run = NULL;
    if (a->error != 0 || a->status >= 500 || a->status == 429) {
        answer(o, "the token server does not answer", false);
        return;
    }
    char why[160] = "";
    json_t *j = json_parse((struct span){a->body.p, a->body.n}, 1 << 20, why);
    const char *token = j ? json_str(j, "access_token", "") : "";
    size_t n = strlen(token);
    bool is_usable = n > 0 && n <= TOKEN_BYTES_MAX && !strpbrk(token, "\r\n\x01");
    if (a->status == 200 && is_usable)
        take_token(o, j, token);
    else
        answer(o, "the token server refuses a token: check the oauth_ settings", true);
    json_decref(j);
}

static void add_field(struct buf *b, const char *name, const char *value) {
    if (!*value)
        return;
    char *v = curl_easy_escape(NULL, value, 0);
    if (v)
        buf_addf(b, "%s%s=%s", b->n ? "&" : "", name, v);
    curl_free(v);
}

static void ask(struct oauth *o) {
    const struct email_settings *set = &o->e->set;
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                          "Accept: application/json", NULL};
    const char *refresh = o->refresh ? o->refresh : set->oauth_refresh_token;
    struct buf b = {0};
    add_field(&b, "grant_type", *refresh ? "refresh_token" : "client_credentials");
    add_field(&b, "refresh_token", refresh);
    add_field(&b, "client_id", set->oauth_client_id);
    add_field(&b, "client_secret", set->oauth_client_secret);
    add_field(&b, "scope", set->oauth_scope);
    struct draht_http_call k = {.size = sizeof k,
                                .method = "POST",
                                .url = set->oauth_token_url,
                                .headers = headers,
                                .body = {b.p, b.n},
                                .timeout_ms = REQUEST_TIMEOUT_MS,
                                .flags = DRAHT_HTTP_OPERATOR,
                                .done = came,
                                .arg = o};
    o->run = o->e->h->http_call(o->e->host, &k);
    explicit_bzero(b.p, b.n);
    buf_free(&b);
    if (!o->run)
        answer(o, "the token server cannot be asked", false);
}

static void state_came(void *arg, int status, struct draht_span v) {
    struct oauth *o = arg;
    o->refs--;
    if (o->is_freed) {
        release(o);
        return;
    }
    if (status != 0) {
        answer(o, "the store cannot be reached", false);
        return;
    }
    o->has_state = true;
    char mark[17];
    mark_of(o, mark);
    if (v.p && v.n > 17 && memcmp(v.p, mark, 16) == 0)
        o->refresh = xstrndup(v.p + 17, v.n - 17);
    ask(o);
}

void oauth_get(struct oauth *o, oauth_fn fn, void *arg) {
    if (o->token && o->e->h->now_ms(o->e->host) < o->renew_ms) {
        fn(arg, o->token, "", false);
        return;
    }
    if (o->token)
        o->is_replacement = false; /* its life is over, nobody refused it */
    struct waiter *w = xcalloc(1, sizeof *w);
    *w = (struct waiter){o->waiters, fn, arg};
    o->waiters = w;
    if (o->is_asking)
        return;
    o->is_asking = true;
    drop(&o->token);
    if (o->has_state || !*o->e->set.oauth_refresh_token) {
        ask(o);
        return;
    }
    o->refs++;
    o->e->h->state_get(o->e->host, (struct draht_span){key, sizeof key - 1}, state_came, o);
}

void oauth_forget(struct oauth *o, const void *arg) {
    for (struct waiter **at = &o->waiters; *at;) {
        struct waiter *w = *at;
        if (w->arg != arg) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        free(w);
    }
}

bool oauth_refused(struct oauth *o) {
    if (o->is_asking)
        return true; /* another one is on its way already */
    if (o->is_replacement && o->token)
        return false;
    drop(&o->token);
    o->is_replacement = true;
    return true;
}
