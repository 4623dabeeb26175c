/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_auth: whatever the settings ask of the provider must all be there: network, word, password,
 * signature. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/kit/sha1.h"
#include "channels/sms_http/sms_http_private.h"
#include "gateway/base/crypto.h"

struct network {
    uint8_t address[16];
    int bits;
};

/* IPv4 is what RFC 4291 maps it to, so that both notations are one. */
static bool address(const char *s, uint8_t out[16]) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(out, mapped, sizeof mapped);
    return inet_pton(AF_INET, s, out + 12) == 1 || inet_pton(AF_INET6, s, out) == 1;
}

static bool network(const char *s, struct network *out) {
    char text[64];
    unsigned long long bits = 0;
    const char *slash = strchr(s, '/');
    size_t n = slash ? (size_t)(slash - s) : strlen(s);
    if (n >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", (int)n, s);
    bool is_v4 = strchr(text, ':') == NULL;
    if (!address(text, out->address))
        return false;
    if (slash && span_u64(span_str(slash + 1), is_v4 ? 32 : 128, &bits) < 0)
        return false;
    out->bits = slash ? (int)bits + (is_v4 ? 96 : 0) : 128;
    return true;
}

bool sms_networks_are_valid(const json_t *list) {
    size_t i;
    json_t *v;
    struct network n;
    json_array_foreach(list, i, v) if (!json_is_string(v) ||
                                       !network(json_string_value(v), &n)) return false;
    return true;
}

static bool is_inside(const struct network *n, const uint8_t a[16]) {
    int whole = n->bits / 8, rest = n->bits % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);
    return memcmp(n->address, a, (size_t)whole) == 0 &&
           (rest == 0 || ((n->address[whole] ^ a[whole]) & mask) == 0);
}

bool sms_network_has(const json_t *list, struct span peer) {
    char text[64];
    uint8_t a[16];
    size_t i;
    json_t *v;
    struct network n;
    if (peer.n >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", (int)peer.n, peer.p ? peer.p : "");
    if (!address(text, a))
        return false;
    json_array_foreach(list, i,
                       v) if (network(json_string_value(v), &n) && is_inside(&n, a)) return true;
    return false;
}

/* Neither content nor length of the secret shows in the time. */
static bool is_same(struct span given, struct span want) {
    char a[65], b[65];
    crypto_sha256_hex(given, a);
    crypto_sha256_hex(want, b);
    return crypto_equal(a, b, 64);
}

static bool has_word(struct sms_http *w, struct draht_http *x) {
    const char *at = json_str(w->b.o, "in_secret_at", "path");
    struct span want = span_str(json_str(w->b.o, "in_secret", "")), given;
    char name[81];
    const char *colon = strchr(at, ':');
    snprintf(name, sizeof name, "%s", colon ? colon + 1 : "");
    if (strncmp(at, "query:", 6) == 0) {
        given = kit_in(w->b.h->http_query(x, name));
    } else if (colon) {
        for (char *p = name; *p; p++)
            *p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
        given = kit_in(w->b.h->http_header(x, name));
    } else {
        given = kit_in(w->b.h->http_rest(x));
    }
    return is_same(given, want);
}

static bool has_password(struct sms_http *w, struct draht_http *x) {
    char *want = sms_basic(json_str(w->b.o, "in_user", ""), json_str(w->b.o, "in_password", ""));
    bool ok = is_same(kit_in(w->b.h->http_header(x, "authorization")),
                      span_str(want + strlen("Authorization: ")));
    free(want);
    return ok;
}

/* Hexadecimal in small letters: some providers write large ones. */
static struct span lower(struct arena *a, struct span s) {
    char *p = arena_strndup(a, s.p ? s.p : "", s.n);
    for (size_t i = 0; i < s.n; i++)
        p[i] = p[i] >= 'A' && p[i] <= 'F' ? (char)(p[i] | 0x20) : p[i];
    return (struct span){p, s.n};
}

static void sign(struct sms_http *w, struct span body, struct buf *want) {
    struct span key = span_str(json_str(w->b.o, "hmac_secret", ""));
    bool is_sha1 = strcmp(json_str(w->b.o, "hmac", ""), "sha1") == 0;
    size_t n = is_sha1 ? KIT_SHA1_BYTES : 32;
    uint8_t mac[32];
    char hex[65];
    if (is_sha1)
        kit_hmac_sha1(key, body, mac);
    else
        crypto_hmac_sha256(key, body, mac);
    crypto_hex(mac, n, hex);
    if (strcmp(json_str(w->b.o, "hmac_encoding", "hex"), "hex") == 0)
        buf_adds(want, hex);
    else
        sms_base64(mac, n, want);
}

/* A signature without a body would fit every such request. */
static bool is_signed(struct sms_http *w, struct draht_http *x) {
    struct arena *a = arena_new();
    struct buf want = {0};
    char name[61];
    const char *prefix = json_str(w->b.o, "hmac_prefix", "");
    struct span body = kit_in(w->b.h->http_body(x));
    snprintf(name, sizeof name, "%s", json_str(w->b.o, "hmac_header", "X-Signature"));
    for (char *p = name; *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
    struct span given = kit_in(w->b.h->http_header(x, name));
    size_t n = strlen(prefix);
    bool ok = body.n && given.n > n && memcmp(given.p, prefix, n) == 0;
    if (ok) {
        given = (struct span){given.p + n, given.n - n};
        sign(w, body, &want);
        bool is_hex = strcmp(json_str(w->b.o, "hmac_encoding", "hex"), "hex") == 0;
        ok = is_same(is_hex ? lower(a, given) : given, buf_span(&want));
    }
    buf_free(&want);
    arena_free(&a);
    return ok;
}

const char *sms_stranger(struct sms_http *w, struct draht_http *x) {
    const json_t *allow = json_object_get(w->b.o, "allow");
    if (json_array_size(allow) && !sms_network_has(allow, kit_in(w->b.h->http_peer(x))))
        return "an address that is not allowed";
    if (*json_str(w->b.o, "in_secret", "") && !has_word(w, x))
        return "the secret is missing or wrong";
    if (*json_str(w->b.o, "in_password", "") && !has_password(w, x))
        return "name or password is missing or wrong";
    if (*json_str(w->b.o, "hmac_secret", "") && !is_signed(w, x))
        return "the signature is missing or wrong";
    return NULL;
}
