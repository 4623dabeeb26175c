/* SPDX-License-Identifier: EUPL-1.2 */
/* lmtp_data: content after DATA. Only CRLF "." CRLF ends it; every other arrangement of CR, LF and
 * dots is content, so nothing can be smuggled in as a second mail. */
#include "channels/email/lmtp_session.h"
#include "channels/email/mail_address.h"
#include "gateway/base/error.h"

static void overflow(struct lmtp *s, const char *line) {
    s->data_overflow = line;
    lmtp_data_drop(s);
}

static void keep(struct lmtp *s, const char *p, size_t n) {
    if (s->data_overflow || n == 0)
        return;
    size_t had = spool_bytes(&s->data);
    if (n > s->mail_bytes_max || had > s->mail_bytes_max - n) {
        overflow(s, "552 5.3.4 The mail is larger than the limit");
        return;
    }
    bool goes_out = had <= SPOOL_MEMORY_BYTES && had + n > SPOOL_MEMORY_BYTES;
    if (spool_memory(&s->data) == had && !goes_out &&
        s->budget->used_bytes + n > s->budget->max_bytes) {
        overflow(s, "452 4.3.1 Too many mails at once, try again later");
        return;
    }
    if (spool_add(&s->data, p, n) != 0) {
        overflow(s, "452 4.3.1 The disk is full, try again later");
        return;
    }
    s->budget->used_bytes -= s->budget_taken;
    s->budget_taken = spool_memory(&s->data);
    s->budget->used_bytes += s->budget_taken;
}

void lmtp_data_begin(struct lmtp *s) {
    s->state = LMTP_DATA;
    s->data_state = DATA_START;
    s->data_overflow = NULL;
    spool_clear(&s->data);
}

void lmtp_data_drop(struct lmtp *s) {
    s->budget->used_bytes -= s->budget_taken;
    s->budget_taken = 0;
    spool_clear(&s->data);
}

/* c is the first byte of a line, or follows its CR. */
static void plain_byte(struct lmtp *s, char c) {
    keep(s, &c, 1);
    if (c == '\r')
        s->data_state = DATA_CR;
    else if (c == '\n' && s->data_state == DATA_CR)
        s->data_state = DATA_START;
    else
        s->data_state = DATA_LINE;
}

/* One byte in any state but DATA_LINE. True when it ended the content. */
static bool take_byte(struct lmtp *s, char c) {
    switch (s->data_state) {
    case DATA_START:
        if (c == '.')
            s->data_state = DATA_DOT;
        else
            plain_byte(s, c);
        return false;
    case DATA_DOT: /* the dot itself is stuffing */
        if (c == '\r')
            s->data_state = DATA_DOT_CR;
        else
            plain_byte(s, c);
        return false;
    case DATA_DOT_CR:
        if (c == '\n')
            return true;
        keep(s, "\r", 1);
        s->data_state = DATA_CR;
        plain_byte(s, c);
        return false;
    default:
        plain_byte(s, c);
        return false;
    }
}

size_t lmtp_data_take(struct lmtp *s, struct span in) {
    size_t i = 0;
    while (i < in.n) {
        if (s->data_state == DATA_LINE) {
            const char *cr = memchr(in.p + i, '\r', in.n - i);
            size_t n = cr ? (size_t)(cr - in.p) - i + 1 : in.n - i;
            keep(s, in.p + i, n);
            i += n;
            if (cr)
                s->data_state = DATA_CR;
        } else if (take_byte(s, in.p[i++])) {
            lmtp_data_complete(s);
            return i;
        }
    }
    return i;
}

static size_t path_end(struct span in) {
    bool quoted = false;
    for (size_t i = 1; i < in.n; i++) {
        if (quoted && in.p[i] == '\\')
            i++;
        else if (in.p[i] == '"')
            quoted = !quoted;
        else if (in.p[i] == '>' && !quoted)
            return i;
    }
    return 0;
}

int lmtp_path(struct span arg, bool null_ok, struct span *address_out, struct span *params_out) {
    struct span in = span_trim(arg);
    if (in.n < 2 || in.p[0] != '<')
        return ERR_INVALID;
    size_t end = path_end(in);
    if (end == 0)
        return ERR_INVALID;
    struct span a = {in.p + 1, end - 1}, rest = {in.p + end + 1, in.n - end - 1};
    if (rest.n > 0 && rest.p[0] != ' ')
        return ERR_INVALID;
    if (a.n > 0 && a.p[0] == '@') { /* source route: heard, and not followed */
        const char *colon = memchr(a.p, ':', a.n);
        if (!colon)
            return ERR_INVALID;
        a = (struct span){colon + 1, a.n - (size_t)(colon + 1 - a.p)};
    }
    if (a.n == 0 ? !null_ok : !mail_address_is_valid(a))
        return ERR_INVALID;
    *address_out = a;
    *params_out = rest;
    return 0;
}
