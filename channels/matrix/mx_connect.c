/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_connect: the address is found, the homeserver asked what it speaks, a token made or remembered
 * and its owner asked for. Whatever fails begins anew after a pause. */
#include "channels/matrix/matrix_private.h"

static void on_due(void *arg) {
    struct matrix *m = arg;
    m->h->timer_stop(m->connect_timer);
    m->connect_timer = NULL;
    mx_connect(m);
}

static void again(struct matrix *m, const char *sentence, uint64_t ms) {
    m->is_connecting = m->is_ready = false;
    m->connect_fails++;
    m->h->health(m->host, 0, sentence);
    m->h->log(m->host, 2, "matrix.down", sentence);
    if (!m->is_stopping && !m->connect_timer)
        m->connect_timer = m->h->timer(m->host, ms, 0, on_due, m);
}

static void again_soon(struct matrix *m, const struct mx_answer *a, const char *sentence) {
    again(m, sentence, mx_wait_ms(a, m->connect_fails));
}

static void call(struct matrix *m, const char *method, const char *path, struct span body,
                 bool is_anonymous, mx_answer_fn done) {
    struct mx_request q = {.method = method,
                           .path = path,
                           .what = *path == '/' ? path : "/.well-known/matrix/client",
                           .body = body,
                           .is_anonymous = is_anonymous,
                           .done = done,
                           .arg = m};
    mx_call(m, &q);
}

/* ---- who we are ---- */
static void login(struct matrix *m, bool keep_device);

static void on_count(void *arg, const struct mx_answer *a) {
    struct matrix *m = arg;
    if (a->status == 200)
        m->rooms_n = json_array_size(json_object_get(a->json, "joined_rooms"));
}

static void rooms(struct matrix *m, mx_answer_fn done) {
    struct mx_request q = {.method = "GET",
                           .path = "/_matrix/client/v3/joined_rooms",
                           .what = "/joined_rooms",
                           .answer_max = MX_SYNC_BYTES_MAX,
                           .done = done,
                           .arg = m};
    mx_call(m, &q);
}

void mx_rooms_count(struct matrix *m) {
    rooms(m, on_count);
}

static void on_rooms(void *arg, const struct mx_answer *a) {
    struct matrix *m = arg;
    if (a->is_token_lost)
        return; /* mx_token_lost begins anew */
    if (a->status != 200) {
        again_soon(m, a, "The homeserver does not tell which rooms we are in.");
        return;
    }
    on_count(m, a);
    m->is_connecting = false;
    m->is_ready = true;
    if (!m->is_leader)
        m->connect_fails = 0; /* else when /sync has worked: a token may be good for less */
    m->h->health(m->host, 1, "");
    m->h->log(m->host, 1, "matrix.ready", m->base);
    mx_joins_load(m);
    mx_media_limit(m);
    if (m->is_leader)
        mx_sync_start(m);
}

static void replace(char **to, const char *s) {
    free(*to);
    *to = xstrdup(s);
}

static void on_whoami(void *arg, const struct mx_answer *a) {
    struct matrix *m = arg;
    const char *user = json_str(a->json, "user_id", "");
    if (a->is_token_lost)
        return; /* mx_token_lost begins anew */
    if (a->status != 200 || !mx_user_is_valid(span_str(user))) {
        again_soon(m, a, "The homeserver does not tell whose token it is.");
        return;
    }
    replace(&m->me, user);
    if (*json_str(a->json, "device_id", ""))
        replace(&m->device, json_str(a->json, "device_id", ""));
    rooms(m, on_rooms);
}

static void whoami(struct matrix *m) {
    call(m, "GET", "/_matrix/client/v3/account/whoami", SPAN_NONE, false, on_whoami);
}

static void take_token(struct matrix *m, const char *token) {
    replace(&m->token, token);
    m->generation++;
}

/* ---- login ---- */
static void on_login(void *arg, const struct mx_answer *a) {
    struct matrix *m = arg;
    const char *token = json_str(a->json, "access_token", "");
    if (mx_is_transient(a) || a->status == 0) {
        again_soon(m, a, "The homeserver cannot be asked for a token right now.");
        return;
    }
    if (a->status != 200 || !*token) {
        again(m, "The homeserver refuses user or password.", MX_REFUSED_RETRY_MS);
        return;
    }
    take_token(m, token);
    replace(&m->device, json_str(a->json, "device_id", ""));
    json_t *o = json_object();
    json_puts(o, "homeserver", m->o.homeserver);
    json_puts(o, "user", m->o.user);
    json_puts(o, "token", m->token);
    json_puts(o, "device", m->device);
    char *text = json_text(o);
    m->h->state_set(m->host, kit_str("login"), kit_str(text), 0, NULL, NULL);
    explicit_bzero(text, strlen(text));
    free(text);
    json_decref(o);
    whoami(m);
}

static void login(struct matrix *m, bool keep_device) {
    json_t *o = json_object(), *who = json_object();
    json_puts(o, "type", "m.login.password");
    json_puts(who, "type", "m.id.user");
    json_puts(who, "user", m->o.user);
    json_object_set_new(o, "identifier", who);
    json_puts(o, "password", m->o.password);
    json_puts(o, "initial_device_display_name", "Draht");
    if (keep_device && m->device && *m->device)
        json_puts(o, "device_id", m->device);
    char *body = json_text(o);
    call(m, "POST", "/_matrix/client/v3/login", span_str(body), true, on_login);
    explicit_bzero(body, strlen(body));
    free(body);
    json_decref(o);
}

void mx_token_lost(struct matrix *m, bool is_soft) {
    m->generation++; /* answers to the old token tell nothing more */
    m->is_ready = false;
    mx_sync_stop(m);
    m->h->state_del(m->host, kit_str("login"), NULL, NULL);
    if (m->is_stopping)
        return;
    if (*m->o.access_token || !*m->o.password) {
        again(m, "The homeserver does not accept the access token any more.", MX_REFUSED_RETRY_MS);
        return;
    }
    m->h->log(m->host, 2, "matrix.token", "The token ended; logging in again.");
    m->h->health(m->host, 0, "The token ended; a new one is being fetched.");
    m->is_connecting = true;
    if (m->connect_fails++ < 3)
        login(m, is_soft);
    else
        again(m, "The homeserver refuses each new token.", mx_backoff_ms(m->connect_fails));
}

static void on_stored(void *arg, int status, struct draht_span value) {
    struct matrix *m = arg;
    if (status < 0) {
        again(m, "The store cannot be reached right now.", mx_backoff_ms(m->connect_fails));
        return;
    }
    json_t *o = json_parse(kit_in(value), 65536, NULL);
    bool is_ours = strcmp(json_str(o, "homeserver", ""), m->o.homeserver) == 0 &&
                   strcmp(json_str(o, "user", ""), m->o.user) == 0 && *json_str(o, "token", "");
    if (is_ours) {
        take_token(m, json_str(o, "token", ""));
        replace(&m->device, json_str(o, "device", ""));
    }
    json_decref(o);
    if (is_ours)
        whoami(m);
    else
        login(m, false);
}

/* ---- where it is ---- */
static bool version_is_known(const json_t *list) {
    size_t i;
    const json_t *v;
    json_array_foreach(list, i, v) {
        const char *s = json_is_string(v) ? json_string_value(v) : "";
        if (strncmp(s, "v1.", 3) == 0 || strncmp(s, "r0.6", 4) == 0)
            return true;
    }
    return false;
}

static void on_versions(void *arg, const struct mx_answer *a) {
    struct matrix *m = arg;
    if (mx_is_transient(a) || a->status == 0) {
        again_soon(m, a, "The homeserver cannot be reached right now.");
        return;
    }
    if (a->status != 200 || !version_is_known(json_object_get(a->json, "versions"))) {
        again(m, "At the address of the homeserver nobody speaks Matrix v1.", MX_REFUSED_RETRY_MS);
        return;
    }
    if (*m->o.access_token) {
        take_token(m, m->o.access_token);
        whoami(m);
    } else if (m->token && m->connect_fails == 0) {
        whoami(m);
    } else {
        m->h->state_get(m->host, kit_str("login"), on_stored, m);
    }
}

static void versions(struct matrix *m, struct span base) {
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    free(m->base);
    m->base = xstrndup(base.p, base.n);
    call(m, "GET", "/_matrix/client/versions", SPAN_NONE, true, on_versions);
}

static bool is_url(struct span s) {
    return span_istarts(s, "https://") || span_istarts(s, "http://");
}

static void on_well_known(void *arg, const struct mx_answer *a) {
    struct matrix *m = arg;
    struct span url = mx_str(json_object_get(a->json, "m.homeserver"), "base_url");
    if (a->status == 200 && is_url(url)) {
        versions(m, url);
    } else if (a->status == 404) {
        char *guess = xcalloc(1, strlen(m->o.homeserver) + 9);
        sprintf(guess, "https://%s", m->o.homeserver);
        versions(m, span_str(guess));
        free(guess);
    } else {
        again_soon(m, a, "/.well-known/matrix/client of the server name tells no homeserver.");
    }
}

void mx_connect(struct matrix *m) {
    if (m->is_connecting || m->is_ready || m->is_stopping)
        return;
    m->is_connecting = true;
    struct span home = span_str(m->o.homeserver);
    if (is_url(home)) {
        versions(m, home);
        return;
    }
    char *url = xcalloc(1, home.n + 64);
    sprintf(url, "https://%s/.well-known/matrix/client", m->o.homeserver);
    call(m, "GET", url, SPAN_NONE, true, on_well_known);
    free(url);
}
