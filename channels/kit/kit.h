/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * kit: small tools that channels share: spans of both worlds, JSON written straight into a buffer,
 * percent-decoding, file names, media types, origins, rate buckets. No I/O, no state of its own.
 */
#ifndef DRAHT_CHANNELS_KIT_KIT_H
#define DRAHT_CHANNELS_KIT_KIT_H

#include <stdint.h>

#include "channels/abi/draht_channel.h"
#include "gateway/base/arena.h"
#include "gateway/base/buf.h"
#include "gateway/base/span.h"

#define KIT_NAME_BYTES_MAX 120

static inline struct span kit_in(struct draht_span s) {
    return (struct span){s.p, s.p ? s.n : 0};
}
static inline struct draht_span kit_out(struct span s) {
    return (struct draht_span){s.p, s.n};
}
static inline struct draht_span kit_str(const char *s) {
    return kit_out(span_str(s));
}

/* Tells staff that files of any kind may have that many bytes. */
static inline void kit_files_up_to(const struct draht_host *h, void *host, uint64_t bytes_max) {
    const struct draht_file_kind any = {{"*", 1}, bytes_max};
    const struct draht_files files = {.size = sizeof files, .kinds = &any, .kinds_n = 1};
    h->files(host, &files);
}

/* Appends "s" with quotes, escaped for JSON; s must be valid UTF-8. */
void kit_json(struct buf *b, struct span s);
/* The same for HTML text and attribute values. */
void kit_html(struct buf *b, struct span s);
/* On a line of its own behind what b holds, without blanks around; nothing when s is empty. */
void kit_line(struct buf *b, struct span s);
/* A place as two lines, the second a link to a map; nothing when it is no place on earth. */
void kit_place(struct buf *b, double latitude, double longitude);
/* %41 and, with plus, '+' for a blank. Returned span lives in the arena; bad sequences stay as they
 * are. */
struct span kit_percent(struct arena *a, struct span s, bool plus);
/* A safe base name: no folders, controls, quotes or leading dots, valid UTF-8, at most
 * KIT_NAME_BYTES_MAX bytes; "datei" when nothing is left. In the arena. */
struct span kit_name(struct arena *a, struct span s);
/* Media type by content, never by claim. Text that a browser might run is "text/html" or
 * "image/svg+xml"; unknown is "application/octet-stream". Borrowed forever. */
const char *kit_sniff(struct span bytes);
/* The type to serve a download under: type (borrowed), or application/octet-stream for what a
 * browser would run (HTML, SVG, XML, scripts). */
const char *kit_download_type(const char *type);
/* Whether the pattern list (blanks or commas between "image/png", "image/" + star) names the type.
 */
bool kit_type_listed(const char *list, const char *type);

/* Whether origin is exactly one of the list (scheme, host, port; a host that begins with "*." names
 * all hosts below, not the city itself). "null" and the empty origin never match. */
bool kit_origin_listed(struct span list, struct span origin);
/* The same origin; on a loopback address localhost, 127.0.0.1 and [::1] are one. */
bool kit_origin_same(struct span url, struct span origin);
/* Whether s is scheme://host[:port] without anything behind. */
bool kit_origin_is_valid(struct span s);
/* Whether s is where a ClamAV daemon may listen: "unix:/path" or "host:port". */
bool kit_clamd_is_valid(const char *s);

/* Token bucket: size at once, one more every interval_ms. Zeroed: full. */
struct kit_bucket {
    int64_t full_ms; /* when it will be full again */
};
/* 0: taken. Positive: how many milliseconds to wait. */
int64_t kit_bucket_take(struct kit_bucket *b, int64_t now_ms, int size, int interval_ms);

/* A provider's limit that counts for a whole channel. Zeroed: there is none. */
struct kit_pause {
    int64_t until_ms;
};
/* At most an hour: whoever says more is asked again. */
void kit_pause_set(struct kit_pause *p, int64_t now_ms, uint64_t wait_ms);
/* Milliseconds to wait, 0: none. */
uint64_t kit_pause_left(const struct kit_pause *p, int64_t now_ms);

/* What somebody was told last, so that the same is not said again at every key that is pressed.
 * Zeroed: nothing yet. */
struct kit_told {
    uint64_t hash;
    int64_t at_ms;
};
/* True: the same (what and is_on) was told less than every_ms ago. Else it is remembered as told
 * now. */
bool kit_told(struct kit_told *t, struct span what, bool is_on, int64_t now_ms, int64_t every_ms);

/* How many things a peer has (open sockets), and buckets per peer; bounded, never per person. */
struct kit_peers;
struct kit_peers *kit_peers_new(size_t slots, uint64_t seed); /* returned */
void kit_peers_free(struct kit_peers **p);
/* The count after the change; delta -1, 0 or 1. 0 for a peer that found no slot. */
int kit_peers_add(struct kit_peers *p, struct span peer, int delta);
int64_t kit_peers_take(struct kit_peers *p, struct span peer, int64_t now_ms, int size,
                       int interval_ms);

#endif
