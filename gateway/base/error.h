/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * error: the closed list of failures. Functions return 0 or positive for success and a negative
 * code for failure; libuv's UV_E* codes pass through unchanged, ours start at -20000.
 */
#ifndef DRAHT_BASE_ERROR_H
#define DRAHT_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* name, code, retryable, sentence */
#define ERROR_MAP(X)                                                                               \
    X(ERR_INVALID, -20001, false, "The input is not valid.")                                       \
    X(ERR_TOO_LARGE, -20002, false, "The input is larger than the limit.")                         \
    X(ERR_NOT_FOUND, -20003, false, "There is no such thing.")                                     \
    X(ERR_CONFLICT, -20004, false, "Somebody changed it in the meantime.")                         \
    X(ERR_FORBIDDEN, -20005, false, "That is not allowed.")                                        \
    X(ERR_UNAVAILABLE, -20006, true, "The store cannot be reached right now.")                     \
    X(ERR_TIMEOUT, -20007, true, "No answer came in time.")                                        \
    X(ERR_STORAGE, -20008, true, "The data could not be written to disk.")                         \
    X(ERR_PROTOCOL, -20009, false, "The peer broke the protocol.")                                 \
    X(ERR_CRYPTO, -20010, false, "The sealed data cannot be opened with this key.")                \
    X(ERR_DUPLICATE, -20011, false, "It was taken in before.")                                     \
    X(ERR_UNSUPPORTED, -20012, false, "That is not supported.")                                    \
    X(ERR_CLOSED, -20013, true, "The connection was closed.")                                      \
    X(ERR_LIMIT, -20014, true, "Too many at once. Try again later.")

enum error_code {
#define X(name, code, retryable, text) name = code,
    ERROR_MAP(X)
#undef X
};

const char *error_name(int code);     /* "ERR_INVALID"; libuv's name for UV codes */
const char *error_sentence(int code); /* one sentence in English for logs */
bool error_is_retryable(int code);

/* A sentence for a human, owned by the caller. Only configuration and plug-in loading use it. */
#define FAULT_TEXT_BYTES 512
struct fault {
    int code;
    char text[FAULT_TEXT_BYTES];
};
int fault_set(struct fault *f, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4))); /* returns code; f may be NULL */

#endif
