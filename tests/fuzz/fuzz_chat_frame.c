/* SPDX-License-Identifier: EUPL-1.2 */
/* Client frames as a socket hands them over: a whole conversation on a host in memory, a frame a line. */
#include "channels/webchat/webchat.h"
#include "tests/channels/fake_host.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char err[256];
    char *out = NULL;
    if (fake_begin(&webchat_ops, "{}", err) < 0)
        abort();
    struct draht_socket *s = fake_connect("https://draht.city.example", NULL);
    struct span rest = {(const char *)data, n};
    if (n == 0 || data[0] != '!')
        fake_say(s, "{\"t\":\"hello\",\"token\":null}");
    for (int lines = 0; rest.p && lines < 200; lines++) {
        struct span line = span_cut(&rest, '\n');
        fake.socket_ops->text(s->user, (struct draht_span){line.p, line.n});
        if (lines % 3 == 0)
            fake_run();
    }
    fake_run();
    fake_hang_up(s);
    if (webchat_ops.normalize((const char *)data, n, &out, err) == 0)
        free(out);
    fake_end();
    return 0;
}
