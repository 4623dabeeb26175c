/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * api: the staff side over HTTP: REST below /api/v1, the live socket, pages and assets, health. It
 * translates between HTTP and router; it decides nothing about tickets. gateway/api/contract.md and
 * openapi.yaml describe what goes over the wire.
 */
#ifndef DRAHT_API_API_H
#define DRAHT_API_API_H

#include "channels/host.h"
#include "config/config.h"
#include "gateway/base/utf8.h"
#include "gateway/net/http_server.h"
#include "router/router.h"

struct api;
struct api_options {
    struct loop *loop;
    struct http_server *http;
    struct router *router;
    struct host *host;
    struct crypto *crypto;
    const struct clock *clock;
    const struct config *config; /* borrowed; api_reload swaps */
    const char *version;         /* borrowed forever */
};
/* Adds all routes. Returned (api_free). */
struct api *api_new(const struct api_options *o);
/* Whether /readyz may say yes (the first account exists); the store is asked besides. */
void api_set_ready(struct api *a, bool is_ready);
void api_reload(struct api *a, const struct config *c);
/* The seam feed_listener: arg is the api. */
void api_feed(void *api, const struct feed_event *e);
/* A citizen types; arg is the api (host_options.on_typing). */
void api_typing(void *api, const char *ticket, int is_typing);
/* /metrics without a session, on a listener that the operator opened for it alone. */
void api_metrics_serve(struct api *a, struct http_server *s);
/* Closes the live sockets and refuses work from now on. */
void api_stop(struct api *a);
/* After router_stop: no answer of the router is under way any more. Sets NULL. */
void api_free(struct api **a);

/* Bounds of names and passwords, also for draht user. */
#define API_QUEUES_MAX 32 /* offices of an account; an id of one has 32 bytes */
#define API_PASSWORD_CHARS_MIN 12
#define API_PASSWORD_BYTES_MAX 512
bool api_user_id_is_valid(struct span id);
/* A random password of 20 letters and digits that nobody confuses. */
#define API_PASSWORD_RANDOM_BYTES 25
void api_password_random(char out[API_PASSWORD_RANDOM_BYTES]);

#endif
