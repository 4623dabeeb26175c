/* SPDX-License-Identifier: EUPL-1.2 */
/* number: centres write the same number in many ways; a citizen must be one sender. */
#include "channels/smpp/number.h"

#include <ctype.h>
#include <stdio.h>

enum { TON_INTERNATIONAL = 1, TON_NATIONAL = 2, TON_NETWORK = 3, TON_NAME = 5, TON_SHORT = 6 };
enum { SHORT_DIGITS_MAX = 8, NUMBER_DIGITS_MIN = 3, NUMBER_DIGITS_MAX = 15, NAME_MAX_BYTES = 11 };

enum { DIGITS_BYTES = NUMBER_BYTES - 5 }; /* leaves room for a plus and a country */

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

static void as_name(const char *s, char out[NUMBER_BYTES]) {
    size_t n = 0;
    for (; *s && n + 1 < NUMBER_BYTES; s++)
        out[n++] = (unsigned char)*s >= 0x20 && (unsigned char)*s < 0x7f ? *s : '?';
    out[n] = 0;
}

bool number_canonical(const struct pdu_address *a, const char *country, char out[NUMBER_BYTES]) {
    char d[DIGITS_BYTES];
    bool has_plus = a->text[0] == '+';
    const char *text = a->text + (has_plus ? 1 : 0);
    if (a->ton == TON_NAME || !digits(text, d)) {
        as_name(a->text, out);
        return out[0] != 0;
    }
    bool is_international = has_plus || a->ton == TON_INTERNATIONAL;
    if (strncmp(d, "00", 2) == 0 && strlen(d) > SHORT_DIGITS_MAX) {
        memmove(d, d + 2, strlen(d) - 1);
        is_international = true;
    }
    bool is_short = a->ton == TON_NETWORK || a->ton == TON_SHORT || strlen(d) < SHORT_DIGITS_MAX;
    if (d[0] == '0' && d[1] && (!is_international || d[1] != '0') && !is_short)
        snprintf(out, NUMBER_BYTES, "+%.4s%s", country, d + 1);
    else if (a->ton == TON_NATIONAL && !is_short && strncmp(d, country, strlen(country)) != 0)
        snprintf(out, NUMBER_BYTES, "+%.4s%s", country, d);
    else
        snprintf(out, NUMBER_BYTES, "%s%s", is_short && !has_plus ? "" : "+", d);
    return true;
}

bool number_is_dialable(struct span s) {
    size_t from = s.n && s.p[0] == '+' ? 1 : 0, n = s.n - from;
    if (n < NUMBER_DIGITS_MIN || n > NUMBER_DIGITS_MAX)
        return false;
    for (size_t i = from; i < s.n; i++)
        if (!isdigit((unsigned char)s.p[i]))
            return false;
    return true;
}

bool number_to_address(struct span s, struct pdu_address *out) {
    *out = (struct pdu_address){0};
    bool is_number = number_is_dialable(s), has_plus = s.n && s.p[0] == '+';
    if (!is_number && (s.n == 0 || s.n > NAME_MAX_BYTES))
        return false;
    if (!is_number)
        out->ton = TON_NAME;
    else if (has_plus)
        *out = (struct pdu_address){.ton = TON_INTERNATIONAL, .npi = 1};
    else
        out->ton = TON_NETWORK;
    snprintf(out->text, sizeof out->text, "%.*s", (int)(s.n - has_plus), s.p + has_plus);
    return true;
}
