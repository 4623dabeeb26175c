/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * mail: a mail in our own words, everything copied into one arena: valid UTF-8, bounded, safe
 * names. mime_in.c makes it, the rest of the channel reads it. Nothing of GMime gets out.
 */
#ifndef DRAHT_EMAIL_MAIL_H
#define DRAHT_EMAIL_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/span.h"

#define MAIL_HEAD_BYTES_MAX (256 * 1024) /* longer: not parsed, kept as it is */
#define MAIL_BOUNDARY_LINES_MAX 20000    /* more lines that could be boundaries: not parsed */
#define MAIL_PARTS_MAX 200               /* listed; the rest stays in the original */
#define MAIL_DEPTH_MAX 40
#define MAIL_TEXT_BYTES_MAX (256 * 1024)
#define MAIL_HTML_BYTES_MAX (1024 * 1024)
#define MAIL_SUBJECT_BYTES_MAX 998
#define MAIL_NAME_BYTES_MAX 200
#define MAIL_ID_BYTES_MAX 250
#define MAIL_REFERENCES_MAX 50
#define MAIL_RECIPIENTS_MAX 100
#define MAIL_WARNINGS_MAX 16
#define MAIL_REPORT_ROWS_MAX 20

struct mail_address {
    struct span address, name;
};

struct mail_part {
    struct span name, type, bytes, content_id;
    bool is_inline, is_tnef;
};

enum mail_report { MAIL_NO_REPORT, MAIL_DSN, MAIL_READ, MAIL_ABUSE };
enum mail_action { MAIL_FAILED = 1, MAIL_DELAYED, MAIL_DELIVERED, MAIL_RELAYED };
struct mail_report_row { /* one recipient of ours that the report is about */
    enum mail_action action;
    struct span recipient, status, reason;
};

struct mail {
    struct arena *arena;
    struct span message_id; /* without <>, valid; empty when absent or unusable */
    struct span in_reply_to, references[MAIL_REFERENCES_MAX];
    size_t references_n;
    struct mail_address from;
    size_t from_n;                                       /* addresses in all From fields together */
    struct mail_address recipients[MAIL_RECIPIENTS_MAX]; /* To and Cc */
    size_t recipients_n;
    struct span subject, text, text_quoted, html;
    int64_t sent_ms;
    struct mail_part parts[MAIL_PARTS_MAX];
    size_t parts_n;
    bool is_automatic, was_unparsable, has_tnef;
    const char *automatic_reason; /* literal */
    enum mail_report report;
    struct mail_report_row rows[MAIL_REPORT_ROWS_MAX];
    size_t rows_n;
    struct span reported_id;                 /* Message-ID of the mail the report is about */
    struct span reported_to;                 /* its recipient, when a complaint names it */
    const char *warnings[MAIL_WARNINGS_MAX]; /* literals: short codes */
    size_t warnings_n;
};

/* Adds a literal once. */
void mail_warn(struct mail *m, const char *code);
/* A new part in m, or NULL (with a warning) when there are enough. */
struct mail_part *mail_add_part(struct mail *m);
/* A base name that can be shown and saved: no path, no controls or bidi overrides, bounded;
 * fallback when nothing is left. In the arena. */
struct span mail_safe_name(struct arena *a, struct span name, const char *fallback);
/* A Message-ID without <> and white space around it; empty span when it is not one. Borrowed. */
struct span mail_id(struct span raw);

#endif
