/* SPDX-License-Identifier: EUPL-1.2 */
/* metrics: a list of series in the order of registration; series of one name are rendered together.
 * No locks: the loop thread alone calls. */
#include "gateway/base/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/arena.h"

enum kind { COUNTER, GAUGE, HISTOGRAM };

static const double bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                0.5,   1,      2.5,   5,    10,    30,   60};
#define BOUNDS_N (sizeof bounds / sizeof *bounds)

struct metric {
    struct metric *next;
    enum kind kind;
    const char *name, *help;
    char *labels;
    double value; /* histogram: the sum */
    unsigned long long counts[BOUNDS_N + 1];
    bool is_rendered;
};

static struct metric *first, **last = &first;

static struct metric *metric_for(enum kind kind, const char *name, const char *help,
                                 const char *labels) {
    if (!labels)
        labels = "";
    for (struct metric *m = first; m; m = m->next)
        if (m->kind == kind && strcmp(m->name, name) == 0 && strcmp(m->labels, labels) == 0)
            return m;
    struct metric *m = xcalloc(1, sizeof *m);
    *m = (struct metric){.kind = kind, .name = name, .help = help, .labels = xstrdup(labels)};
    *last = m;
    last = &m->next;
    return m;
}

struct metric *metrics_counter(const char *name, const char *help, const char *labels) {
    return metric_for(COUNTER, name, help, labels);
}

struct metric *metrics_gauge(const char *name, const char *help, const char *labels) {
    return metric_for(GAUGE, name, help, labels);
}

struct metric *metrics_histogram(const char *name, const char *help, const char *labels) {
    return metric_for(HISTOGRAM, name, help, labels);
}

void metric_add(struct metric *m, double v) {
    if (m->kind == COUNTER && !(v > 0))
        return; /* counters never fall */
    m->value += v;
}

void metric_set(struct metric *m, double v) {
    m->value = v;
}

void metric_observe(struct metric *m, double seconds) {
    size_t i = 0;
    while (i < BOUNDS_N && seconds > bounds[i])
        i++;
    m->counts[i]++;
    m->value += seconds;
}

static void render_line(struct buf *out, const struct metric *m, const char *suffix,
                        const char *more, double v) {
    buf_addf(out, "%s%s", m->name, suffix);
    if (*m->labels || *more)
        buf_addf(out, "{%s%s%s}", m->labels, *m->labels && *more ? "," : "", more);
    buf_addf(out, " %.15g\n", v);
}

static void render_histogram(struct buf *out, const struct metric *m) {
    unsigned long long sum = 0;
    char le[40];
    for (size_t i = 0; i < BOUNDS_N; i++) {
        sum += m->counts[i];
        snprintf(le, sizeof le, "le=\"%g\"", bounds[i]);
        render_line(out, m, "_bucket", le, (double)sum);
    }
    sum += m->counts[BOUNDS_N];
    render_line(out, m, "_bucket", "le=\"+Inf\"", (double)sum);
    render_line(out, m, "_sum", "", m->value);
    render_line(out, m, "_count", "", (double)sum);
}

void metrics_render(struct buf *out) {
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    for (struct metric *m = first; m; m = m->next)
        m->is_rendered = false;
    for (struct metric *m = first; m; m = m->next) {
        if (m->is_rendered)
            continue;
        buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, kinds[m->kind]);
        for (struct metric *s = m; s; s = s->next) {
            if (s->kind != m->kind || strcmp(s->name, m->name) != 0)
                continue;
            s->is_rendered = true;
            if (s->kind == HISTOGRAM)
                render_histogram(out, s);
            else
                render_line(out, s, "", "", s->value);
        }
    }
}

void metrics_reset(void) {
    while (first) {
        struct metric *next = first->next;
        free(first->labels);
        free(first);
        first = next;
    }
    last = &first;
}
