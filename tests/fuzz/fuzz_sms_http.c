/* SPDX-License-Identifier: EUPL-1.2 */
/* The generic channel for text messages: bodies of providers by several names and alphabets, their answers by pointers and patterns
 * (the first line of the input is the pattern), and what normalize makes of them. */
#include <stdint.h>
#include <stdlib.h>

#include "channels/sms_http/sms_fields.h"
#include "channels/sms_http/sms_pick.h"
#include "gateway/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const settings[] = {
    "{}", "{\"charset\":\"gsm\",\"in\":{\"text\":\"/a/text\",\"list\":\"/list\"}}",
    "{\"charset\":\"utf-16be\",\"states\":{\"1\":\"delivered\"}}", "{\"charset\":\"latin-1\"}"};

static void read_all(struct arena *a, const json_t *o, struct span body, struct span type) {
    struct form form;
    struct sms_source items[SMS_LIST_MAX] = {{&form, NULL}};
    json_t *json = NULL;
    if (sms_read_body(a, type, body, &form, &json) == 0) {
        int count = json ? sms_items(o, "in", json, items) : 1;
        for (int i = 0; i < count; i++) {
            struct sms_message m;
            struct sms_state r;
            sms_read_message(a, o, &items[i], &m);
            sms_read_state(a, o, &items[i], &r);
            if (!utf8_is_valid(m.text) || m.text.n > SMS_TEXT_BYTES_MAX || m.id.n > SMS_ID_BYTES_MAX)
                abort();
        }
    }
    json_decref(json);
}

static void pick(struct arena *a, struct span input) {
    struct span rest = input, line = span_cut(&rest, '\n');
    const char *pattern = arena_strndup(a, line.p ? line.p : "", line.n);
    json_t *json = json_parse(rest, SMS_BODY_BYTES_MAX, NULL);
    struct sms_answer x = {200, rest, json};
    if (sms_pick_is_valid(pattern)) {
        struct span s = sms_pick(a, pattern, &x);
        if (s.n > input.n + 32)
            abort();
    }
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char err[256], *out = NULL;
    struct span body = {(const char *)data, n};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        struct arena *a = arena_new();
        json_t *o = json_parse(span_str(settings[i]), 4096, NULL);
        read_all(a, o, body, SPAN("application/x-www-form-urlencoded"));
        read_all(a, o, body, SPAN("application/json"));
        sms_time(body);
        pick(a, body);
        json_decref(o);
        arena_free(&a);
    }
    if (sms_http_normalize((const char *)data, n, &out, err) == 0)
        free(out);
    return 0;
}
