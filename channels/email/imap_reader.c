/* SPDX-License-Identifier: EUPL-1.2 */
/* imap_reader: lines and literals, nothing of what they mean. */
#include "channels/email/imap_reader.h"

#include "gateway/base/error.h"

/* "...{123}" announces a literal. True and *n_out; a number that is none is plain text. */
static bool announces_literal(struct span line, unsigned long long *n_out) {
    if (line.n < 3 || line.p[line.n - 1] != '}')
        return false;
    size_t open = line.n - 1;
    while (open > 0 && line.p[open] != '{')
        open--;
    if (line.p[open] != '{')
        return false;
    struct span digits = {line.p + open + 1, line.n - open - 2};
    return span_u64(digits, 1ULL << 40, n_out) == 0;
}

static int end_line(struct imap_reader *r, imap_line_fn fn, void *arg) {
    if (r->line.n && r->line.p[r->line.n - 1] == '\r')
        r->line.n--;
    unsigned long long n;
    if (announces_literal(buf_span(&r->line), &n)) {
        if (n > r->literal_max || ++r->literals > IMAP_LITERALS_MAX)
            return ERR_PROTOCOL;
        buf_clear(&r->literal);
        r->literal_left = (size_t)n;
        return 0;
    }
    struct buf line = r->line, literal = r->literal;
    r->line = r->literal = (struct buf){0};
    r->literals = 0;
    bool go_on = fn(arg, buf_span(&line), buf_span(&literal));
    buf_free(&line);
    buf_free(&literal);
    return go_on ? 0 : 1;
}

int imap_reader_feed(struct imap_reader *r, struct span in, imap_line_fn fn, void *arg) {
    while (in.n > 0) {
        if (r->literal_left > 0) {
            size_t n = in.n < r->literal_left ? in.n : r->literal_left;
            buf_add(&r->literal, in.p, n);
            r->literal_left -= n;
            in = (struct span){in.p + n, in.n - n};
            continue;
        }
        const char *lf = memchr(in.p, '\n', in.n);
        size_t n = lf ? (size_t)(lf - in.p) : in.n;
        if (r->line.n + n > IMAP_LINE_BYTES_MAX)
            return ERR_PROTOCOL;
        buf_add(&r->line, in.p, n);
        if (!lf)
            return 0;
        in = (struct span){lf + 1, in.n - n - 1};
        int rc = end_line(r, fn, arg);
        if (rc != 0)
            return rc;
    }
    return 0;
}

void imap_reader_reset(struct imap_reader *r) {
    buf_free(&r->line);
    buf_free(&r->literal);
    r->literal_left = 0;
    r->literals = 0;
}
