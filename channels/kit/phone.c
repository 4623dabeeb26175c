/* SPDX-License-Identifier: EUPL-1.2 */
/* phone: providers write the same number in many ways; a citizen must be one sender. */
#include "channels/kit/phone.h"

#include <ctype.h>
#include <stdio.h>

enum { SHORT_DIGITS_MAX = 8, NUMBER_DIGITS_MIN = 3, NUMBER_DIGITS_MAX = 15 };

enum { DIGITS_BYTES = KIT_PHONE_BYTES - 5 }; /* leaves room for a plus and a country */

/* Digits alone; false when there is anything that no number has. */
static bool digits(const char *s, char out[DIGITS_BYTES]) {
    size_t n = 0;
    for (; *s; s++) {
        if (isdigit((unsigned char)*s) && n + 1 < DIGITS_BYTES)
            out[n++] = *s;
        else if (!strchr(" -./()", *s))
            return false;
    }
    out[n] = 0;
    return n > 0;
}

static void as_name(const char *s, char out[KIT_PHONE_BYTES]) {
    size_t n = 0;
    for (; *s && n + 1 < KIT_PHONE_BYTES; s++)
        out[n++] = (unsigned char)*s >= 0x20 && (unsigned char)*s < 0x7f ? *s : '?';
    out[n] = 0;
}

bool kit_phone(const char *text, enum kit_phone_kind kind, const char *country,
               char out[KIT_PHONE_BYTES]) {
    char d[DIGITS_BYTES];
    bool has_plus = text[0] == '+';
    if (kind == KIT_PHONE_NAME || !digits(text + has_plus, d)) {
        as_name(text, out);
        return out[0] != 0;
    }
    bool is_international = has_plus || kind == KIT_PHONE_INTERNATIONAL;
    if (strncmp(d, "00", 2) == 0 && strlen(d) > SHORT_DIGITS_MAX) {
        memmove(d, d + 2, strlen(d) - 1);
        is_international = true;
    }
    bool is_short = kind == KIT_PHONE_SHORT || strlen(d) < SHORT_DIGITS_MAX;
    if (d[0] == '0' && d[1] && (!is_international || d[1] != '0') && !is_short)
        snprintf(out, KIT_PHONE_BYTES, "+%.4s%s", country, d + 1);
    else if (kind == KIT_PHONE_NATIONAL && !is_short && strncmp(d, country, strlen(country)) != 0)
        snprintf(out, KIT_PHONE_BYTES, "+%.4s%s", country, d);
    else
        snprintf(out, KIT_PHONE_BYTES, "%s%s", is_short && !has_plus ? "" : "+", d);
    return true;
}

bool kit_phone_is_dialable(struct span s) {
    size_t from = s.n && s.p[0] == '+' ? 1 : 0, n = s.n - from;
    if (n < NUMBER_DIGITS_MIN || n > NUMBER_DIGITS_MAX)
        return false;
    for (size_t i = from; i < s.n; i++)
        if (!isdigit((unsigned char)s.p[i]))
            return false;
    return true;
}
