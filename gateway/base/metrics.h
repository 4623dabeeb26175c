/* SPDX-License-Identifier: EUPL-1.2 */
/* metrics: counters, gauges and histograms in Prometheus text format. Names draht_*, base units,
 * bounded labels (channel ids, states), never a person. Loop thread only. */
#ifndef DRAHT_BASE_METRICS_H
#define DRAHT_BASE_METRICS_H

#include "gateway/base/buf.h"

struct metric;
/* Registers or finds; name and help are borrowed literals; labels is "" or 'channel="mail"'
 * (copied). */
struct metric *metrics_counter(const char *name, const char *help, const char *labels);
struct metric *metrics_gauge(const char *name, const char *help, const char *labels);
struct metric *metrics_histogram(const char *name, const char *help,
                                 const char *labels); /* seconds */
void metric_add(struct metric *m, double v);
void metric_set(struct metric *m, double v);
void metric_observe(struct metric *m, double seconds);
void metrics_render(struct buf *out);
void metrics_reset(void); /* frees all; for shutdown and tests */

#endif
