/* SPDX-License-Identifier: EUPL-1.2 */
/* app_account: the first account, and what is printed after the start. The password exists on the
 * terminal only; the store has its hash. */
#include "gateway/app_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"

struct first {
    struct app *app;
    void (*done)(struct app *a);
    char password[API_PASSWORD_RANDOM_BYTES], hash[CRYPTO_PWHASH_BYTES];
    int error;
};

static void finish(struct first *w, int error) {
    struct app *a = w->app;
    void (*done)(struct app *) = w->done;
    if (error < 0)
        log_error("account.first", "error=%s", error_name(error));
    memset(w, 0, sizeof *w);
    free(w);
    done(a);
}

static void on_stored(void *arg, int error) {
    struct first *w = arg;
    if (error == 0) {
        printf("First account for the inbox:\n  user:     admin\n  password: %s\n"
               "This is shown once. Change it after the first login.\n\n",
               w->password);
        fflush(stdout);
    }
    finish(w, error == ERR_CONFLICT || error == ERR_DUPLICATE ? 0 : error);
}

static void hash_work(void *arg) {
    struct first *w = arg;
    w->error = crypto_pw_hash(w->password, w->hash);
}

static void after_hash(void *arg, int status) {
    struct first *w = arg;
    if (status < 0 || w->error < 0) {
        finish(w, status < 0 ? status : w->error);
        return;
    }
    json_t *account = json_pack("{s:s,s:s,s:s,s:s,s:s,s:[],s:b,s:i}", "id", "admin", "name",
                                "Administration", "role", "admin", "hash", w->hash, "language",
                                "de", "queues", "disabled", 0, "epoch", 1);
    staff_put(w->app->router, "admin", account, true, on_stored, w);
    json_decref(account);
}

static void on_listed(void *arg, int error, json_t *v) {
    struct first *w = arg;
    if (error < 0 || json_array_size(v) > 0) {
        finish(w, error);
        return;
    }
    api_password_random(w->password);
    int e = loop_work(w->app->loop, hash_work, after_hash, w);
    if (e < 0)
        finish(w, e);
}

void app_first_account(struct app *a, void (*done)(struct app *a)) {
    struct first *w = xcalloc(1, sizeof *w);
    w->app = a;
    w->done = done;
    staff_list(a->router, on_listed, w);
}

static void greet_mail(const struct config_channel *ch) {
    json_t *o = json_parse(span_str(ch->options), 1 << 20, NULL);
    const json_t *lmtp = json_object_get(o, "lmtp"), *address = json_object_get(o, "address");
    const char *where =
        json_is_array(lmtp) ? json_string_value(json_array_get(lmtp, 0)) : json_str(o, "lmtp", "");
    const char *to = json_is_array(address) ? json_string_value(json_array_get(address, 0))
                                            : json_str(o, "address", "");
    const char *relay = json_str(o, "relay", ""), *maildir = json_str(o, "outgoing_maildir", "");
    if (where && *where)
        printf("Mail      in   %s (LMTP)\n", where);
    printf("          out  %s%s\n", *relay ? "relay " : "", *relay ? relay : maildir);
    if (where && *where && to && *to && strncmp(where, "unix:", 5))
        printf(
            "          try  swaks --protocol LMTP --server %s --to %s%s --from test@example.org\n",
            where, *to == '@' ? "post" : "", to);
    json_decref(o);
}

void app_greet(const struct app *a) {
    const struct config *c = a->config;
    char base[300];
    bool v6 = strchr(c->listen_host, ':') != NULL;
    const char *host = !strcmp(c->listen_host, "0.0.0.0") || !strcmp(c->listen_host, "::")
                           ? "127.0.0.1"
                           : c->listen_host;
    snprintf(base, sizeof base, "%s://%s%s%s:%d", c->tls_cert && *c->tls_cert ? "https" : "http",
             v6 && host == c->listen_host ? "[" : "", host, v6 && host == c->listen_host ? "]" : "",
             http_server_port(a->http));
    printf("Draht %s for %s is ready.%s\n\n", DRAHT_VERSION, c->city_name,
           c->demo ? "\n\n  *** DEMONSTRATION: invented citizens; nothing is sent out ***" : "");
    printf("Staff     inbox  %s/inbox/\n", base);
    if (!strncmp(host, "127.", 4) || !strcmp(host, "localhost") || !strcmp(host, "::1"))
        printf("Citizens  page   %s/demo\n", base);
    for (int i = 0; i < c->channels_n; i++) {
        const struct config_channel *ch = &c->channels[i];
        if (ch->enabled && !strcmp(ch->type, "webchat"))
            printf("          form   %s/channels/%s/form\n", base, ch->id);
        else if (ch->enabled && !strcmp(ch->type, "email"))
            greet_mail(ch);
    }
    printf("State          %s\n\n", c->state_dir);
    fflush(stdout);
}
