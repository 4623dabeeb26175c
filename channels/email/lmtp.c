/* SPDX-License-Identifier: EUPL-1.2 */
/* lmtp: commands and their order. The content after DATA is lmtp_data.c's. */
#include "channels/email/lmtp.h"

#include <stdlib.h>

#include "channels/email/lmtp_session.h"
#include "gateway/base/arena.h"

static void reply(struct lmtp *s, const char *line) {
    buf_adds(&s->out, line);
    buf_add(&s->out, "\r\n", 2);
}

/* A peer that only makes mistakes is no mail server; it gets no endless dialogue. */
static void fail(struct lmtp *s, const char *line) {
    if (++s->errors >= LMTP_ERRORS_MAX) {
        lmtp_close(s, "4.7.0 Too many errors");
        return;
    }
    reply(s, line);
}

static void drop_transaction(struct lmtp *s) {
    for (size_t i = 0; i < s->rcpts_n; i++)
        free(s->rcpts[i]);
    s->rcpts_n = 0;
    free(s->sender);
    s->sender = NULL;
    lmtp_data_drop(s);
}

struct lmtp *lmtp_new(const char *hostname, size_t mail_bytes_max, struct lmtp_budget *budget,
                      const struct lmtp_handlers *h, void *arg) {
    struct lmtp *s = xcalloc(1, sizeof *s);
    s->hostname = xstrdup(hostname);
    s->mail_bytes_max = mail_bytes_max;
    s->budget = budget;
    s->h = *h;
    s->arg = arg;
    buf_addf(&s->out, "220 %s LMTP Draht\r\n", hostname);
    return s;
}

void lmtp_free(struct lmtp **s) {
    if (!*s)
        return;
    drop_transaction(*s);
    free((*s)->rcpts);
    free((*s)->hostname);
    buf_free(&(*s)->line);
    spool_free(&(*s)->data);
    buf_free(&(*s)->held);
    buf_free(&(*s)->out);
    free(*s);
    *s = NULL;
}

static void on_lhlo(struct lmtp *s, struct span arg) {
    if (span_trim(arg).n == 0) {
        fail(s, "501 5.5.4 LHLO needs a name");
        return;
    }
    drop_transaction(s);
    s->greeted = true;
    buf_addf(&s->out,
             "250-%s\r\n250-PIPELINING\r\n250-SIZE %zu\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
             "250 ENHANCEDSTATUSCODES\r\n",
             s->hostname, s->mail_bytes_max);
}

/* NULL when every ESMTP parameter is known; else the reply. */
static const char *check_params(struct lmtp *s, struct span params) {
    while (params.p) {
        struct span one = span_cut(&params, ' ');
        if (one.n == 0)
            continue;
        struct span value = one, key = span_cut(&value, '=');
        unsigned long long size;
        if (span_ieq(key, "SIZE")) {
            if (!value.p || span_u64(value, UINT64_MAX / 2, &size) != 0)
                return "501 5.5.4 SIZE is not a number";
            if (size > s->mail_bytes_max)
                return "552 5.3.4 The mail is larger than the limit";
        } else if (span_ieq(key, "BODY")) {
            if (!span_ieq(value, "7BIT") && !span_ieq(value, "8BITMIME"))
                return "501 5.5.4 BODY is not known";
        } else if (!span_ieq(key, "SMTPUTF8") || value.p) {
            return "555 5.5.4 Parameter is not known";
        }
    }
    return NULL;
}

static void on_mail(struct lmtp *s, struct span arg) {
    struct span address, params;
    if (!s->greeted) {
        fail(s, "503 5.5.1 LHLO first");
    } else if (s->sender) {
        fail(s, "503 5.5.1 There is a sender already");
    } else if (!span_istarts(arg, "FROM:")) {
        fail(s, "501 5.5.4 MAIL FROM:<address>");
    } else if (lmtp_path((struct span){arg.p + 5, arg.n - 5}, true, &address, &params) != 0) {
        fail(s, "501 5.1.7 The sender's address is not valid");
    } else {
        const char *no = check_params(s, params);
        if (no) {
            fail(s, no);
            return;
        }
        s->sender = xstrndup(address.p, address.n);
        reply(s, "250 2.1.0 Sender ok");
    }
}

static void add_recipient(struct lmtp *s, struct span address) {
    if (s->rcpts_n == s->rcpts_cap) {
        s->rcpts_cap = s->rcpts_cap ? 2 * s->rcpts_cap : 8;
        s->rcpts = xrealloc(s->rcpts, s->rcpts_cap * sizeof *s->rcpts);
    }
    s->rcpts[s->rcpts_n++] = xstrndup(address.p, address.n);
    reply(s, "250 2.1.5 Recipient ok");
}

static void on_rcpt(struct lmtp *s, struct span arg) {
    struct span address, params;
    if (!s->sender) {
        fail(s, "503 5.5.1 MAIL first");
    } else if (!span_istarts(arg, "TO:")) {
        fail(s, "501 5.5.4 RCPT TO:<address>");
    } else if (lmtp_path((struct span){arg.p + 3, arg.n - 3}, false, &address, &params) != 0) {
        fail(s, "501 5.1.3 The recipient's address is not valid");
    } else if (span_trim(params).n > 0) {
        fail(s, "555 5.5.4 Parameter is not known");
    } else if (s->rcpts_n >= LMTP_RECIPIENTS_MAX) {
        reply(s, "452 4.5.3 Too many recipients");
    } else {
        const char *no = s->h.on_recipient(s->arg, address);
        if (no)
            reply(s, no); /* an unknown address is no mistake of the peer's */
        else
            add_recipient(s, address);
    }
}

static void on_data(struct lmtp *s, struct span arg) {
    if (span_trim(arg).n > 0) {
        fail(s, "501 5.5.4 DATA takes no parameter");
    } else if (!s->sender) {
        fail(s, "503 5.5.1 MAIL first");
    } else if (s->rcpts_n == 0) {
        fail(s, "503 5.5.1 No valid recipients");
    } else {
        lmtp_data_begin(s);
        reply(s, "354 End with a dot on a line of its own");
    }
}

static void on_command(struct lmtp *s, struct span line) {
    struct span arg = line, verb = span_cut(&arg, ' ');
    if (!arg.p)
        arg = SPAN("");
    if (span_ieq(verb, "MAIL")) {
        on_mail(s, arg);
    } else if (span_ieq(verb, "RCPT")) {
        on_rcpt(s, arg);
    } else if (span_ieq(verb, "DATA")) {
        on_data(s, arg);
    } else if (span_ieq(verb, "LHLO")) {
        on_lhlo(s, arg);
    } else if (span_ieq(verb, "RSET")) {
        drop_transaction(s);
        reply(s, "250 2.0.0 Ok");
    } else if (span_ieq(verb, "NOOP")) {
        reply(s, "250 2.0.0 Ok");
    } else if (span_ieq(verb, "VRFY")) {
        reply(s, "252 2.1.5 Send it and see");
    } else if (span_ieq(verb, "QUIT")) {
        reply(s, "221 2.0.0 Bye");
        s->state = LMTP_CLOSING;
    } else if (span_ieq(verb, "HELO") || span_ieq(verb, "EHLO")) {
        fail(s, "500 5.5.1 This is LMTP: say LHLO");
    } else {
        fail(s, "502 5.5.1 Command is not known");
    }
}

/* A command ends with CRLF. A lone LF or CR inside is the stuff of smuggling and refused. */
static void on_line(struct lmtp *s) {
    struct span line = buf_span(&s->line);
    if (s->line_too_long) {
        fail(s, "500 5.5.2 Line is too long");
    } else if (line.n == 0 || line.p[line.n - 1] != '\r') {
        fail(s, "500 5.5.2 Lines end with CRLF");
    } else {
        line.n--;
        bool is_bad = memchr(line.p, '\r', line.n) || memchr(line.p, '\0', line.n);
        if (is_bad)
            fail(s, "500 5.5.2 Control character in a command");
        else
            on_command(s, line);
    }
    s->line_too_long = false;
    buf_clear(&s->line);
}

static size_t take_command_bytes(struct lmtp *s, struct span in) {
    const char *lf = memchr(in.p, '\n', in.n);
    size_t n = lf ? (size_t)(lf - in.p) : in.n;
    if (s->line.n + n > LMTP_COMMAND_BYTES_MAX)
        s->line_too_long = true;
    if (!s->line_too_long)
        buf_add(&s->line, in.p, n);
    if (!lf)
        return n;
    on_line(s);
    return n + 1;
}

void lmtp_feed(struct lmtp *s, struct span in) {
    while (in.n > 0 && s->state != LMTP_CLOSING) {
        if (s->state == LMTP_WAITING) {
            /* Nobody may pipeline that much behind a mail; stream back-pressure comes first. */
            if (s->held.n + in.n > LMTP_HELD_BYTES_MAX)
                s->state = LMTP_CLOSING;
            else
                buf_add(&s->held, in.p, in.n);
            return;
        }
        size_t used = s->state == LMTP_DATA ? lmtp_data_take(s, in) : take_command_bytes(s, in);
        in.p += used;
        in.n -= used;
    }
}

void lmtp_data_complete(struct lmtp *s) {
    if (s->data_overflow) {
        for (size_t i = 0; i < s->rcpts_n; i++)
            reply(s, s->data_overflow);
        drop_transaction(s);
        s->state = LMTP_COMMAND;
        return;
    }
    s->state = LMTP_WAITING;
    struct lmtp_mail m = {s->sender, (const char *const *)s->rcpts, s->rcpts_n,
                          spool_span(&s->data)};
    s->h.on_mail(s->arg, &m);
}

void lmtp_answer(struct lmtp *s, const char *const *replies, size_t n) {
    for (size_t i = 0; i < n; i++)
        reply(s, replies[i]);
    drop_transaction(s);
    if (s->close_reason) {
        const char *why = s->close_reason;
        s->state = LMTP_COMMAND;
        lmtp_close(s, why);
        return;
    }
    s->state = LMTP_COMMAND;
    struct buf held = s->held;
    s->held = (struct buf){0};
    lmtp_feed(s, buf_span(&held));
    buf_free(&held);
}

struct buf *lmtp_output(struct lmtp *s) {
    return &s->out;
}
bool lmtp_is_closing(const struct lmtp *s) {
    return s->state == LMTP_CLOSING;
}
bool lmtp_is_waiting(const struct lmtp *s) {
    return s->state == LMTP_WAITING;
}
bool lmtp_is_receiving(const struct lmtp *s) {
    return s->state == LMTP_DATA;
}

void lmtp_close(struct lmtp *s, const char *reason) {
    if (s->state == LMTP_CLOSING)
        return;
    if (s->state == LMTP_WAITING) { /* the mail's answer comes first */
        s->close_reason = reason;
        return;
    }
    buf_addf(&s->out, "421 %s\r\n", reason);
    drop_transaction(s);
    s->state = LMTP_CLOSING;
}
