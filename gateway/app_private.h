/* SPDX-License-Identifier: EUPL-1.2 */
/* app_private: what app.c (life), app_config.c (settings), app_demo.c and app_user.c share. */
#ifndef DRAHT_APP_PRIVATE_H
#define DRAHT_APP_PRIVATE_H

#include "channels/host.h"
#include "gateway/api/api.h"
#include "gateway/app.h"
#include "gateway/app_redis.h"
#include "gateway/net/http_client.h"
#include "gateway/net/transfer.h"
#include "router/router.h"

#define RELOADS_MAX 1000

struct app {
    struct app_options o;
    struct config *config;
    struct arena *config_memory;     /* of what app_config_load put into the configuration */
    struct config *old[RELOADS_MAX]; /* replaced ones: strings of theirs may still be borrowed */
    struct arena *old_memory[RELOADS_MAX];
    int old_n;
    int lock;
    struct loop *loop;
    struct crypto *crypto;
    struct app_redis *redis;
    struct router *router;
    struct http_server *http;
    struct http_server *metrics; /* or NULL: only on the main port */
    struct transfers *transfers;
    struct http_client *client;
    struct host *host;
    struct api *api;
    uv_signal_t signals[3];
    struct loop_timer *deadline;
    bool is_ready, is_stopping, is_demo_loading;
    int signals_open, status;
    uint64_t stopping_ms; /* on the loop's clock */
    struct app_demo *demo;
};

/* Loads, puts --state and --demo over it, fills what depends on state_dir. NULL: faults say why. */
struct config *app_config_load(const struct app_options *o, struct arena **memory,
                               struct buf *faults);
/* The master key of c (made when there is none yet), if it is the one that state_dir was written
 * with. Returned; crypto_free. NULL and fault when it is another, or lost. */
struct crypto *app_key_open(const struct config *c, bool *made_out, struct fault *f);
/* state_dir 0700, its lock, the master key. The lock's descriptor or negative. shared: no lock is
 * taken. */
int app_state_open(const struct config *c, struct fault *f);
/* Makes the account admin when there is none; then done. Prints its password once. */
void app_first_account(struct app *a, void (*done)(struct app *a));
void app_greet(const struct app *a);
/* Takes the sample requests in, once per state_dir. */
void app_demo_start(struct app *a);
void app_demo_free(struct app *a);
/* The demo's configuration file below state_dir, written anew. NULL: cannot. In the arena. */
const char *app_demo_config(struct arena *memory, const char *state_dir);

#endif
