/* SPDX-License-Identifier: EUPL-1.2 */
/* sse: one byte after the other; CR, LF and CRLF end a line, an empty line ends an event. */
#include "channels/mastodon/sse.h"

#include <stdio.h>

static void dispatch(struct sse *s, sse_event_fn fn, void *arg) {
    if (s->has_data && !s->is_too_large)
        fn(arg, *s->name ? s->name : "message", buf_span(&s->data));
    buf_clear(&s->data);
    s->name[0] = 0;
    s->has_data = s->is_too_large = false;
}

static void field(struct sse *s, struct span name, struct span value) {
    if (value.n && value.p[0] == ' ')
        value = (struct span){value.p + 1, value.n - 1};
    if (span_eq(name, "event")) {
        snprintf(s->name, sizeof s->name, "%.*s", (int)(value.n > 64 ? 64 : value.n),
                 value.p ? value.p : "");
    } else if (span_eq(name, "data")) {
        if (s->has_data)
            buf_add(&s->data, "\n", 1);
        if (s->data.n + value.n > SSE_EVENT_BYTES_MAX)
            s->is_too_large = true;
        else if (value.n)
            buf_add(&s->data, value.p, value.n);
        s->has_data = true;
    }
}

static void line_ends(struct sse *s, sse_event_fn fn, void *arg) {
    if (s->line.n == 0) {
        dispatch(s, fn, arg);
        return;
    }
    struct span value = buf_span(&s->line);
    struct span name = span_cut(&value, ':');
    if (name.n) /* a line that begins with a colon is a comment */
        field(s, name, value);
    buf_clear(&s->line);
}

void sse_feed(struct sse *s, struct span bytes, sse_event_fn fn, void *arg) {
    for (size_t i = 0; i < bytes.n; i++) {
        char c = bytes.p[i];
        bool was_cr = s->was_cr;
        s->was_cr = c == '\r';
        if (c == '\n' && was_cr)
            continue;
        if (c == '\n' || c == '\r')
            line_ends(s, fn, arg);
        else if (s->line.n < SSE_EVENT_BYTES_MAX + 16)
            buf_add(&s->line, &c, 1);
        else
            s->is_too_large = true;
    }
}

void sse_free(struct sse *s) {
    buf_free(&s->line);
    buf_free(&s->data);
    *s = (struct sse){0};
}
