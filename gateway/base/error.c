/* SPDX-License-Identifier: EUPL-1.2 */
/* error: names and sentences of the closed list; codes that are not ours are asked of libuv. */
#include "gateway/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <uv.h>

struct row {
    int code;
    bool is_retryable;
    const char *name, *sentence;
};
static const struct row rows[] = {
#define X(name, code, retryable, text) {code, retryable, #name, text},
    ERROR_MAP(X)
#undef X
};

static const struct row *find(int code) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == code)
            return &rows[i];
    return NULL;
}

/* uv_err_name leaks a string for codes it does not know, so only its own list is asked. */
static bool is_uv(int code) {
#define X(name, text)                                                                              \
    if (code == UV_##name)                                                                         \
        return true;
    UV_ERRNO_MAP(X)
#undef X
    return false;
}

const char *error_name(int code) {
    if (code >= 0)
        return "OK";
    const struct row *r = find(code);
    if (r)
        return r->name;
    return is_uv(code) ? uv_err_name(code) : "ERR_UNKNOWN";
}

const char *error_sentence(int code) {
    if (code >= 0)
        return "It worked.";
    const struct row *r = find(code);
    if (r)
        return r->sentence;
    return is_uv(code) ? uv_strerror(code) : "An unknown error.";
}

bool error_is_retryable(int code) {
    const struct row *r = find(code);
    if (r)
        return r->is_retryable;
    switch (code) {
    case UV_EAGAIN:
    case UV_ECONNREFUSED:
    case UV_ECONNRESET:
    case UV_ECONNABORTED:
    case UV_EPIPE:
    case UV_ETIMEDOUT:
    case UV_ENETUNREACH:
    case UV_EHOSTUNREACH:
    case UV_ENETDOWN:
    case UV_ENOTCONN:
    case UV_EMFILE:
    case UV_ENFILE:
    case UV_ENOBUFS:
    case UV_ENOSPC:
    case UV_EAI_AGAIN:
    case UV_EOF:
        return true;
    default:
        return false;
    }
}

int fault_set(struct fault *f, int code, const char *fmt, ...) {
    if (!f)
        return code;
    va_list args;
    va_start(args, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, args);
    va_end(args);
    f->code = code;
    return code;
}
