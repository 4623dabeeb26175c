/* SPDX-License-Identifier: EUPL-1.2 */
/* clock: the system's wall clock, and RFC 3339 in both directions. No time zones: see
 * config/calendar. */
#include "gateway/base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/base/error.h"

#define DAY_MS INT64_C(86400000)

static int64_t system_ms(void *arg) {
    (void)arg;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const struct clock clock_system = {system_ms, NULL};

void clock_rfc3339(int64_t ms, char *out) {
    const int64_t first = INT64_C(-62135596800000),
                  last = INT64_C(253402300799999); /* years 1 to 9999 */
    if (ms < first)
        ms = first;
    if (ms > last)
        ms = last;
    int64_t millis = (ms % 1000 + 1000) % 1000;
    time_t s = (time_t)((ms - millis) / 1000);
    struct tm tm;
    gmtime_r(&s, &tm);
    const int at[] = {0, 5, 8, 11, 14, 17, 20}, wide[] = {4, 2, 2, 2, 2, 2, 3};
    const int value[] = {tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                         tm.tm_min,         tm.tm_sec,     (int)millis};
    memcpy(out, "0000-00-00T00:00:00.000Z", sizeof "0000-00-00T00:00:00.000Z");
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        for (int k = wide[i], v = value[i]; k-- > 0; v /= 10)
            out[at[i] + k] = (char)('0' + v % 10);
}

/* Reads exactly n digits. */
static bool digits(const char **s, int n, int *out) {
    int v = 0;
    for (int i = 0; i < n; i++, (*s)++) {
        if (**s < '0' || **s > '9')
            return false;
        v = v * 10 + (**s - '0');
    }
    *out = v;
    return true;
}

static bool one(const char **s, const char *any) {
    if (!**s || !strchr(any, **s))
        return false;
    (*s)++;
    return true;
}

/* Days since 1970-01-01, proleptic Gregorian. */
static int64_t days_from(int y, int m, int d) {
    int64_t year = m <= 2 ? y - 1 : y;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_in(int y, int m) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return m == 2 && is_leap ? 29 : days[m - 1];
}

/* The fraction is cut to milliseconds; "" without one. */
static bool fraction(const char **s, int *ms) {
    *ms = 0;
    if (**s != '.')
        return true;
    (*s)++;
    int n = 0, scale = 100;
    for (; **s >= '0' && **s <= '9' && n < 18; (*s)++, n++, scale /= 10)
        *ms += (**s - '0') * scale;
    return n > 0 && (**s < '0' || **s > '9');
}

static bool offset(const char **s, int *minutes) {
    *minutes = 0;
    if (one(s, "Zz"))
        return true;
    int sign = **s == '-' ? -1 : 1, h, m;
    if (!one(s, "+-") || !digits(s, 2, &h) || !one(s, ":") || !digits(s, 2, &m) || h > 23 || m > 59)
        return false;
    *minutes = sign * (h * 60 + m);
    return true;
}

int clock_parse_rfc3339(const char *s, int64_t *ms_out) {
    int y, mo, d, h, mi, sec, ms, off;
    if (!s || !digits(&s, 4, &y) || !one(&s, "-") || !digits(&s, 2, &mo) || !one(&s, "-") ||
        !digits(&s, 2, &d) || !one(&s, "Tt ") || !digits(&s, 2, &h) || !one(&s, ":") ||
        !digits(&s, 2, &mi) || !one(&s, ":") || !digits(&s, 2, &sec) || !fraction(&s, &ms) ||
        !offset(&s, &off) || *s)
        return ERR_INVALID;
    if (mo < 1 || mo > 12 || d < 1 || d > days_in(y, mo) || h > 23 || mi > 59 || sec > 60)
        return ERR_INVALID;
    int64_t of_day = (((int64_t)h * 60 + mi - off) * 60 + sec) * 1000 + ms;
    *ms_out = days_from(y, mo, d) * DAY_MS + of_day;
    return 0;
}
