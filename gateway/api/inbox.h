/* SPDX-License-Identifier: EUPL-1.2 */
/* inbox: what inbox.c (sockets) and inbox_feed.c (gathering) share. */
#ifndef DRAHT_API_INBOX_H
#define DRAHT_API_INBOX_H

#include "gateway/api/api_private.h"

#define INBOX_SOCKETS_MAX 2000
#define INBOX_FRAME_BYTES_MAX 4096

struct inbox_socket {
    struct inbox *inbox;
    struct inbox_socket *next;
    struct ws *ws; /* NULL until open */
    uint64_t serial;
    char hash[CRYPTO_HASH_HEX];
    bool is_known; /* session checked: before that nothing is sent */
    struct api_user user;
    char watch[API_NUMBER_BYTES];  /* what it is sent items of; it may see that */
    char wanted[API_NUMBER_BYTES]; /* what it asked for last */
    bool is_writing;
    int64_t writing_ms;
};
struct inbox_change {
    char ticket[API_NUMBER_BYTES], message[API_MESSAGE_BYTES];
    char left_queue[33], left_user[API_USER_BYTES]; /* whom the ticket left; or empty */
};
struct inbox {
    struct api *api;
    struct inbox_socket *sockets;
    int sockets_n;
    uint64_t serial;
    struct loop_timer *recheck, *channels_timer, *flush, *counts;
    json_t *channels;
    struct inbox_change *changes; /* gathered since the last flush */
    size_t changes_n, changes_cap;
    struct inbox_change *sending;           /* the batch under way */
    size_t sending_n, sending_at, batch_at; /* batch_at: where the present batch begins */
    bool is_sending, counts_due;
};

void inbox_send(struct inbox_socket *s, json_t *v); /* v taken */
/* To all, or to those who watch ticket; serialised once. v taken. */
void inbox_send_all(struct inbox *i, const char *ticket, json_t *v, const struct inbox_socket *but);
/* To those who watch the ticket and see the summary. v taken. */
void inbox_send_item(struct inbox *i, const char *ticket, const json_t *summary, json_t *v);
/* Who watches the ticket is asked again whether it may. */
void inbox_rewatch(struct inbox *i, const char *ticket);
bool inbox_is_watched(const struct inbox *i, const char *ticket);
void inbox_feed_start(struct inbox *i);
void inbox_feed_stop(struct inbox *i);
void inbox_feed_free(struct inbox *i);

#endif
