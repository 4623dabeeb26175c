/* SPDX-License-Identifier: EUPL-1.2 */
/* Reports as strangers post them, read by the server on a host in memory: the first line is the
 * address, the rest the body. */
#include "channels/open311/open311.h"
#include "tests/channels/fake_host.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char err[256], *out = NULL, *body = xstrndup((const char *)data, n), *path = body;
    const char *options = "{\"api_keys\":[\"geheim-0123456789abcdef\"],\"publish\":[\"location\","
                          "\"description\"],\"services\":"
                          "[{\"code\":\"1\",\"name\":\"x\",\"attributes\":[{\"code\":\"A\","
                          "\"description\":\"a\",\"datatype\":"
                          "\"multivaluelist\",\"values\":[{\"key\":\"k\",\"name\":\"n\"}]},{"
                          "\"code\":\"D\",\"description\":\"d\","
                          "\"datatype\":\"datetime\"}]}]}";
    if (fake_begin(&open311_ops, options, err) < 0)
        abort();
    char *line = strchr(body, '\n');
    if (line)
        *line++ = 0;
    struct draht_http post = {.method = "POST",
                              .path = "/requests.xml",
                              .body = line ? line : "",
                              .names = {"content-type"},
                              .values = {"application/x-www-form-urlencoded"}};
    struct draht_http get = {.method = "GET",
                             .path = path[0] == '/' ? path : "/requests.xml",
                             .names = {"?start_date", "?status"},
                             .values = {line ? line : "", path}};
    fake_request(&post);
    fake_request(&get);
    if (post.status == 0 || get.status == 0)
        abort();
    fake_request_free(&post);
    fake_request_free(&get);
    if (open311_ops.normalize((const char *)data, n, &out, err) == 0)
        free(out);
    free(body);
    fake_end();
    return 0;
}
