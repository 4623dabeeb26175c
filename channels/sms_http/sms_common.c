/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_common: encodings, and under which key a stop word is kept: never the number itself. */
#include "channels/sms_http/sms_common.h"

#include <stdlib.h>

#include "gateway/base/crypto.h"

void sms_base64(const void *p, size_t n, struct buf *b) {
    char *text = xcalloc(1, 4 * ((n + 2) / 3) + 1);
    crypto_b64url(p, n, text);
    for (char *c = text; *c; c++)
        *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
    buf_addf(b, "%s%s", text, &"=="[2 - (3 - n % 3) % 3]);
    free(text);
}

char *sms_basic(const char *user, const char *password) {
    struct buf plain = {0}, out = {0};
    buf_addf(&plain, "%s:%s", user, password);
    buf_adds(&out, "Authorization: Basic ");
    sms_base64(plain.p, plain.n, &out);
    buf_free(&plain);
    return buf_take(&out, NULL);
}

void sms_percent(struct buf *b, struct span value) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] && strchr(plain, value.p[i]))
            buf_add(b, value.p + i, 1);
        else
            buf_addf(b, "%%%02X", (unsigned)(unsigned char)value.p[i]);
}

struct draht_span sms_stop_key(const struct draht_host *h, void *host, struct arena *a,
                               struct span address) {
    uint8_t mac[32];
    char hex[65];
    h->mac(host, kit_out(address), mac);
    crypto_hex(mac, sizeof mac, hex);
    return kit_str(arena_printf(a, "stop:%s", hex));
}
