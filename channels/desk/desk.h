/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * desk: counter, telephone and letter as a channel. What citizens say comes in through the staff
 * API (gateway/api/desk.c); an answer becomes a task for a person: print a letter, or call back.
 */
#ifndef DRAHT_CHANNELS_DESK_DESK_H
#define DRAHT_CHANNELS_DESK_DESK_H

#include "channels/abi/draht_channel.h"

extern const struct draht_channel_ops desk_ops;

/* Tasks are small state: DESK_TASK and the message id name a JSON object {message, ticket, kind
 * (DESK_CALL or DESK_LETTER), at}; DESK_INDEX has them by time. Nothing personal in it. */
#define DESK_TASK "task:"
#define DESK_INDEX "tasks"
#define DESK_CALL "call"
#define DESK_LETTER "letter"

#endif
