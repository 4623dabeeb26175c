/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * login: makes and ends sessions. A wrong password and an unknown name cost the same time and get
 * the same answer; attempts are counted in the store, so that several gateways share the limits.
 */
#include "gateway/api/login.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"

#define WINDOW_MS 300000
#define PAIR_MAX 20     /* one account from one address */
#define ADDRESS_MAX 60  /* one address */
#define ACCOUNT_MAX 200 /* one account from everywhere: high, or strangers could lock staff out */

uint64_t login_idle_ms(const struct api *a) {
    return (uint64_t)a->o.config->session_idle_minutes * 60000u;
}

struct pw_work {
    struct api *api;
    char *password;
    char *stored; /* NULL: unknown name; hashing takes as long as verifying */
    bool is_good;
    char hash[CRYPTO_PWHASH_BYTES];
    login_hash_fn done;
    struct api_call *call;
    void *arg;
};

static void work_free(struct pw_work *w) {
    volatile char *p = w->password;
    for (size_t n = strlen(w->password); n > 0; n--)
        p[n - 1] = 0;
    free(w->password);
    free(w->stored);
    free(w);
}

static void hash_work(void *arg) {
    struct pw_work *w = arg;
    w->is_good = crypto_pw_hash(w->password, w->hash) == 0;
}

static void hash_after(void *arg, int status) {
    struct pw_work *w = arg;
    w->api->logins--;
    w->done(w->arg, status == 0 && w->is_good ? w->hash : NULL);
    work_free(w);
}

int login_hash(struct api *a, const char *password, login_hash_fn done, void *arg) {
    if (a->logins >= API_LOGINS_AT_ONCE)
        return ERR_LIMIT;
    struct pw_work *w = xcalloc(1, sizeof *w);
    *w = (struct pw_work){.api = a, .password = xstrdup(password), .done = done, .arg = arg};
    int e = loop_work(a->o.loop, hash_work, hash_after, w);
    if (e < 0)
        work_free(w);
    else
        a->logins++;
    return e;
}

static void verify_work(void *arg) {
    struct pw_work *w = arg;
    if (w->stored)
        w->is_good = crypto_pw_verify(w->stored, w->password);
    else
        (void)crypto_pw_hash(w->password, w->hash);
}

static void login_failed(struct api_call *c) {
    api_problem(c, 401, "login_failed", "Name or password is wrong.");
}

static json_t *user_json(const struct api_user *u) {
    json_t *queues = json_array();
    struct span rest = span_str(u->scope);
    span_cut(&rest, ',');
    while (rest.p) {
        struct span q = span_cut(&rest, ',');
        json_array_append_new(queues, json_stringn(q.p, q.n));
    }
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "id", u->id, "name", u->name, "role",
                     u->is_admin ? "admin" : "agent", "language", u->language, "access",
                     *u->scope ? "own" : "all", "queues", queues);
}

static void set_cookie(struct api_call *c, const char *value, const char *extra) {
    const char *fmt = http_is_secure(c->x)
                          ? "__Host-draht=%s; Path=/; HttpOnly; SameSite=Strict; Secure%s"
                          : "draht=%s; Path=/; HttpOnly; SameSite=Strict%s";
    char line[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(line, sizeof line, fmt, value, extra);
#pragma GCC diagnostic pop
    http_set_header(c->x, "set-cookie", line);
}

static void on_session_stored(void *arg, int error) {
    struct api_call *c = arg;
    if (error < 0) {
        api_fail(c, error);
        return;
    }
    char csrf[API_CSRF_BYTES];
    login_csrf(c->api, c->token, csrf);
    set_cookie(c, c->token, "");
    log_info("login.ok", "role=%s", c->user.is_admin ? "admin" : "agent");
    api_answer(c, 200, json_pack("{s:o,s:s}", "user", user_json(&c->user), "csrf", csrf));
}

static void start_session(struct api_call *c) {
    struct api *a = c->api;
    login_token_new(a, c->token);
    auth_token_hash(a, c->token, c->hash);
    int64_t now = clock_ms(a->o.clock);
    c->session =
        json_pack("{s:s,s:I,s:I,s:I}", "user", c->user.id, "epoch", (json_int_t)c->user.epoch,
                  "started_ms", (json_int_t)now, "seen_ms", (json_int_t)now);
    session_put(a->o.router, c->hash, c->session, login_idle_ms(a), on_session_stored, c);
}

static void verify_after(void *arg, int status) {
    struct pw_work *w = arg;
    struct api_call *c = w->call;
    c->api->logins--;
    bool ok = status == 0 && w->is_good;
    work_free(w);
    if (ok)
        start_session(c);
    else
        login_failed(c);
}

static void on_account(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    struct api *a = c->api;
    if (error < 0 && error != ERR_NOT_FOUND) {
        api_fail(c, error);
        return;
    }
    bool known = error == 0 && v && !json_flag(v, "disabled", false);
    if (a->logins >= API_LOGINS_AT_ONCE) {
        api_problem(c, 503, "busy",
                    "Several people are logging in right now. Try again in a moment.");
        return;
    }
    struct pw_work *w = xcalloc(1, sizeof *w);
    *w = (struct pw_work){
        .api = a, .call = c, .password = xstrdup(json_str(c->body, "password", ""))};
    if (known) {
        w->stored = xstrdup(json_str(v, "hash", ""));
        snprintf(c->user.name, sizeof c->user.name, "%s", json_str(v, "name", c->user.id));
        snprintf(c->user.language, sizeof c->user.language, "%s", json_str(v, "language", "de"));
        c->user.is_admin = !strcmp(json_str(v, "role", ""), "admin");
        c->user.epoch = json_int(v, "epoch", 0);
        access_scope(c->api->o.config, v, c->user.id, c->user.scope);
    }
    if (loop_work(a->o.loop, verify_work, verify_after, w) < 0) {
        work_free(w);
        api_fail(c, ERR_LIMIT);
    } else {
        a->logins++;
    }
}

static bool over(struct api_call *c, int error, int64_t count, int64_t max) {
    if (error < 0)
        api_fail(c, error);
    else if (count > max)
        api_problem(c, 429, "too_many_attempts",
                    "Too many attempts to log in. Wait five minutes and try again.");
    return error < 0 || count > max;
}

static void on_account_count(void *arg, int error, int64_t count) {
    struct api_call *c = arg;
    if (!over(c, error, count, ACCOUNT_MAX))
        staff_get(c->api->o.router, c->user.id, on_account, c);
}

/* Names in the store are keyed hashes: neither addresses nor typed passwords (in the wrong field)
 * lie there. */
static void count(struct api_call *c, const char *kind, struct span what,
                  void (*done)(void *arg, int error, int64_t count)) {
    char hash[CRYPTO_HASH_HEX], name[CRYPTO_HASH_HEX + 32];
    crypto_hash(c->api->o.crypto, "login-limit", what, hash);
    snprintf(name, sizeof name, "login-%s-%s", kind, hash);
    router_count(c->api->o.router, name, WINDOW_MS, done, c);
}

static void on_pair_count(void *arg, int error, int64_t n) {
    struct api_call *c = arg;
    if (!over(c, error, n, PAIR_MAX))
        count(c, "account", span_str(c->user.id), on_account_count);
}

static void on_address_count(void *arg, int error, int64_t n) {
    struct api_call *c = arg;
    if (over(c, error, n, ADDRESS_MAX))
        return;
    char *pair = arena_printf(http_arena(c->x), "%s %s", c->user.id, http_peer(c->x));
    count(c, "pair", span_str(pair), on_pair_count);
}

static void handle_login(struct api *a, struct http_exchange *x) {
    struct api_call *c = arena_alloc(http_arena(x), sizeof *c);
    c->api = a;
    c->x = x;
    if (!http_is_secure(x) && !api_peer_is_loopback(http_peer(x))) {
        api_problem(
            c, 403, "https_required",
            "Logging in needs https. Set tls_cert and tls_key, or a proxy and trust_forwarded.");
        return;
    }
    char err[160];
    c->body = json_parse(http_body(x), 4096, err);
    const char *user = json_str(c->body, "user", "");
    const char *password = json_str(c->body, "password", "");
    if (!json_is_object(c->body) || !*user || !*password ||
        strlen(password) > API_PASSWORD_BYTES_MAX) {
        api_problem(c, 400, "invalid", "Send a JSON object with user and password.");
        return;
    }
    /* A name that cannot exist takes the same way as one that does not. */
    snprintf(c->user.id, sizeof c->user.id, "%s",
             api_user_id_is_valid(span_str(user)) ? user : "-");
    count(c, "address", span_str(http_peer(x)), on_address_count);
}

static void do_session(struct api_call *c) {
    char csrf[API_CSRF_BYTES];
    login_csrf(c->api, c->token, csrf);
    api_answer(c, 200,
               json_pack("{s:o,s:s,s:o}", "user", user_json(&c->user), "csrf", csrf, "settings",
                         api_settings(c->api)));
}

static void on_ended(void *arg, int error) {
    struct api_call *c = arg;
    if (error < 0 && error != ERR_NOT_FOUND) {
        api_fail(c, error);
        return;
    }
    inbox_session_ended(c->api->inbox, c->hash);
    set_cookie(c, "", "; Max-Age=0");
    api_answer_empty(c);
}

static void do_logout(struct api_call *c) {
    session_del(c->api->o.router, c->hash, on_ended, c);
}

static void on_login(void *arg, struct http_exchange *x) {
    handle_login(arg, x);
}

/* ---- a new password ---- */
static void on_stored(void *arg, int error) {
    struct api_call *c = arg;
    if (error < 0) {
        api_fail(c, error);
        return;
    }
    session_put(c->api->o.router, c->hash, c->session, login_idle_ms(c->api), api_done, c);
}

static void on_hashed(void *arg, const char *hash) {
    struct api_call *c = arg;
    json_t *account = c->work;
    if (!hash) {
        json_decref(account);
        api_fail(c, ERR_LIMIT);
        return;
    }
    json_puts(account, "hash", hash);
    json_puti(account, "epoch", c->user.epoch + 1);
    json_t *session = json_copy(c->session);
    json_decref(c->session);
    c->session = session;
    json_puti(session, "epoch", c->user.epoch + 1);
    staff_put(c->api->o.router, c->user.id, account, false, on_stored, c);
    json_decref(account);
}

static void change_after(void *arg, int status) {
    struct pw_work *w = arg;
    struct api_call *c = w->call;
    c->api->logins--;
    bool ok = status == 0 && w->is_good;
    work_free(w);
    int e = ok ? login_hash(c->api, json_str(c->body, "new", ""), on_hashed, c) : 0;
    if (ok && e == 0)
        return;
    json_decref(c->work);
    if (ok)
        api_fail(c, ERR_LIMIT);
    else
        api_problem(c, 403, "login_failed", "The old password is wrong.");
}

static void on_change_account(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    struct api *a = c->api;
    if (error < 0 || a->logins >= API_LOGINS_AT_ONCE) {
        api_fail(c, error < 0 ? error : ERR_LIMIT);
        return;
    }
    struct pw_work *w = xcalloc(1, sizeof *w);
    *w = (struct pw_work){.api = a,
                          .call = c,
                          .password = xstrdup(json_str(c->body, "old", "")),
                          .stored = xstrdup(json_str(v, "hash", ""))};
    if (loop_work(a->o.loop, verify_work, change_after, w) < 0) {
        work_free(w);
        api_fail(c, ERR_LIMIT);
        return;
    }
    a->logins++;
    c->work = json_copy(v);
    c->session = c->session ? c->session : json_object();
}

static void on_change_count(void *arg, int error, int64_t n) {
    struct api_call *c = arg;
    if (!over(c, error, n, PAIR_MAX))
        staff_get(c->api->o.router, c->user.id, on_change_account, c);
}

static void do_password(struct api_call *c) {
    const char *old = json_str(c->body, "old", ""), *new = json_str(c->body, "new", "");
    if (!*old || strlen(old) > API_PASSWORD_BYTES_MAX || strlen(new) > API_PASSWORD_BYTES_MAX ||
        utf8_count(span_str(new)) < API_PASSWORD_CHARS_MIN) {
        api_problem(c, 400, "password_too_short", "The new password needs at least 12 characters.");
        return;
    }
    count(c, "change", span_str(c->user.id), on_change_count);
}

void auth_routes(struct api *a) {
    static const struct api_row rows[] = {
        {"GET", "/api/v1/session", API_PLAIN, do_session},
        {"DELETE", "/api/v1/session", API_PLAIN, do_logout},
        {"POST", "/api/v1/session/password", API_PLAIN | API_BODY, do_password},
    };
    api_route(a, "POST", "/api/v1/session", on_login);
    api_rows(a, rows, sizeof rows / sizeof *rows);
}
