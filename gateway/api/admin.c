/* SPDX-License-Identifier: EUPL-1.2 */
/* admin: staff accounts, the settings that the inbox needs, and how the channels are doing. */
#include "gateway/api/login.h"

#include <stdio.h>

#include "gateway/base/utf8.h"

#define NAME_POINTS_MAX 80
#define LOG_LINES 100
#define LOG_LINES_MAX 500

bool api_user_id_is_valid(struct span id) {
    if (id.n == 0 || id.n >= API_USER_BYTES)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        char b = id.p[i];
        if (!((b >= 'a' && b <= 'z') || (b >= '0' && b <= '9') ||
              (i && (b == '.' || b == '-' || b == '_'))))
            return false;
    }
    return true;
}

void api_password_random(char out[API_PASSWORD_RANDOM_BYTES]) {
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* 32: no bias */
    uint8_t raw[API_PASSWORD_RANDOM_BYTES];
    crypto_random(raw, sizeof raw);
    for (size_t i = 0; i + 1 < API_PASSWORD_RANDOM_BYTES; i++)
        out[i] = i % 5 == 4 ? '-' : letters[raw[i] & 31];
    out[API_PASSWORD_RANDOM_BYTES - 1] = 0;
}

json_t *api_channels(struct api *a) {
    json_t *list = a->is_stopping ? json_array() : host_describe(a->o.host);
    api_times(list);
    return list;
}

/* "<id>/log" behind /api/v1/channels/ */
static void do_log(struct api_call *c) {
    struct span rest = http_rest(c->x), id = span_cut(&rest, '/');
    json_t *lines = NULL;
    if (rest.p && span_eq(rest, "log"))
        lines = host_log_of(c->api->o.host, arena_strndup(http_arena(c->x), id.p, id.n),
                            api_query_int(c, "limit", LOG_LINES, 1, LOG_LINES_MAX));
    if (lines)
        api_answer(c, 200, json_pack("{s:o}", "lines", lines));
    else
        api_problem(c, 404, "not_found", "There is no such channel.");
}

static json_t *words(const char *const *list, size_t n) {
    json_t *v = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(v, json_string(list[i]));
    return v;
}

static json_t *text_blocks(const struct config *k) {
    json_t *all = json_array();
    for (int i = 0; i < k->text_blocks_n; i++) {
        const struct config_block *b = &k->text_blocks[i];
        json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:s}", "id", b->id, "name", b->name,
                                             "queue", b->queue, "text", b->text));
    }
    return all;
}

json_t *api_settings(struct api *a) {
    static const char *const states[] = {"new", "open", "waiting", "reminder", "closed"};
    static const char *const priorities[] = {"low", "normal", "high", "urgent"};
    const struct config *k = a->o.config;
    json_t *v = json_object(), *city = json_object(), *queues = json_array();
    json_puts(city, "name", k->city_name);
    json_object_set_new(v, "city", city);
    for (int i = 0; i < k->queues_n; i++) {
        json_t *q = json_object();
        json_puts(q, "id", k->queues[i].id);
        json_puts(q, "name", k->queues[i].name);
        json_puts(q, "contact", k->queues[i].contact);
        json_array_append_new(queues, q);
    }
    json_object_set_new(v, "queues", queues);
    json_object_set_new(v, "channels", api_channels(a));
    json_object_set_new(v, "text_blocks", text_blocks(k));
    json_object_set_new(v, "states", words(states, 5));
    json_object_set_new(v, "priorities", words(priorities, 4));
    json_puti(v, "undo_seconds", k->undo_seconds);
    json_puti(v, "attachment_max_bytes", (int64_t)k->attachment_max_mb * 1024 * 1024);
    json_object_set_new(v, "demo", json_boolean(k->demo));
    json_puts(v, "version", a->o.version);
    return v;
}

static void do_settings(struct api_call *c) {
    api_answer(c, 200, api_settings(c->api));
}

/* ---- accounts ---- */
/* Whom colleagues can give a ticket to depends on offices, so these are no secret among staff. */
static json_t *account_shown(const struct config *k, const json_t *v, bool to_admin) {
    json_t *o = json_object(), *queues = json_object_get(v, "queues");
    json_puts(o, "id", json_str(v, "id", ""));
    json_puts(o, "name", json_str(v, "name", ""));
    json_puts(o, "role", json_str(v, "role", "agent"));
    json_puts(o, "access", access_is_own(k, v) ? "own" : "all");
    json_object_set_new(o, "queues", json_is_array(queues) ? json_incref(queues) : json_array());
    if (!to_admin)
        return o;
    json_puts(o, "language", json_str(v, "language", "de"));
    json_object_set_new(o, "disabled", json_boolean(json_flag(v, "disabled", false)));
    return o;
}

static void on_listed(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    if (error < 0) {
        api_fail(c, error);
        return;
    }
    json_t *out = json_array(), *one;
    size_t i;
    json_array_foreach(v, i, one) if (c->user.is_admin || !json_flag(one, "disabled", false))
        json_array_append_new(out, account_shown(c->api->o.config, one, c->user.is_admin));
    api_answer(c, 200, out);
}

static void do_list(struct api_call *c) {
    staff_list(c->api->o.router, on_listed, c);
}

static const char *check_queues(const struct config *k, const json_t *list) {
    const char *wrong = "queues must be a list of at most 32 office ids from /settings.";
    if (!json_is_array(list) || json_array_size(list) > API_QUEUES_MAX)
        return wrong;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *id = json_string_value(json_array_get(list, i));
        if (!id || !config_queue(k, id))
            return wrong;
    }
    return NULL;
}

static const char *check_member(const struct config *k, const char *key, const json_t *v) {
    const char *s = json_string_value(v);
    size_t points = s ? utf8_count(span_str(s)) : 0;
    if (!strcmp(key, "id"))
        return s && api_user_id_is_valid(span_str(s))
                   ? NULL
                   : "id: 1 to 32 of a-z, 0-9, dot, dash, underscore.";
    if (!strcmp(key, "name"))
        return points >= 1 && points <= NAME_POINTS_MAX ? NULL : "name: 1 to 80 characters.";
    if (!strcmp(key, "role"))
        return s && (!strcmp(s, "agent") || !strcmp(s, "admin")) ? NULL : "role: agent or admin.";
    if (!strcmp(key, "access"))
        return s && (!strcmp(s, "all") || !strcmp(s, "own")) ? NULL : "access: all or own.";
    if (!strcmp(key, "language"))
        return s && strlen(s) <= 16 ? NULL : "language: de or en.";
    if (!strcmp(key, "disabled"))
        return json_is_boolean(v) ? NULL : "disabled: true or false.";
    if (!strcmp(key, "queues"))
        return check_queues(k, v);
    if (!strcmp(key, "password"))
        return s && points >= API_PASSWORD_CHARS_MIN && strlen(s) <= API_PASSWORD_BYTES_MAX
                   ? NULL
                   : "password: at least 12 characters.";
    return "Only id, name, role, language, password, access, queues and disabled are known.";
}

static const char *check_account(struct api_call *c, bool is_new) {
    const char *key;
    json_t *v;
    json_object_foreach(c->body, key, v) {
        const char *wrong = check_member(c->api->o.config, key, v);
        if (wrong)
            return wrong;
    }
    if (is_new && (!*json_str(c->body, "id", "") || !*json_str(c->body, "name", "") ||
                   !*json_str(c->body, "password", "")))
        return "A new account needs id, name and password.";
    if (!is_new && json_object_get(c->body, "id"))
        return "The id of an account cannot be changed.";
    return NULL;
}

static void on_stored(void *arg, int error) {
    struct api_call *c = arg;
    json_t *account = c->work;
    if (error < 0) {
        json_decref(account);
        api_fail(c, error == ERR_CONFLICT ? ERR_DUPLICATE : error);
        return;
    }
    json_t *shown = account_shown(c->api->o.config, account, true);
    json_decref(account);
    inbox_account_changed(c->api->inbox, json_str(shown, "id", ""));
    api_answer(c, c->number[0] ? 201 : 200, shown);
}

/* c->number: "new" for a new account. */
static void store(struct api_call *c) {
    json_t *account = c->work;
    const char *id = json_str(account, "id", "");
    staff_put(c->api->o.router, arena_strdup(http_arena(c->x), id), account, c->number[0] != 0,
              on_stored, c);
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
    json_puti(account, "epoch", json_int(account, "epoch", 0) + 1);
    store(c);
}

/* Takes over what the body says; hashes first when there is a password. */
static void merge(struct api_call *c, json_t *account) {
    const char *key, *password = json_str(c->body, "password", NULL);
    json_t *v;
    json_object_foreach(c->body, key, v) if (strcmp(key, "password"))
        json_object_set(account, key, v);
    c->work = account;
    if (!password) {
        store(c);
        return;
    }
    int e = login_hash(c->api, password, on_hashed, c);
    if (e < 0) {
        json_decref(account);
        api_fail(c, ERR_LIMIT);
    }
}

static void do_new(struct api_call *c) {
    const char *wrong = check_account(c, true);
    if (wrong) {
        api_problem(c, 400, "invalid", wrong);
        return;
    }
    c->number[0] = 'n';
    merge(c, json_pack("{s:s,s:s,s:[],s:b}", "role", "agent", "language", "de", "queues",
                       "disabled", 0));
}

static void on_found(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    if (error < 0) {
        api_fail(c, error);
        return;
    }
    bool self = !strcmp(json_str(v, "id", ""), c->user.id);
    if (self && (json_flag(c->body, "disabled", false) ||
                 !strcmp(json_str(c->body, "role", "admin"), "agent"))) {
        api_problem(c, 409, "last_admin",
                    "You cannot disable or demote yourself. Ask another administrator.");
        return;
    }
    merge(c, json_copy(v));
}

static void do_change(struct api_call *c) {
    struct span id = http_rest(c->x);
    const char *wrong = check_account(c, false);
    if (!api_user_id_is_valid(id))
        api_problem(c, 404, "not_found", "There is no such account.");
    else if (wrong)
        api_problem(c, 400, "invalid", wrong);
    else
        staff_get(c->api->o.router, arena_strndup(http_arena(c->x), id.p, id.n), on_found, c);
}

/* The citizen behind a ticket is forgotten; the ticket stays as a shell. Its channel drops what it
 * keeps beside the store. */
static void on_erased(void *arg, int error) {
    struct api_call *c = arg;
    const struct api_thread *t = error < 0 ? NULL : c->work;
    if (t && !c->api->is_stopping)
        host_notify(c->api->o.host, t->channel, t->thread, "erased", c->number);
    api_done(c, error);
}

/* The conversation's key lies in what becomes unreadable: it is read before. */
static void on_erasable(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    const json_t *s = json_array_get(v, 0);
    const char *thread = json_str(s, "thread", "");
    if (error < 0) {
        api_fail(c, error);
        return;
    }
    if (*thread) {
        struct arena *a = http_arena(c->x);
        struct api_thread *t = arena_alloc(a, sizeof *t);
        t->channel = arena_strdup(a, json_str(s, "channel", ""));
        t->thread = arena_strdup(a, thread);
        c->work = t;
    }
    contact_erase(c->api->o.router, c->number, c->user.id, on_erased, c);
}

static void do_erase(struct api_call *c) {
    const char *one = c->number;
    if (c->tail.p)
        api_no_path(c);
    else
        ticket_summary(c->api->o.router, &one, 1, on_erasable, c);
}

void admin_routes(struct api *a) {
    static const struct api_row rows[] = {
        {"GET", "/api/v1/settings", API_PLAIN, do_settings},
        {"GET", "/api/v1/channels/*", API_PLAIN | API_ADMIN, do_log},
        {"GET", "/api/v1/staff", API_PLAIN, do_list},
        {"POST", "/api/v1/staff", API_PLAIN | API_BODY | API_ADMIN, do_new},
        {"PATCH", "/api/v1/staff/*", API_PLAIN | API_BODY | API_ADMIN, do_change},
        {"DELETE", "/api/v1/contacts/*", API_TICKET | API_BODY | API_ADMIN, do_erase},
    };
    api_rows(a, rows, sizeof rows / sizeof *rows);
}
