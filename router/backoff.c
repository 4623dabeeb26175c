/* SPDX-License-Identifier: EUPL-1.2 */
/* backoff: how long an undelivered message waits after its attempt: 30 s growing to an hour, +-20
 * %. */
#include "router/inner.h"

uint64_t backoff_ms(uint32_t attempt, uint32_t random) {
    static const uint32_t steps_s[] = {30, 60, 120, 300, 600, 1800, 3600};
    const uint32_t last = sizeof steps_s / sizeof *steps_s - 1;
    uint32_t i = attempt ? attempt - 1 : 0;
    uint64_t base = (uint64_t)steps_s[i > last ? last : i] * 1000;
    return base * 8 / 10 + (base * 4 / 10) * (random % 1001) / 1000;
}
