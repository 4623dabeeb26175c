/* SPDX-License-Identifier: EUPL-1.2 */
/* egress: which addresses may be called from here. Pure; private to gateway/net. */
#ifndef DRAHT_NET_EGRESS_H
#define DRAHT_NET_EGRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* False for loopback, private, link-local, shared, multicast, documentation and reserved networks,
 * also when they hide in an IPv6 address (mapped, NAT64, 6to4). Unknown families: false. */
bool egress_is_public(const struct sockaddr *a);

#endif
