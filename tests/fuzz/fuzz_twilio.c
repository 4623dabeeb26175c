/* SPDX-License-Identifier: EUPL-1.2 */
/* Posted forms and JSON of Twilio: the signature over them, and what normalize makes of them; tokens and
 * names of files. */
#include <stdint.h>
#include <stdlib.h>

#include "channels/sms_http/twilio_form.h"
#include "channels/sms_http/twilio_media.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void mac(void *host, struct draht_span text, uint8_t out[32]) {
    (void)host, (void)text;
    memset(out, 7, 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct twilio_token t;
    char token[TWILIO_TOKEN_BYTES];
    char err[256], *out = NULL;
    struct span body = {(const char *)data, n};
    struct arena *a = arena_new();
    struct form f;
    if (twilio_fields(a, SPAN("application/x-www-form-urlencoded"), body, &f) == 0 &&
        twilio_is_signed(SPAN("token-of-the-city"), SPAN("https://city.example:443/message"), &f,
                         SPAN("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")))
        abort();
    if (twilio_token_read(mac, NULL, body, &t)) {
        twilio_token_write(mac, NULL, &t, token);
        if (!span_eq(body, token))
            abort();
    }
    if (strlen(twilio_file_name(a, body, "application/pdf")) > TWILIO_FILE_NAME_MAX)
        abort();
    arena_free(&a);
    if (twilio_normalize((const char *)data, n, &out, err) == 0)
        free(out);
    return 0;
}
