/* SPDX-License-Identifier: EUPL-1.2 */
/* twilio_media: what files Twilio takes, and the addresses it fetches them from: signed, and only
 * for a time. Pure. */
#ifndef DRAHT_SMS_HTTP_TWILIO_MEDIA_H
#define DRAHT_SMS_HTTP_TWILIO_MEDIA_H

#include "channels/kit/files.h"

/* Twilio's page on accepted content types: 5 MB a message with everything in it; its help page on
 * carriers: pictures are made to fit, of other files 0.6 MB arrive everywhere. */
#define TWILIO_FILES_MAX 10
#define TWILIO_FILES_BYTES_MAX 5000000u
#define TWILIO_OTHER_BYTES_MAX 600000u
#define TWILIO_PICTURES "image/jpeg image/png image/gif"
#define TWILIO_OTHERS "image/heic application/pdf audio/mpeg audio/ogg video/mp4"

#define TWILIO_HANDLE_BYTES 33
#define TWILIO_TOKEN_BYTES 128 /* room for a whole token */
#define TWILIO_FILE_NAME_MAX 20

/* Which file of which message, and until when: "<handle>.<file>.<expires>.<signature>". */
struct twilio_token {
    char handle[TWILIO_HANDLE_BYTES]; /* 32 hexadecimal digits that stand for a message */
    unsigned file;                    /* from 0 */
    int64_t expires_ms;
};
/* Makes 32 bytes of a text with a secret of this channel. */
typedef void (*twilio_mac_fn)(void *host, struct draht_span text, uint8_t out[32]);

extern const struct draht_files twilio_files;
extern const struct kit_files_words twilio_files_words;
/* The handle of a message: the same in every attempt; tells nothing of its number. */
void twilio_handle(twilio_mac_fn mac, void *host, struct span message,
                   char out[TWILIO_HANDLE_BYTES]);
/* Signs and writes it down. */
void twilio_token_write(twilio_mac_fn mac, void *host, const struct twilio_token *t,
                        char out[TWILIO_TOKEN_BYTES]);
/* True: written like that by this channel. The signature is compared in constant time; whether the
 * time is over is not looked at. */
bool twilio_token_read(twilio_mac_fn mac, void *host, struct span s, struct twilio_token *out);
/* Twilio shows at most 20 plain characters: what is left of the name, ending as its type does. In
 * the arena. */
const char *twilio_file_name(struct arena *a, struct span name, const char *type);

#endif
