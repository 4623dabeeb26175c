/* SPDX-License-Identifier: EUPL-1.2 */
/* clock: wall time as a parameter, so that tests can set it. */
#ifndef DRAHT_BASE_CLOCK_H
#define DRAHT_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock {
    int64_t (*now_ms)(void *arg); /* Unix milliseconds, UTC */
    void *arg;
};

extern const struct clock clock_system;
static inline int64_t clock_ms(const struct clock *c) {
    return c->now_ms(c->arg);
}

#define CLOCK_RFC3339_BYTES 32
/* "2026-11-23T10:15:00.000Z" into out (CLOCK_RFC3339_BYTES). */
void clock_rfc3339(int64_t ms, char *out);
/* 0 or ERR_INVALID; *ms_out untouched on failure. RFC 3339, any offset. */
int clock_parse_rfc3339(const char *s, int64_t *ms_out);

#endif
