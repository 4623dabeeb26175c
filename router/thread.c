/* SPDX-License-Identifier: EUPL-1.2 */
/* thread: the names that conversations of channels have for all gateways, and what gateways tell
 * each other of one. */
#include <stdlib.h>

#include "router/inner.h"

void thread_name(const struct router *r, const char *channel, struct span thread,
                 char out[THREAD_NAME_BYTES]) {
    _Static_assert(THREAD_NAME_BYTES == CRYPTO_HASH_HEX, "a name is a hash");
    hash_external(r, channel, thread, out);
}

static void told(void *arg, int error, const struct redis_value *v) {
    struct router *r = arg;
    (void)error, (void)v;
    r->open--;
}

void thread_tell(struct router *r, const char *channel, struct span thread, struct span word) {
    char name[THREAD_NAME_BYTES];
    thread_name(r, channel, thread, name);
    struct args *a = args_new(r);
    args_i(a, now_of(r));
    args_z(a, channel);
    args_z(a, name);
    args_s(a, word);
    r->open++;
    store_call(r->store, "tell", a, told, r);
    args_free(&a);
}
