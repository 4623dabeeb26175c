/* SPDX-License-Identifier: EUPL-1.2 */
/* Any bytes as a mail: reading, normalizing and the intake of it. */
#include <stdint.h>
#include <stdlib.h>

#include "channels/email/mail_intake.h"
#include "channels/email/mail_normalize.h"
#include "channels/email/mime_in.h"
#include "gateway/base/crypto.h"
#include "gateway/base/utf8.h"

static void mac_fn(void *arg, struct span text, uint8_t out[32]) {
    (void)arg;
    crypto_hmac_sha256(SPAN("key"), text, out);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    mime_in_init();
    return crypto_init();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    static const struct mail_mac mac = {mac_fn, NULL};
    struct span raw = {(const char *)p, n};
    struct mail *m = mime_in_parse(raw);
    if (!utf8_is_valid(m->text) || !utf8_is_valid(m->subject) || !utf8_is_valid(m->html)) abort();
    struct mail_intake in;
    mail_intake_make(&in, m, &mac, raw, "a@b.test", SPAN("amt@stadt.test"));
    struct mail_receipt r;
    for (size_t i = 0; i < mail_receipt_rows(m); i++)
        mail_receipt_make(&r, m, &mac, SPAN("amt@stadt.test"), i);
    mime_in_free(&m);
    char *line = NULL, err[256];
    if (mail_normalize(raw.p, raw.n, &line, err) == 0) free(line);
    return 0;
}
