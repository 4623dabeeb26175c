/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * album: pictures that were sent together (media_group_id) become one message. Each part is durable
 * in the host's state before Telegram hears yes. The gateway that holds the lease of the updates
 * puts them together when none has come for two seconds, when there are ten, or ten seconds after
 * the first; a part that comes later is a message of its own, one that comes again is known for two
 * days.
 */
#ifndef DRAHT_TELEGRAM_ALBUM_H
#define DRAHT_TELEGRAM_ALBUM_H

#include "channels/abi/draht_channel.h"
#include "channels/telegram/update.h"

#define TG_ALBUM_MAX 10 /* parts of an album at Telegram */

struct telegram;

/* One part on its way into the store. The caller fills the upper half and keeps it until done. */
struct tg_park {
    struct telegram *t;
    struct arena *a;
    draht_done_fn done; /* 0: durable, or known; negative: nothing was kept */
    void *arg;
    struct span key, value;
};

struct tg_albums {
    struct draht_timer *timer;
    int64_t due_ms; /* when the timer comes */
    bool is_busy;
    size_t turn; /* which of several albums is tried first */
    struct arena *a;
    struct span keys[TG_ALBUM_MAX]; /* of the album under way, in a */
    size_t keys_n;
};

/* False: the update is too large to be kept, and done is not called. update: borrowed. */
bool tg_album_park(struct tg_park *p, const json_t *update, const struct tg_update *u);
/* Looks for complete albums in ms, if this gateway holds the lease. */
void tg_album_wake(struct telegram *t, uint64_t ms);
void tg_album_stop(struct telegram *t);
void tg_album_free(struct telegram *t);

#endif
