/* SPDX-License-Identifier: EUPL-1.2 */
/* app_user: accounts from the command line. Works beside a running gateway (through the same store)
 * and without one (it starts the store for the moment). */
#include "gateway/app_private.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/log.h"

#define USER_LIMIT_MS 15000

struct user_run {
    struct app app;
    const struct app_user_command *cmd;
    char random[API_PASSWORD_RANDOM_BYTES];
    bool is_done;
};

static void store_gone(void *arg) {
    struct user_run *u = arg;
    loop_timer_stop(&u->app.deadline);
    loop_stop(u->app.loop);
}

static void router_gone(void *arg) {
    struct user_run *u = arg;
    if (u->app.router)
        router_free(&u->app.router);
    if (u->app.redis)
        app_redis_stop(u->app.redis, store_gone, u);
    else
        store_gone(u);
}

static void finish(struct user_run *u, int error, const char *what) {
    if (u->is_done)
        return;
    u->is_done = true;
    u->app.status = error < 0 ? 1 : 0;
    if (error < 0)
        fprintf(stderr, "draht %s: %s\n", strcmp(u->cmd->action, "erase") ? "user" : "erase",
                what ? what : error_sentence(error));
    if (u->app.router)
        router_stop(u->app.router, router_gone, u);
    else
        router_gone(u);
}

static void on_stored(void *arg, int error) {
    struct user_run *u = arg;
    bool exists = error == ERR_CONFLICT || error == ERR_DUPLICATE;
    if (error == 0 && !u->cmd->password)
        printf("%s: password %s\n", u->cmd->id, u->random);
    finish(u, error,
           exists ? "there is an account with this name already; draht user passwd gives it a new "
                    "password"
                  : NULL);
}

/* Blocks, but nothing else runs in this process. */
static void store_account(struct user_run *u, json_t *account, bool is_new) {
    char hash[CRYPTO_PWHASH_BYTES];
    const char *password = u->cmd->password;
    if (!password) {
        api_password_random(u->random);
        password = u->random;
    }
    if (crypto_pw_hash(password, hash) < 0) {
        finish(u, ERR_CRYPTO, "not enough memory to hash the password");
        return;
    }
    json_puts(account, "hash", hash);
    json_puti(account, "epoch", json_int(account, "epoch", 0) + 1);
    staff_put(u->app.router, u->cmd->id, account, is_new, on_stored, u);
}

static void on_found(void *arg, int error, json_t *v) {
    struct user_run *u = arg;
    if (error < 0) {
        finish(u, error, error == ERR_NOT_FOUND ? "there is no such account" : NULL);
        return;
    }
    json_t *account = json_copy(v);
    json_object_set_new(account, "disabled", json_false());
    store_account(u, account, false);
    json_decref(account);
}

static void on_listed(void *arg, int error, json_t *v) {
    struct user_run *u = arg;
    size_t i;
    json_t *one;
    json_array_foreach(v, i, one)
        printf("%-20s %-6s %s%s\n", json_str(one, "id", ""), json_str(one, "role", ""),
               json_str(one, "name", ""), json_flag(one, "disabled", false) ? " (disabled)" : "");
    finish(u, error, NULL);
}

static void on_erased(void *arg, int error) {
    struct user_run *u = arg;
    if (error == 0)
        printf("%s: erased\n", u->cmd->id);
    finish(u, error, error == ERR_NOT_FOUND ? "there is no such ticket" : NULL);
}

/* Access and offices of a new account; false: one is wrong and said so. */
static bool put_access(struct user_run *u, json_t *account) {
    struct span rest = span_str(u->cmd->queues ? u->cmd->queues : "");
    json_t *queues = json_object_get(account, "queues");
    if (u->cmd->access)
        json_puts(account, "access", u->cmd->access);
    while (rest.p && rest.n) {
        char id[64];
        struct span one = span_trim(span_cut(&rest, ','));
        snprintf(id, sizeof id, "%.*s", (int)(one.n < sizeof id ? one.n : 0), one.p);
        if (!config_queue(u->app.config, id) || json_array_size(queues) >= API_QUEUES_MAX) {
            finish(u, ERR_INVALID,
                   "--queues names at most 32 offices by their id in the settings, with commas");
            return false;
        }
        json_array_append_new(queues, json_string(id));
    }
    return true;
}

static void on_ready(void *arg) {
    struct user_run *u = arg;
    const struct app_user_command *c = u->cmd;
    if (u->is_done)
        return;
    if (!strcmp(c->action, "list")) {
        staff_list(u->app.router, on_listed, u);
    } else if (!strcmp(c->action, "erase")) {
        contact_erase(u->app.router, c->id, "", on_erased, u);
    } else if (!strcmp(c->action, "passwd")) {
        staff_get(u->app.router, c->id, on_found, u);
    } else {
        json_t *account = json_pack("{s:s,s:s,s:s,s:s,s:[],s:b}", "id", c->id, "name",
                                    c->name ? c->name : c->id, "role", c->role ? c->role : "agent",
                                    "language", "de", "queues", "disabled", 0);
        if (put_access(u, account))
            store_account(u, account, true);
        json_decref(account);
    }
}

static void on_fatal(void *arg, const char *why) {
    finish(arg, ERR_UNAVAILABLE, why);
}

static void too_late(void *arg) {
    finish(arg, ERR_TIMEOUT, "the store did not answer in time");
}

static void send_later(void *arg, const struct outbound *m, struct router_send *send) {
    (void)arg;
    (void)m;
    router_settle(send, V_RETRY, SPAN("no gateway runs"), 1000);
}

static void hear_nothing(void *arg, const struct feed_event *e) {
    (void)arg;
    (void)e;
}

static int open_store(struct user_run *u, struct fault *f) {
    struct app *a = &u->app;
    struct fault busy = {0};
    bool made = false;
    a->lock = app_state_open(a->config, &busy);
    if (a->lock < 0 && busy.code != ERR_CONFLICT) {
        *f = busy;
        return f->code;
    }
    a->crypto = app_key_open(a->config, &made, f);
    if (!a->crypto)
        return f->code;
    char *address = NULL;
    if (strcmp(a->config->redis, "embedded") == 0) {
        if (a->lock >= 0 && !(a->redis = app_redis_start(a->loop, a->config->state_dir, f)))
            return f->code;
        struct buf b = {0};
        buf_addf(&b, "unix:%s/redis/redis.sock", a->config->state_dir);
        address = buf_take(&b, NULL);
    }
    a->router =
        router_new(&(struct router_options){.loop = a->loop,
                                            .redis_address = address ? address : a->config->redis,
                                            .crypto = a->crypto,
                                            .clock = &clock_system,
                                            .config = a->config,
                                            .sender = send_later,
                                            .sender_arg = u,
                                            .listener = hear_nothing,
                                            .listener_arg = u,
                                            .on_ready = on_ready,
                                            .on_fatal = on_fatal,
                                            .arg = u},
                   f);
    free(address);
    return a->router ? 0 : f->code;
}

static void clean_up(struct app *a) {
    app_redis_free(&a->redis);
    if (a->loop)
        loop_free(&a->loop);
    crypto_free(&a->crypto);
    config_free(&a->config);
    arena_free(&a->config_memory);
    if (a->lock >= 0)
        close(a->lock);
}

int app_user(const struct app_options *o, const struct app_user_command *cmd) {
    struct user_run u = {.app = {.o = *o, .lock = -1}, .cmd = cmd};
    struct buf faults = {0};
    struct fault f = {0};
    log_set_level(LOG_WARN);
    u.app.config = crypto_init() == 0 ? app_config_load(o, &u.app.config_memory, &faults) : NULL;
    if (!u.app.config || locale_init(&f) < 0) {
        fprintf(stderr, "%s%s\n", faults.p ? faults.p : "", f.text);
        buf_free(&faults);
        return 1;
    }
    u.app.loop = loop_new();
    u.app.deadline = loop_timer(u.app.loop, USER_LIMIT_MS, 0, too_late, &u);
    int e = open_store(&u, &f);
    if (e < 0)
        finish(&u, e, f.text);
    loop_run(u.app.loop);
    clean_up(&u.app);
    return u.app.status;
}
