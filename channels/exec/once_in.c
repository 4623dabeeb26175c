/* SPDX-License-Identifier: EUPL-1.2 */
/* once_in: what scripts hand in over HTTP: a message or a receipt as JSON, behind a shared secret,
 * answered when it is on disk. */
#include <stdlib.h>

#include "channels/exec/exec_private.h"

static void respond(struct exec *x, struct draht_http *http, int status, json_t *o) {
    char *text = json_text(o);
    if (status == 503)
        x->h->http_set_header(http, "Retry-After", "5");
    x->h->http_respond(http, status, "application/json", kit_str(text));
    free(text);
    json_decref(o);
}

void once_reply(struct ask *k, json_t *result, enum wire_code code, const char *message) {
    struct draht_http *http = k->reply;
    k->reply = NULL;
    if (!message) {
        respond(k->x, http, 200, result ? result : json_object());
        return;
    }
    json_decref(result);
    respond(k->x, http,
            code == WIRE_BAD_PARAMS ? 400
            : code == WIRE_NEVER    ? 422
                                    : 503,
            json_pack("{s:s}", "error", message));
}

/* In constant time, whatever was given. */
static bool is_authorized(const struct exec *x, struct draht_http *http) {
    struct draht_span given = x->h->http_header(http, "authorization");
    struct buf want = {0};
    uint8_t a[32], b[32];
    buf_addf(&want, "Bearer %s", json_str(x->options, "secret", ""));
    x->h->mac(x->host, given, a);
    x->h->mac(x->host, kit_out(buf_span(&want)), b);
    buf_free(&want);
    unsigned differ = 0;
    for (size_t i = 0; i < sizeof a; i++)
        differ |= (unsigned)(a[i] ^ b[i]);
    return differ == 0;
}

static void take(struct exec *x, struct draht_http *http, call_fn fn) {
    json_t *params = NULL;
    if (!is_authorized(x, http)) {
        respond(x, http, 401, json_pack("{s:s}", "error", "The secret is wrong."));
        return;
    }
    params = json_parse(kit_in(x->h->http_body(http)), WIRE_LINE_BYTES_MAX, NULL);
    if (!json_is_object(params)) {
        json_decref(params);
        respond(x, http, 400, json_pack("{s:s}", "error", "The body is not a JSON object."));
        return;
    }
    struct ask *k = xcalloc(1, sizeof *k);
    *k = (struct ask){.x = x, .params = params, .reply = http, .next = x->asks, .prev = &x->asks};
    if (k->next)
        k->next->prev = &k->next;
    x->asks = k;
    fn(k, params);
}

static void on_inbound(void *channel, struct draht_http *http) {
    take(channel, http, call_inbound);
}

static void on_receipt(void *channel, struct draht_http *http) {
    take(channel, http, call_receipt);
}

int once_routes(struct exec *x) {
    int rc = x->h->route(x->host, "POST", "/in", WIRE_LINE_BYTES_MAX, on_inbound);
    return rc < 0 ? rc : x->h->route(x->host, "POST", "/receipt", 65536, on_receipt);
}
