/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * calendar: is the office open, when does it open, when is an answer due. Time zones are those that
 * follow the European summer time rule, computed here: no tzdata, no TZ variable, no global state.
 */
#include "config/calendar.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define MINUTE_MS INT64_C(60000)
#define SEARCH_DAYS 4000

static const struct zone {
    const char *name;
    int winter_minutes;
    bool has_summer_time;
} zones[] = {
    {"UTC", 0, false},
    {"Europe/Berlin", 60, true},
    {"Europe/Vienna", 60, true},
    {"Europe/Zurich", 60, true},
    {"Europe/Brussels", 60, true},
    {"Europe/Luxembourg", 60, true},
    {"Europe/Paris", 60, true},
    {"Europe/Amsterdam", 60, true},
    {"Europe/Copenhagen", 60, true},
    {"Europe/Prague", 60, true},
    {"Europe/Warsaw", 60, true},
    {"Europe/Rome", 60, true},
    {"Europe/Madrid", 60, true},
    {"Europe/Stockholm", 60, true},
    {"Europe/Oslo", 60, true},
    {"Europe/Vaduz", 60, true},
    {"Europe/London", 0, true},
    {"Europe/Lisbon", 0, true},
    {"Europe/Dublin", 0, true},
    {"Europe/Athens", 120, true},
    {"Europe/Helsinki", 120, true},
    {"Europe/Tallinn", 120, true},
    {"Europe/Bucharest", 120, true},
    {"Europe/Sofia", 120, true},
};

static const struct zone *zone_of(const char *name) {
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        if (strcmp(zones[i].name, name) == 0)
            return &zones[i];
    return NULL;
}

bool calendar_knows_zone(const char *name) {
    return zone_of(name) != NULL;
}

/* Days since 1970-01-01, proleptic Gregorian. */
static int64_t days_from(int64_t y, int m, int d) {
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct date {
    int year, month, day;
};
static struct date date_from(int64_t days) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t m = (5 * of_year + 2) / 153;
    int month = (int)(m < 10 ? m + 3 : m - 9);
    return (struct date){(int)(year + era * 400 + (month <= 2)), month,
                         (int)(of_year - (153 * m + 2) / 5 + 1)};
}

static int weekday_of(int64_t days) {
    return (int)(((days + 3) % 7 + 7) % 7);
}

/* 01:00 UTC on the last Sunday of the month (31 days). */
static int64_t last_sunday_ms(int year, int month) {
    int64_t last = days_from(year, month, 31);
    return (last - (weekday_of(last) + 1) % 7) * DAY_MS + 60 * MINUTE_MS;
}

static int64_t floor_day(int64_t ms) {
    return (ms >= 0 ? ms : ms - DAY_MS + 1) / DAY_MS;
}

static int64_t offset_ms(const struct zone *z, int64_t utc_ms) {
    int64_t winter = z->winter_minutes * MINUTE_MS;
    if (!z->has_summer_time)
        return winter;
    int year = date_from(floor_day(utc_ms)).year;
    bool is_summer = utc_ms >= last_sunday_ms(year, 3) && utc_ms < last_sunday_ms(year, 10);
    return winter + (is_summer ? 60 * MINUTE_MS : 0);
}

/* Of the two readings of a repeated hour the first; a skipped time becomes the moment after it. */
static int64_t utc_from_local(const struct zone *z, int64_t local_ms) {
    int64_t winter = z->winter_minutes * MINUTE_MS;
    int64_t as_summer = local_ms - winter - 60 * MINUTE_MS;
    if (as_summer + offset_ms(z, as_summer) == local_ms)
        return as_summer;
    return local_ms - winter;
}

static int64_t easter(int year) {
    int a = year % 19, b = year / 100, c = year % 100;
    int d = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    int e = (32 + 2 * (b % 4) + 2 * (c / 4) - d - c % 4) % 7;
    int m = d + e - 7 * ((a + 11 * d + 22 * e) / 451) + 114;
    return days_from(year, m / 31, m % 31 + 1);
}

/* Public holidays of the states; "*" is all of them. day 0: month is the distance from Easter
 * Sunday. */
static const struct rule {
    int month, day;
    const char *states;
} rules[] = {
    {1, 1, "*"},
    {-2, 0, "*"},
    {1, 0, "*"},
    {5, 1, "*"},
    {39, 0, "*"},
    {50, 0, "*"},
    {10, 3, "*"},
    {12, 25, "*"},
    {12, 26, "*"},
    {1, 6, "BW BY ST"},
    {3, 8, "BE MV"},
    {0, 0, "BB"},
    {49, 0, "BB"},
    {60, 0, "BW BY HE NW RP SL"},
    {8, 15, "BY SL"},
    {9, 20, "TH"},
    {10, 31, "BB HB HH MV NI SN ST SH TH"},
    {11, 1, "BW BY NW RP SL"},
};
static const char states[] = "BW BY BE BB HB HH HE MV NI NW RP SL SN ST SH TH";

static bool is_in(const char *list, const char *state) {
    for (; *list; list += list[2] ? 3 : 2)
        if (list[0] == state[0] && list[1] == state[1])
            return true;
    return false;
}

bool calendar_knows_state(const char *state) {
    return strlen(state) == 2 && is_in(states, state);
}

/* Wednesday before 23 November. */
static bool is_repentance_day(struct date d, int64_t days) {
    return d.month == 11 && d.day >= 16 && d.day <= 22 && weekday_of(days) == 2;
}

static bool is_state_holiday(const char *state, int64_t days) {
    struct date d = date_from(days);
    int64_t from_easter = days - easter(d.year);
    if (is_repentance_day(d, days) && strcmp(state, "SN") == 0)
        return true;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct rule *r = &rules[i];
        bool is_day = r->day ? d.month == r->month && d.day == r->day : from_easter == r->month;
        if (is_day && (r->states[0] == '*' || is_in(r->states, state)))
            return true;
    }
    return false;
}

static bool is_holiday(const struct config_calendar *c, int64_t days) {
    char iso[40];
    struct date d = date_from(days);
    snprintf(iso, sizeof iso, "%04d-%02d-%02d", d.year, d.month, d.day);
    for (int i = 0; i < c->holidays_n; i++) {
        const char *h = c->holidays[i];
        if (strlen(h) == 2 ? is_state_holiday(h, days) : strcmp(h, iso) == 0)
            return true;
    }
    return false;
}

bool calendar_is_date(const char *iso) {
    int y, m, d, n = 0;
    if (strlen(iso) != 10 || strspn(iso, "0123456789-") != 10 ||
        sscanf(iso, "%4d-%2d-%2d%n", &y, &m, &d, &n) != 3 || n != 10)
        return false;
    if (m < 1 || m > 12 || d < 1 || d > 31 || y < 1970)
        return false;
    struct date back = date_from(days_from(y, m, d));
    return back.month == m && back.day == d;
}

static const struct zone *zone_or_ours(const struct config_calendar *c) {
    const struct zone *z = c && c->timezone ? zone_of(c->timezone) : NULL;
    return z ? z : zone_of("Europe/Berlin");
}

int64_t calendar_local_ms(const struct config_calendar *c, int64_t utc_ms) {
    return utc_ms + offset_ms(zone_or_ours(c), utc_ms);
}

/* Calls for each service window from the day of from_ms on, in order, until fn returns true. */
typedef bool (*window_fn)(void *arg, int64_t start_ms, int64_t end_ms);
static bool each_window(const struct config_calendar *c, int64_t from_ms, window_fn fn, void *arg) {
    const struct zone *z = zone_or_ours(c);
    int64_t first = floor_day(from_ms + offset_ms(z, from_ms));
    for (int64_t day = first; day < first + SEARCH_DAYS; day++) {
        if (is_holiday(c, day))
            continue;
        for (int i = 0; i < c->hours_n; i++) {
            const struct config_hours *h = &c->hours[i];
            if (h->weekday != weekday_of(day))
                continue;
            if (fn(arg, utc_from_local(z, day * DAY_MS + h->from_minute * MINUTE_MS),
                   utc_from_local(z, day * DAY_MS + h->to_minute * MINUTE_MS)))
                return true;
        }
    }
    return false;
}

struct search {
    int64_t now_ms, left_ms, found_ms;
};

static bool first_after(void *arg, int64_t start_ms, int64_t end_ms) {
    struct search *s = arg;
    if (end_ms <= s->now_ms)
        return false;
    s->found_ms = start_ms > s->now_ms ? start_ms : s->now_ms;
    return true;
}

static bool use_up(void *arg, int64_t start_ms, int64_t end_ms) {
    struct search *s = arg;
    if (end_ms <= s->now_ms)
        return false;
    if (start_ms < s->now_ms)
        start_ms = s->now_ms;
    s->found_ms = start_ms + s->left_ms;
    if (s->found_ms <= end_ms)
        return true;
    s->left_ms -= end_ms - start_ms;
    return false;
}

int64_t calendar_next_open_ms(const struct config_calendar *c, int64_t now_ms) {
    struct search s = {.now_ms = now_ms, .found_ms = now_ms};
    if (!c || !c->hours_n)
        return now_ms;
    each_window(c, now_ms, first_after, &s);
    return s.found_ms;
}

bool calendar_is_open(const struct config_calendar *c, int64_t now_ms) {
    struct search s = {.now_ms = now_ms, .found_ms = now_ms + 1};
    if (!c || !c->hours_n)
        return true;
    return each_window(c, now_ms, first_after, &s) && s.found_ms == now_ms;
}

int64_t calendar_add_hours(const struct config_calendar *c, int64_t now_ms, int hours) {
    int64_t left_ms = hours > 0 ? hours * 60 * MINUTE_MS : 0;
    struct search s = {.now_ms = now_ms, .left_ms = left_ms};
    if (c && c->hours_n && each_window(c, now_ms, use_up, &s))
        return s.found_ms;
    return now_ms + left_ms;
}
