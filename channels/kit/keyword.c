/* SPDX-License-Identifier: EUPL-1.2 */
/* keyword: the words carriers require, and the German ones people write. */
#include "channels/kit/keyword.h"

static bool is_one_of(struct span text, const char *const *words) {
    for (; *words; words++)
        if (span_ieq(text, *words))
            return true;
    return false;
}

enum kit_keyword kit_keyword(struct span text) {
    static const char *const stop[] = {"stop",        "stopp", "stopall", "stop all", "ende", "end",
                                       "unsubscribe", "quit",  "cancel",  "abmelden", NULL};
    static const char *const start[] = {"start", "unstop", "anmelden", NULL};
    struct span s = span_trim(text);
    while (s.n && (s.p[s.n - 1] == '.' || s.p[s.n - 1] == '!'))
        s.n--;
    return is_one_of(s, stop)    ? KIT_WORD_STOP
           : is_one_of(s, start) ? KIT_WORD_START
                                 : KIT_WORD_NONE;
}
