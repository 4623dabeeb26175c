/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_calendar: reads the first VEVENT's summary, times and place; nothing else of iCalendar. */
#include "channels/email/mail_calendar.h"

#include "gateway/base/buf.h"

struct event {
    struct span method, summary, start, end, place;
};

/* Lines that begin with white space continue the one before. */
static struct span unfold(struct arena *a, struct span in) {
    char *out = arena_alloc(a, in.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == '\r')
            continue;
        bool is_fold =
            in.p[i] == '\n' && i + 1 < in.n && (in.p[i + 1] == ' ' || in.p[i + 1] == '\t');
        if (is_fold)
            i++;
        else
            out[n++] = in.p[i];
    }
    return (struct span){out, n};
}

static void take_line(struct event *e, struct span line, bool *in_event) {
    struct span value = line, name = span_cut(&value, ':');
    name = span_cut(&name, ';');
    if (span_ieq(name, "METHOD") && !e->method.n)
        e->method = value;
    if (span_ieq(name, "BEGIN") && span_ieq(value, "VEVENT"))
        *in_event = true;
    if (span_ieq(name, "END") && span_ieq(value, "VEVENT"))
        *in_event = false;
    if (!*in_event)
        return;
    if (span_ieq(name, "SUMMARY") && !e->summary.n)
        e->summary = value;
    if (span_ieq(name, "LOCATION") && !e->place.n)
        e->place = value;
    if (span_ieq(name, "DTSTART") && !e->start.n)
        e->start = value;
    if (span_ieq(name, "DTEND") && !e->end.n)
        e->end = value;
}

static void add_value(struct buf *b, const char *label, struct span v) {
    if (v.n == 0)
        return;
    if (v.n > 300)
        v.n = 300;
    buf_adds(b, label);
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '\\' && i + 1 < v.n) {
            char c = v.p[++i];
            buf_add(b, c == 'n' || c == 'N' ? " " : &v.p[i], 1);
        } else {
            buf_add(b, &v.p[i], 1);
        }
    }
    buf_add(b, "\n", 1);
}

/* 20261201T090000Z reads better as 01.12.2026 09:00 UTC. */
static void add_time(struct buf *b, const char *label, struct span v) {
    bool is_time = v.n >= 15 && v.p[8] == 'T';
    for (size_t i = 0; i < 8 && i < v.n; i++)
        is_time = is_time && v.p[i] >= '0' && v.p[i] <= '9';
    if (!is_time) {
        add_value(b, label, v);
        return;
    }
    buf_addf(b, "%s%.2s.%.2s.%.4s %.2s:%.2s%s\n", label, v.p + 6, v.p + 4, v.p, v.p + 9, v.p + 11,
             v.p[v.n - 1] == 'Z' ? " UTC" : "");
}

struct span mail_calendar_summary(struct arena *a, struct span ics) {
    if (ics.n > 256 * 1024)
        ics.n = 256 * 1024;
    struct span rest = unfold(a, ics);
    struct event e = {0};
    bool in_event = false;
    while (rest.p)
        take_line(&e, span_cut(&rest, '\n'), &in_event);
    if (!e.summary.n && !e.start.n)
        return SPAN_NONE;
    struct buf b = {0};
    bool is_cancel = span_ieq(e.method, "CANCEL");
    buf_adds(&b, is_cancel                     ? "[Terminabsage]\n"
                 : span_ieq(e.method, "REPLY") ? "[Antwort auf einen Termin]\n"
                                               : "[Termineinladung]\n");
    add_value(&b, "Betreff: ", e.summary);
    add_time(&b, "Beginn: ", e.start);
    add_time(&b, "Ende: ", e.end);
    add_value(&b, "Ort: ", e.place);
    struct span out = arena_dup(a, buf_span(&b));
    buf_free(&b);
    return out;
}
