/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * transfer: libcurl's multi interface on the loop. http_client.c and the email channel make easy
 * handles and hand them over; nobody else includes curl.
 */
#ifndef DRAHT_NET_TRANSFER_H
#define DRAHT_NET_TRANSFER_H

#include <curl/curl.h>

#include "gateway/net/loop.h"

struct transfers;
typedef void (*transfer_done_fn)(void *arg, CURL *easy, CURLcode result);

struct transfers *transfers_new(struct loop *l);
/* Borrowed until done was called or transfers_remove; done runs on the loop, never inside this
 * call. CURLOPT_PRIVATE belongs to this module. With CURLOPT_CONNECT_ONLY the handle stays in the
 * multi after done, until transfers_remove. 0 or ERR_LIMIT. */
int transfers_add(struct transfers *t, CURL *easy, transfer_done_fn done, void *arg);
/* Takes it out; done is not called any more. The caller cleans the handle up. */
void transfers_remove(struct transfers *t, CURL *easy);
/* Removes all that are left without calling done. */
void transfers_free(struct transfers **t);

#endif
