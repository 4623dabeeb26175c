/* SPDX-License-Identifier: EUPL-1.2 */
/* number: what type of number and notation say together. */
#include "channels/smpp/number.h"

#include <stdio.h>

enum { TON_INTERNATIONAL = 1, TON_NATIONAL = 2, TON_NETWORK = 3, TON_NAME = 5, TON_SHORT = 6 };
enum { NAME_MAX_BYTES = 11 };

bool number_canonical(const struct pdu_address *a, const char *country, char out[NUMBER_BYTES]) {
    static const enum kit_phone_kind kinds[] = {[TON_INTERNATIONAL] = KIT_PHONE_INTERNATIONAL,
                                                [TON_NATIONAL] = KIT_PHONE_NATIONAL,
                                                [TON_NETWORK] = KIT_PHONE_SHORT,
                                                [TON_NAME] = KIT_PHONE_NAME,
                                                [TON_SHORT] = KIT_PHONE_SHORT};
    bool is_known = a->ton < sizeof kinds / sizeof *kinds;
    return kit_phone(a->text, is_known ? kinds[a->ton] : KIT_PHONE_ANY, country, out);
}

bool number_to_address(struct span s, struct pdu_address *out) {
    *out = (struct pdu_address){0};
    bool is_number = kit_phone_is_dialable(s), has_plus = s.n && s.p[0] == '+';
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
