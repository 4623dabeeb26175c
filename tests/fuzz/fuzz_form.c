/* SPDX-License-Identifier: EUPL-1.2 */
/* Bodies of forms in both encodings; the first byte chooses. Also names, media types and origins. */
#include <stdint.h>
#include <stdlib.h>

#include "channels/kit/form.h"
#include "channels/kit/kit.h"
#include "gateway/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char *const types[] = {"application/x-www-form-urlencoded", "multipart/form-data; boundary=b",
                                        "multipart/form-data; boundary=\"x\\\"y\"", "multipart/form-data"};
    if (n == 0)
        return 0;
    struct arena *a = arena_new();
    struct span body = {(const char *)data + 1, n - 1};
    struct form f;
    if (form_parse(a, span_str(types[data[0] % 4]), body, &f) == 0)
        for (size_t i = 0; i < f.fields_n; i++)
            utf8_clean(a, f.fields[i].value, 4096, NULL);
    struct span name = kit_name(a, body);
    if (name.n == 0 || name.n > KIT_NAME_BYTES_MAX || memchr(name.p, '/', name.n) || !utf8_is_valid(name))
        abort();
    kit_sniff(body);
    kit_origin_listed(SPAN("https://*.city.example http://localhost:80"), body);
    kit_origin_listed(body, SPAN("https://city.example"));
    arena_free(&a);
    return 0;
}
