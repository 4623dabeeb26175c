/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_pick: nobody's pattern makes us search twice: a wildcard ends at the first fit. */
#include "channels/sms_http/sms_pick.h"

#include <stdio.h>

enum { KEY_BYTES_MAX = 128, STATUS_DIGITS = 3 };

static const char *after(const char *pick, const char *kind) {
    size_t n = strlen(kind);
    return strncmp(pick, kind, n) == 0 ? pick + n : NULL;
}

bool sms_pick_is_valid(const char *pick) {
    const char *pointer = after(pick, "json:"), *pattern = after(pick, "text:");
    if (pointer)
        return *pointer == '/' || !*pointer;
    return pattern ? *pattern != 0 : strcmp(pick, "status") == 0;
}

/* The piece of a pointer up to the next slash, with ~1 and ~0 undone. */
static const char *next_key(const char *p, char key[KEY_BYTES_MAX]) {
    size_t n = 0;
    for (; *p && *p != '/'; p++) {
        char c = *p;
        if (c == '~' && (p[1] == '0' || p[1] == '1'))
            c = *++p == '0' ? '~' : '/';
        if (n + 1 < KEY_BYTES_MAX)
            key[n++] = c;
    }
    key[n] = 0;
    return p;
}

const json_t *sms_pointer(const json_t *v, const char *p) {
    char key[KEY_BYTES_MAX];
    if (*p && *p != '/')
        return json_object_get(v, p);
    while (v && *p == '/') {
        unsigned long long i = 0;
        p = next_key(p + 1, key);
        if (json_is_array(v))
            v = span_u64(span_str(key), 100000, &i) == 0 ? json_array_get(v, (size_t)i) : NULL;
        else
            v = json_object_get(v, key);
    }
    return v;
}

struct span sms_scalar(struct arena *a, const json_t *v) {
    if (json_is_string(v))
        return arena_dup(a, (struct span){json_string_value(v), json_string_length(v)});
    if (json_is_integer(v))
        return span_str(arena_printf(a, "%lld", (long long)json_integer_value(v)));
    if (json_is_boolean(v))
        return json_is_true(v) ? SPAN("true") : SPAN("false");
    return SPAN_NONE;
}

/* Length of the wildcard at p, or 0. */
static size_t wildcard(const char *p) {
    return *p == '*' ? 1 : p[0] == '{' && p[1] == '}' ? 2 : 0;
}

/* How much of s a wildcard takes that is followed by p; s.n + 1: it does not fit. */
static size_t taken(struct span s, const char *p, bool is_picked) {
    size_t n = 0;
    while (p[n] && !wildcard(p + n))
        n++;
    if (n) {
        const char *at = s.n ? memmem(s.p, s.n, p, n) : NULL;
        return at ? (size_t)(at - s.p) : s.n + 1;
    }
    while (n < s.n && !(is_picked && strchr(" \t\r\n", s.p[n])))
        n++;
    return *p && !is_picked ? 0 : n;
}

static struct span match(const char *p, struct span body) {
    struct span s = span_trim(body), picked = SPAN_NONE, all = s;
    while (*p) {
        size_t w = wildcard(p), n = 1;
        if (w) {
            n = taken(s, p + w, w == 2);
            if (n > s.n)
                return SPAN_NONE;
            if (w == 2)
                picked = (struct span){s.p, n};
        } else if (!s.n || *s.p != *p) {
            return SPAN_NONE;
        }
        s = (struct span){s.p + n, s.n - n};
        p += w ? w : 1;
    }
    return picked.p ? picked : (struct span){all.p, all.n - s.n};
}

struct span sms_pick(struct arena *a, const char *pick, const struct sms_answer *x) {
    const char *pointer = after(pick, "json:"), *pattern = after(pick, "text:");
    if (pointer)
        return sms_scalar(a, sms_pointer(x->json, pointer));
    if (!pattern)
        return span_str(arena_printf(a, "%d", x->status));
    size_t n = x->body.n < SMS_PICK_BYTES_MAX ? x->body.n : SMS_PICK_BYTES_MAX;
    return match(pattern, (struct span){x->body.p ? x->body.p : "", n});
}

static bool range(const char *s, int *from, int *to) {
    char end;
    if (strlen(s) == STATUS_DIGITS && strcmp(s + 1, "xx") == 0 && *s >= '1' && *s <= '5') {
        *from = (*s - '0') * 100;
        *to = *from + 99;
        return true;
    }
    if (sscanf(s, "%3d-%3d%c", from, to, &end) != 2) {
        if (sscanf(s, "%3d%c", from, &end) != 1)
            return false;
        *to = *from;
    }
    return *from >= 100 && *to <= 599 && *from <= *to;
}

bool sms_statuses_are_valid(const json_t *list) {
    size_t i;
    json_t *v;
    int from, to;
    json_array_foreach(list, i, v) if (!json_is_string(v) ||
                                       !range(json_string_value(v), &from, &to)) return false;
    return json_array_size(list) > 0;
}

bool sms_status_is_in(const json_t *list, int status) {
    size_t i;
    json_t *v;
    int from = 0, to = 0;
    json_array_foreach(list, i, v) if (json_is_string(v) &&
                                       range(json_string_value(v), &from, &to) && status >= from &&
                                       status <= to) return true;
    return false;
}
