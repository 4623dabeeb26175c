/* SPDX-License-Identifier: EUPL-1.2 */
/* error: what the codes of Meta's APIs mean for a message. The code in the body decides, never the
 * HTTP status. Source: Meta's error pages of the Cloud API and the Messenger Platform. */
#ifndef DRAHT_META_ERROR_H
#define DRAHT_META_ERROR_H

#include "channels/abi/draht_channel.h"
#include "gateway/base/span.h"

struct meta_verdict {
    enum draht_verdict verdict;
    const char *reason; /* a sentence for staff; never from outside */
    uint64_t retry_ms;  /* 0: the outbox decides */
    bool is_window;     /* the reply window is closed: a template may still go out */
};
/* Of a code (-1: none was told) and subcode (0: none); unknown codes are rejected with a sentence
 * of their own. */
struct meta_verdict meta_error_of(int code, int subcode);
/* Whether an answer with this code (-1: none) is a limit of the app or the account: other messages
 * have to wait as well. */
bool meta_error_is_for_all(int code, int status);
/* Of a whole answer that is not a success. is_send: the request carried a message, so that an
 * answer that never came leaves it in doubt. */
struct meta_verdict meta_error_answer(const struct draht_http_answer *a, bool is_send,
                                      int *code_out);

#endif
