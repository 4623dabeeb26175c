/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * auth: who is calling. The cookie carries 24 random bytes and a signature over them, so forgeries
 * fail without the store; the session itself lies in the store under the token's hash. The CSRF
 * token is derived from the cookie's, so a body can be refused before its first byte. login.c makes
 * sessions.
 */
#include "gateway/api/api_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/api/login.h"

#define TOKEN_RANDOM_BYTES 24
#define TOKEN_MAC_BYTES 16
#define TOKEN_BYTES (TOKEN_RANDOM_BYTES + TOKEN_MAC_BYTES)
#define TOUCH_AFTER_MS 60000
#define BODY_MAX_BYTES (256 * 1024)

void login_token_new(const struct api *a, char token[API_TOKEN_BYTES]) {
    uint8_t raw[TOKEN_BYTES], mac[32];
    crypto_random(raw, TOKEN_RANDOM_BYTES);
    crypto_mac(a->o.crypto, "session-token", (struct span){(const char *)raw, TOKEN_RANDOM_BYTES},
               mac);
    memcpy(raw + TOKEN_RANDOM_BYTES, mac, TOKEN_MAC_BYTES);
    crypto_b64url(raw, sizeof raw, token);
}

static bool token_check(const struct api *a, struct span s, char token[API_TOKEN_BYTES]) {
    uint8_t raw[TOKEN_BYTES + 8], mac[32];
    if (!s.p || s.n >= API_TOKEN_BYTES || crypto_b64url_decode(s, raw, sizeof raw) != TOKEN_BYTES)
        return false;
    crypto_mac(a->o.crypto, "session-token", (struct span){(const char *)raw, TOKEN_RANDOM_BYTES},
               mac);
    if (!crypto_equal(mac, raw + TOKEN_RANDOM_BYTES, TOKEN_MAC_BYTES))
        return false;
    memcpy(token, s.p, s.n);
    token[s.n] = 0;
    return true;
}

void auth_token_hash(const struct api *a, const char *token, char hash[CRYPTO_HASH_HEX]) {
    crypto_hash(a->o.crypto, "session", span_str(token), hash);
}

void login_csrf(const struct api *a, const char *token, char csrf[API_CSRF_BYTES]) {
    uint8_t mac[32];
    crypto_mac(a->o.crypto, "csrf", span_str(token), mac);
    crypto_b64url(mac, sizeof mac, csrf);
}

bool auth_cookie_token(const struct api *a, struct span cookie, char token[API_TOKEN_BYTES]) {
    while (cookie.p) {
        struct span one = span_trim(span_cut(&cookie, ';'));
        struct span name = span_cut(&one, '=');
        if ((span_eq(name, "__Host-draht") || span_eq(name, "draht")) && token_check(a, one, token))
            return true;
    }
    return false;
}

static bool is_change(struct http_exchange *x) {
    struct span m = http_method(x);
    return !span_eq(m, "GET") && !span_eq(m, "HEAD");
}

/* 0, or the status that refuses. */
static int check_head(const struct api *a, struct http_exchange *x, char token[API_TOKEN_BYTES]) {
    const char *name = http_is_secure(x) ? "__Host-draht" : "draht";
    if (!token_check(a, http_cookie(x, name), token))
        return 401;
    if (!is_change(x))
        return 0;
    char csrf[API_CSRF_BYTES];
    login_csrf(a, token, csrf);
    struct span given = http_header(x, "x-csrf-token");
    return given.n == strlen(csrf) && crypto_equal(given.p, csrf, given.n) ? 0 : 403;
}

static void refuse(struct http_exchange *x, int status) {
    if (status == 401)
        http_problem(x, 401, "no_session",
                     "You are not logged in, or the session has ended. Log in again.");
    else
        http_problem(x, 403, "csrf",
                     "The header x-csrf-token is missing or wrong. GET /api/v1/session has it.");
}

bool auth_on_head(void *api, struct http_exchange *x) {
    char token[API_TOKEN_BYTES];
    int status = check_head(api, x, token);
    if (status)
        refuse(x, status);
    return status == 0;
}

struct check {
    struct api *api;
    char hash[CRYPTO_HASH_HEX], guess[API_USER_BYTES];
    json_t *session, *account;
    int waiting, error, account_error;
    auth_check_fn done;
    void *arg;
};

/* Whose session it was the last time. With the guess both questions travel together; what the
 * session says counts. */
static struct auth_guess *guess_of(struct api *a, const char *hash) {
    unsigned slot = 0;
    for (int i = 0; i < 4; i++)
        slot = slot * 31 + (unsigned char)hash[i];
    return &a->guesses[slot % AUTH_GUESSES];
}

static void check_end(struct check *k, int error, const struct api_user *u) {
    k->done(k->arg, error, u, k->session);
    json_decref(k->session);
    json_decref(k->account);
    free(k);
}

static void on_account(void *arg, int error, json_t *v) {
    struct check *k = arg;
    if (error < 0) {
        check_end(k, error, NULL);
        return;
    }
    struct api_user u = {.epoch = json_int(v, "epoch", 0)};
    snprintf(u.id, sizeof u.id, "%s", json_str(k->session, "user", ""));
    snprintf(u.name, sizeof u.name, "%s", json_str(v, "name", u.id));
    snprintf(u.language, sizeof u.language, "%s", json_str(v, "language", "de"));
    u.is_admin = !strcmp(json_str(v, "role", "agent"), "admin");
    access_scope(k->api->o.config, v, u.id, u.scope);
    bool ok = !json_flag(v, "disabled", false) && u.epoch == json_int(k->session, "epoch", -1);
    check_end(k, ok ? 0 : ERR_NOT_FOUND, ok ? &u : NULL);
}

static void answered(struct check *k) {
    if (--k->waiting)
        return;
    const char *user = json_str(k->session, "user", "");
    if (!k->session) {
        check_end(k, k->error, NULL);
    } else if (!strcmp(user, k->guess)) {
        on_account(k, k->account_error, k->account);
    } else {
        struct auth_guess *g = guess_of(k->api, k->hash);
        snprintf(g->hash, sizeof g->hash, "%s", k->hash);
        snprintf(g->user, sizeof g->user, "%s", user);
        staff_get(k->api->o.router, user, on_account, k);
    }
}

static void on_guessed(void *arg, int error, json_t *v) {
    struct check *k = arg;
    k->account_error = error;
    k->account = json_incref(v);
    answered(k);
}

static void on_session(void *arg, int error, json_t *v) {
    struct check *k = arg;
    struct api *a = k->api;
    if (error == 0 && v) {
        int64_t age_ms = clock_ms(a->o.clock) - json_int(v, "started_ms", 0);
        if (age_ms > (int64_t)a->o.config->session_hours * 3600000 ||
            !api_user_id_is_valid(span_str(json_str(v, "user", ""))))
            error = ERR_NOT_FOUND;
    }
    if (error < 0 || !v)
        k->error = error < 0 ? error : ERR_NOT_FOUND;
    else
        k->session = json_incref(v);
    answered(k);
}

void auth_check(struct api *a, const char *hash, auth_check_fn done, void *arg) {
    struct check *k = xcalloc(1, sizeof *k);
    const struct auth_guess *g = guess_of(a, hash);
    k->api = a;
    k->done = done;
    k->arg = arg;
    k->waiting = 1;
    snprintf(k->hash, sizeof k->hash, "%s", hash);
    if (!strcmp(g->hash, hash)) {
        snprintf(k->guess, sizeof k->guess, "%s", g->user);
        k->waiting = 2;
    }
    session_get(a->o.router, k->hash, on_session, k);
    if (k->waiting == 2)
        staff_get(a->o.router, k->guess, on_guessed, k);
}

static void on_touched(void *arg, int error) {
    (void)arg;
    (void)error; /* at worst the session ends a minute early */
}

static void touch(struct api_call *c, json_t *session) {
    struct api *a = c->api;
    int64_t now = clock_ms(a->o.clock);
    if (now - json_int(session, "seen_ms", 0) < TOUCH_AFTER_MS)
        return;
    json_t *next = json_copy(session);
    json_puti(next, "seen_ms", now);
    session_put(a->o.router, c->hash, next, login_idle_ms(a), on_touched, NULL);
    json_decref(next);
}

static void refuse_stopping(struct api_call *c) {
    api_problem(c, 503, "stopping", "Draht is being restarted. Try again in a moment.");
}

/* The stop may have come while the session was looked up: the channels are not there any more. */
static void on_checked(void *arg, int error, const struct api_user *user, json_t *session) {
    struct api_call *c = arg;
    if (c->api->is_stopping) {
        refuse_stopping(c);
        return;
    }
    if (!user) {
        if (error == ERR_NOT_FOUND)
            api_problem(c, 401, "no_session",
                        "You are not logged in, or the session has ended. Log in again.");
        else
            api_fail(c, error);
        return;
    }
    c->user = *user;
    c->session = json_incref(session);
    touch(c, session);
    access_gate(c);
}

/* false: answered already. */
static bool read_body(struct api_call *c) {
    struct span raw = http_body(c->x);
    char err[160];
    c->body = raw.n ? json_parse(raw, BODY_MAX_BYTES, err) : json_object();
    if (json_is_object(c->body))
        return true;
    api_problem(c, 400, "invalid_json", c->body ? "The body must be a JSON object." : err);
    return false;
}

void auth_enter(struct api *a, struct http_exchange *x, unsigned flags, api_call_fn fn) {
    struct api_call *c = arena_alloc(http_arena(x), sizeof *c);
    c->api = a;
    c->x = x;
    c->flags = flags;
    c->fn = fn;
    int status = check_head(a, x, c->token);
    if (status) {
        refuse(x, status);
        return;
    }
    if (a->is_stopping) {
        refuse_stopping(c);
        return;
    }
    if ((flags & API_BODY) && !read_body(c))
        return;
    auth_token_hash(a, c->token, c->hash);
    auth_check(a, c->hash, on_checked, c);
}
