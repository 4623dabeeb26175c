/* SPDX-License-Identifier: EUPL-1.2 */
/* id: ULIDs. Within one process each is greater than the one before, also when the clock steps
 * back. */
#include "gateway/base/id.h"

#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#define RANDOM_BYTES 10
#define TIME_MAX_MS ((INT64_C(1) << 48) - 1)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t last_ms = -1;
static uint8_t last_random[RANDOM_BYTES];

/* false: all ones became all zeros. */
static bool increment(uint8_t r[RANDOM_BYTES]) {
    for (int i = RANDOM_BYTES - 1; i >= 0; i--)
        if (++r[i])
            return true;
    return false;
}

static void encode(int64_t ms, const uint8_t r[RANDOM_BYTES], char out[ID_BYTES]) {
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t t = (uint64_t)ms;
    for (int i = 9; i >= 0; i--, t >>= 5)
        out[i] = digits[t & 31];
    unsigned acc = 0, bits = 0;
    char *o = out + 10;
    for (size_t i = 0; i < RANDOM_BYTES; i++) {
        acc = (acc << 8 | r[i]) & 0xffff;
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            *o++ = digits[acc >> bits & 31];
        }
    }
    *o = '\0';
}

void id_new(int64_t now_ms, char out[ID_BYTES]) {
    if (now_ms < 0)
        now_ms = 0;
    if (now_ms > TIME_MAX_MS)
        now_ms = TIME_MAX_MS;
    pthread_mutex_lock(&lock);
    if (now_ms > last_ms) {
        last_ms = now_ms;
        randombytes_buf(last_random, sizeof last_random);
        last_random[0] &= 0x7f; /* room to count upwards within the millisecond */
    } else if (!increment(last_random)) {
        last_ms++;
    }
    encode(last_ms, last_random, out);
    pthread_mutex_unlock(&lock);
}
