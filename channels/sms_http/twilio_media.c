/* SPDX-License-Identifier: EUPL-1.2 */
/* twilio_media: limits of files, and tokens. A token has one notation only, so that a changed one
 * is never another way to write the same. */
#include "channels/sms_http/twilio_media.h"

#include <stdio.h>

#include "gateway/base/crypto.h"

#define SIGNATURE_CHARS 43
#define DIGITS_MAX 14

static const struct draht_file_kind kinds[] = {
    {{TWILIO_PICTURES, sizeof TWILIO_PICTURES - 1}, TWILIO_FILES_BYTES_MAX},
    {{TWILIO_OTHERS, sizeof TWILIO_OTHERS - 1}, TWILIO_OTHER_BYTES_MAX}};

const struct draht_files twilio_files = {.size = sizeof twilio_files,
                                         .count_max = TWILIO_FILES_MAX,
                                         .total_max = TWILIO_FILES_BYTES_MAX,
                                         .kinds = kinds,
                                         .kinds_n = sizeof kinds / sizeof *kinds};

const struct kit_files_words twilio_files_words = {
    .count = "A text message carries at most {max} files.",
    .kind = "{name} cannot be sent as a text message: pictures (JPEG, PNG, GIF, HEIC), PDF, MP3, "
            "OGG and MP4 can.",
    .size = "{name} is too large for a text message: at most {max} unless it is a JPEG, PNG or "
            "GIF.",
    .total = "The files are too large for a text message: at most {max}.",
    .by_content = true};

void twilio_handle(twilio_mac_fn mac, void *host, struct span message,
                   char out[TWILIO_HANDLE_BYTES]) {
    struct buf b = {0};
    uint8_t sum[32];
    buf_addf(&b, "twilio media of message: %.*s", (int)message.n, message.p);
    mac(host, kit_out(buf_span(&b)), sum);
    buf_free(&b);
    crypto_hex(sum, (TWILIO_HANDLE_BYTES - 1) / 2, out);
}

static void sign(twilio_mac_fn mac, void *host, const struct twilio_token *t, char head[],
                 uint8_t out[32]) {
    char text[TWILIO_TOKEN_BYTES + 32];
    snprintf(head, TWILIO_TOKEN_BYTES, "%s.%u.%lld", t->handle, t->file, (long long)t->expires_ms);
    snprintf(text, sizeof text, "twilio media token: %s", head);
    mac(host, kit_str(text), out);
}

void twilio_token_write(twilio_mac_fn mac, void *host, const struct twilio_token *t,
                        char out[TWILIO_TOKEN_BYTES]) {
    char signature[SIGNATURE_CHARS + 1];
    uint8_t sum[32];
    sign(mac, host, t, out, sum);
    crypto_b64url(sum, sizeof sum, signature);
    size_t n = strlen(out);
    snprintf(out + n, TWILIO_TOKEN_BYTES - n, ".%s", signature);
}

static bool is_all(struct span s, const char *of) {
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr(of, s.p[i]))
            return false;
    return s.n > 0;
}

/* Decimal without leading zeros. */
static bool number(struct span s, unsigned long long max, unsigned long long *out) {
    return is_all(s, "0123456789") && s.n <= DIGITS_MAX && (s.n == 1 || s.p[0] != '0') &&
           span_u64(s, max, out) == 0;
}

bool twilio_token_read(twilio_mac_fn mac, void *host, struct span s, struct twilio_token *out) {
    unsigned long long file, expires;
    char want[TWILIO_TOKEN_BYTES];
    if (!s.n || s.n >= TWILIO_TOKEN_BYTES)
        return false;
    struct span rest = s, handle = span_cut(&rest, '.'), which = span_cut(&rest, '.'),
                until = span_cut(&rest, '.');
    if (handle.n != TWILIO_HANDLE_BYTES - 1 || !is_all(handle, "0123456789abcdef") ||
        !number(which, TWILIO_FILES_MAX - 1, &file) || !number(until, INT64_MAX, &expires))
        return false;
    struct twilio_token t = {.file = (unsigned)file, .expires_ms = (int64_t)expires};
    memcpy(t.handle, handle.p, handle.n);
    twilio_token_write(mac, host, &t, want);
    if (strlen(want) != s.n || !crypto_equal(want, s.p, s.n))
        return false;
    *out = t;
    return true;
}

const char *twilio_file_name(struct arena *a, struct span name, const char *type) {
    static const struct {
        const char *type, *end;
    } rows[] = {{"image/jpeg", ".jpg"},      {"image/png", ".png"},  {"image/gif", ".gif"},
                {"image/heic", ".heic"},     {"audio/mpeg", ".mp3"}, {"audio/ogg", ".ogg"},
                {"application/pdf", ".pdf"}, {"video/mp4", ".mp4"}};
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *end = "", *dot = name.n ? memrchr(name.p, '.', name.n) : NULL;
    char stem[TWILIO_FILE_NAME_MAX + 1];
    size_t n = 0, upto = dot ? (size_t)(dot - name.p) : name.n;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].type, type) == 0)
            end = rows[i].end;
    for (size_t i = 0; i < upto && n + strlen(end) < TWILIO_FILE_NAME_MAX; i++)
        if (name.p[i] && strchr(plain, name.p[i]))
            stem[n++] = name.p[i];
    stem[n] = 0;
    return arena_printf(a, "%s%s", n ? stem : "datei", end);
}
