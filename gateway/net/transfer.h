/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * transfer: libcurl's multi interface on the loop. http_client.c and the email channel make easy
 * handles and hand them over; nobody else includes curl.
 */
#ifndef DRAHT_NET_TRANSFER_H
#define DRAHT_NET_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>

#include "gateway/net/loop.h"

struct transfers;
typedef void (*transfer_done_fn)(void *arg, CURL *easy, CURLcode result);

struct transfers *transfers_new(struct loop *l);
/* Borrowed until done was called or transfers_remove; done runs on the loop, never inside this
 * call. CURLOPT_PRIVATE belongs to this module. stays (with CURLOPT_CONNECT_ONLY): after a success
 * the handle stays in the multi, until transfers_remove; otherwise it is out before done is called.
 * 0 or ERR_LIMIT. */
int transfers_add(struct transfers *t, CURL *easy, bool stays, transfer_done_fn done, void *arg);
/* Takes it out; done is not called any more. The caller cleans the handle up. */
void transfers_remove(struct transfers *t, CURL *easy);
/* Removes all that are left without calling done. */
void transfers_free(struct transfers **t);

#endif
