/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * host: implements draht_host for all channels of the configuration: opens, starts, stops them,
 * maps accept to router/intake, outbox items to ops->send, tokens to settle. A channel that breaks
 * the contract (settles twice, accepts without ids) is logged and taken down; never the process.
 */
#ifndef DRAHT_CHANNELS_HOST_H
#define DRAHT_CHANNELS_HOST_H

#include "channels/registry.h"
#include "config/config.h"
#include "gateway/net/http_client.h"
#include "gateway/net/http_server.h"
#include "gateway/net/ws.h"
#include "router/router.h"

struct host;
struct host_options {
    struct loop *loop;
    struct http_server *http;
    struct http_client *client;
    struct transfers *transfers;
    struct router *router;
    struct crypto *crypto;
    const struct clock *clock;
    const struct config *config; /* borrowed, must outlive; host_reload swaps it */
    void (*on_typing)(void *arg, const char *ticket,
                      int is_typing); /* citizen types; to the inbox */
    void *arg;
};
/* Opens all enabled channels. NULL and fault when one cannot be opened. */
struct host *host_new(const struct host_options *o, struct fault *f);
int host_start(struct host *h, struct fault *f);
void host_stop(struct host *h, void (*done)(void *arg), void *arg); /* drains, at most 10 s */
void host_free(struct host **h);
/* The seam outbox_sender (router to channels). */
void host_send(void *host, const struct outbound *m, struct router_send *send);
/* Staff side to citizen. */
void host_typing(struct host *h, const char *channel, const char *thread, const char *who,
                 bool is_typing);
void host_notify(struct host *h, const char *channel, const char *thread, const char *what,
                 const char *detail);
/* The seam feed_listener (router to channels): those that watch the conversation hear of it. */
void host_feed(struct host *h, const struct feed_event *e);
void host_reload(struct host *h, const struct config *c);
/* The type of a channel that can write to an address that did not write first; NULL: there is no
 * such channel. Borrowed. */
const char *host_first(const struct host *h, const char *id, bool *is_up);
/* [{id,type,up,sentence,caps[],text_max,files?,text?,reply_window_hours,last_in_ms,last_out_ms,waiting}]
 * returned (json_decref). */
json_t *host_describe(const struct host *h);
/* The newest lines of a channel's log, oldest first, at most limit; NULL: there is no such channel.
 * Returned (json_decref). */
json_t *host_log_of(const struct host *h, const char *id, int limit);
/* The names of capabilities, returned (json_decref); bits that have none are left out. */
json_t *host_caps(uint32_t caps);
/* draht normalize: prints to out. 0, or negative with a line in err. */
int host_normalize(const char *type, struct span raw, struct buf *out, char err[256]);

#endif
