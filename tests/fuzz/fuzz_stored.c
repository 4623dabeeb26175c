/* SPDX-License-Identifier: EUPL-1.2 */
/* Bytes as the store might hand them back: sealed records after their seal, faces, rows of deliveries, ids. The first
 * byte chooses. What opens becomes the JSON of a message. */
#include <stdlib.h>

#include "router/inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct router R;

static void as_record(struct span s) {
    struct contact c = {.id = "contact-90123456"};
    uint8_t wrapped[CRYPTO_WRAPPED_BYTES];
    struct buf sealed = {0};
    crypto_new_data_key(R.crypto, c.key, wrapped);
    envelope_seal(&c, s, &sealed);
    struct span key = {(const char *)wrapped, sizeof wrapped};
    json_t *record = envelope_open(&R, buf_span(&sealed), key);
    json_t *shown = view_message(&R, "2026-000001", 1, record, NULL, SPAN_NONE);
    struct arena *a = arena_new();
    size_t files = 0;
    attachments_from(a, json_object_get(record, "attachments"), &files);
    arena_free(&a);
    json_decref(shown);
    json_decref(record);
    json_decref(envelope_open(&R, s, key));
    buf_free(&sealed);
}

static void as_row(struct span s) {
    struct delivery d;
    struct span face, preview;
    if (delivery_parse(s, &d)) json_decref(delivery_json(&R, &d, SPAN_NONE));
    face_split(s, &face, &preview);
    if (face.n + preview.n > s.n) abort();
}

static void as_words(struct span s) {
    char ticket[24], number[16], *id = xstrndup(s.p, s.n);
    struct args *a = args_new(&R);
    if (message_id_split(id, ticket, number) && !*number) abort();
    args_words(&R, a, s, 6);
    if (a->n > 6) abort();
    args_free(&a);
    free(id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const uint8_t key[CRYPTO_KEY_BYTES] = {1};
    if (!R.crypto) {
        if (crypto_init()) abort();
        R.crypto = crypto_from_key(key);
    }
    if (!n) return 0;
    struct span s = {(const char *)data + 1, n - 1};
    if (data[0] == 'd') as_row(s);
    else if (data[0] == 'w') as_words(s);
    else as_record(s);
    return 0;
}
