/* SPDX-License-Identifier: EUPL-1.2 */
/* Posted forms and JSON of Twilio: the signature over them, and what normalize makes of them. */
#include <stdint.h>
#include <stdlib.h>

#include "channels/sms_http/twilio_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char err[256], *out = NULL;
    struct span body = {(const char *)data, n};
    struct arena *a = arena_new();
    struct form f;
    if (twilio_fields(a, SPAN("application/x-www-form-urlencoded"), body, &f) == 0 &&
        twilio_is_signed(SPAN("token-of-the-city"), SPAN("https://city.example:443/message"), &f,
                         SPAN("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")))
        abort();
    arena_free(&a);
    if (twilio_normalize((const char *)data, n, &out, err) == 0)
        free(out);
    return 0;
}
