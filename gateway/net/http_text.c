/* SPDX-License-Identifier: EUPL-1.2 */
/* http_text: small parsers; every one of them takes any bytes. */
#include "gateway/net/http_text.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "gateway/base/error.h"

#define CHUNK_LINE_MAX 1024

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool http_text_decode(struct arena *a, struct span s, bool plus, struct span *out) {
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '+' && plus)
            c = ' ';
        if (c == '%') {
            if (s.n - i < 3)
                return false;
            int hi = hex_digit(s.p[i + 1]), lo = hex_digit(s.p[i + 2]);
            if (hi < 0 || lo < 0)
                return false;
            c = (char)(hi * 16 + lo);
            i += 2;
        }
        if (c == '\0')
            return false;
        p[n++] = c;
    }
    *out = (struct span){p, n};
    return true;
}

bool http_text_is_safe_path(struct span path) {
    if (path.n == 0 || path.p[0] != '/')
        return false;
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        if (c < 0x20 || c == 0x7f || c == '\\')
            return false;
    }
    struct span rest = path;
    while (rest.p) {
        struct span part = span_cut(&rest, '/');
        if (span_eq(part, ".") || span_eq(part, ".."))
            return false;
    }
    return true;
}

struct span http_text_cookie(struct span header, const char *name) {
    while (header.p) {
        struct span value = span_trim(span_cut(&header, ';'));
        struct span key = span_cut(&value, '=');
        if (value.p && span_eq(key, name))
            return value;
    }
    return SPAN_NONE;
}

bool http_text_list_has(struct span list, const char *word) {
    while (list.p)
        if (span_ieq(span_trim(span_cut(&list, ',')), word))
            return true;
    return false;
}

bool http_text_forwarded(struct span header, char *out, size_t out_bytes) {
    struct span last = SPAN_NONE;
    while (header.p)
        last = span_trim(span_cut(&header, ','));
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    if (last.n == 0 || last.n >= sizeof text || memchr(last.p, '\0', last.n))
        return false;
    memcpy(text, last.p, last.n);
    text[last.n] = '\0';
    if (inet_pton(AF_INET, text, address) != 1 && inet_pton(AF_INET6, text, address) != 1)
        return false;
    snprintf(out, out_bytes, "%s", text);
    return true;
}

const char *http_text_reason(int status) {
    static const struct {
        int status;
        const char *reason;
    } table[] = {{200, "OK"},
                 {201, "Created"},
                 {202, "Accepted"},
                 {204, "No Content"},
                 {206, "Partial Content"},
                 {301, "Moved Permanently"},
                 {302, "Found"},
                 {303, "See Other"},
                 {304, "Not Modified"},
                 {307, "Temporary Redirect"},
                 {308, "Permanent Redirect"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {408, "Request Timeout"},
                 {409, "Conflict"},
                 {410, "Gone"},
                 {412, "Precondition Failed"},
                 {413, "Content Too Large"},
                 {415, "Unsupported Media Type"},
                 {422, "Unprocessable Content"},
                 {426, "Upgrade Required"},
                 {428, "Precondition Required"},
                 {429, "Too Many Requests"},
                 {431, "Request Header Fields Too Large"},
                 {500, "Internal Server Error"},
                 {501, "Not Implemented"},
                 {502, "Bad Gateway"},
                 {503, "Service Unavailable"},
                 {504, "Gateway Timeout"},
                 {507, "Insufficient Storage"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].status == status)
            return table[i].reason;
    return "";
}

enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_LF, DONE };

static int size_char(struct http_chunks *c, char ch) {
    int digit = hex_digit(ch);
    if (digit >= 0) {
        if (++c->digits > 8)
            return ERR_TOO_LARGE;
        c->left = c->left * 16 + (size_t)digit;
        return 0;
    }
    if (c->digits == 0)
        return ERR_PROTOCOL;
    if (ch == '\r')
        c->state = SIZE_LF;
    else if (ch == ';' || ch == ' ' || ch == '\t')
        c->state = EXTENSION;
    else
        return ERR_PROTOCOL;
    return 0;
}

/* All states but DATA take one byte at a time. */
static int one_char(struct http_chunks *c, char ch) {
    switch (c->state) {
    case SIZE:
        return size_char(c, ch);
    case EXTENSION:
        if (++c->line > CHUNK_LINE_MAX)
            return ERR_TOO_LARGE;
        if (ch == '\r')
            c->state = SIZE_LF;
        return ch == '\n' ? ERR_PROTOCOL : 0;
    case SIZE_LF:
        c->digits = 0;
        c->line = 0;
        c->state = c->left > 0 ? DATA : TRAILER;
        return ch == '\n' ? 0 : ERR_PROTOCOL;
    case DATA_CR:
        c->state = DATA_LF;
        return ch == '\r' ? 0 : ERR_PROTOCOL;
    case DATA_LF:
        c->state = SIZE;
        return ch == '\n' ? 0 : ERR_PROTOCOL;
    case TRAILER: /* digits counts the bytes of this line, line those of all trailers */
        if (++c->line > CHUNK_LINE_MAX)
            return ERR_TOO_LARGE;
        if (ch == '\r')
            c->state = TRAILER_LF;
        else
            c->digits++;
        return 0;
    default: /* TRAILER_LF */
        c->state = c->digits == 0 ? DONE : TRAILER;
        c->digits = 0;
        return ch == '\n' ? 0 : ERR_PROTOCOL;
    }
}

int http_chunks_feed(struct http_chunks *c, struct span in, size_t body_max, struct buf *out) {
    size_t i = 0;
    while (i < in.n && c->state != DONE) {
        if (c->state != DATA) {
            int rc = one_char(c, in.p[i++]);
            if (rc < 0)
                return rc;
            if (c->state == DATA && (c->left > body_max || out->n > body_max - c->left))
                return ERR_TOO_LARGE;
            continue;
        }
        size_t n = in.n - i < c->left ? in.n - i : c->left;
        buf_add(out, in.p + i, n);
        i += n;
        c->left -= n;
        if (c->left == 0)
            c->state = DATA_CR;
    }
    return c->state == DONE;
}
