/* SPDX-License-Identifier: EUPL-1.2 */
/* egress: the tables follow the IANA special-purpose registries. */
#include "gateway/net/egress.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

static bool is_public_v4(uint32_t a) {
    static const struct {
        uint32_t net;
        int bits;
    } closed[] = {{0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},
                  {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24},
                  {0xc0586300, 24}, {0xc0a80000, 16}, {0xc6120000, 15}, {0xc6336400, 24},
                  {0xcb007100, 24}, {0xe0000000, 4},  {0xf0000000, 4}};
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++)
        if (((a ^ closed[i].net) >> (32 - closed[i].bits)) == 0)
            return false;
    return true;
}

static uint32_t v4_at(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_public_v6(const uint8_t *p) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    if (memcmp(p, mapped, 12) == 0 || memcmp(p, nat64, 12) == 0)
        return is_public_v4(v4_at(p + 12));
    if (p[0] == 0x20 && p[1] == 0x02)
        return is_public_v4(v4_at(p + 2)); /* 6to4 */
    if ((p[0] & 0xe0) != 0x20)
        return false; /* only 2000::/3 is global unicast */
    if (p[0] == 0x20 && p[1] == 0x01 && (p[2] & 0xfe) == 0)
        return false; /* 2001::/23, Teredo too */
    return !(p[0] == 0x20 && p[1] == 0x01 && p[2] == 0x0d && p[3] == 0xb8);
}

bool egress_is_public(const struct sockaddr *a) {
    if (a->sa_family == AF_INET)
        return is_public_v4(ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr));
    if (a->sa_family == AF_INET6)
        return is_public_v6(((const struct sockaddr_in6 *)(const void *)a)->sin6_addr.s6_addr);
    return false;
}
