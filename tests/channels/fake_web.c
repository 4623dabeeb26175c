/* SPDX-License-Identifier: EUPL-1.2 */
/* fake_web: routes and sockets of the host in memory, and the requests and windows that a test
 * plays. Included by fake_host.c. */
static struct draht_span f_method(struct draht_http *x) {
    return fake_span(x->method);
}
static int f_route(void *host, const char *methods, const char *path, size_t max, draht_http_route_fn fn) {
    (void)host, (void)max;
    fake.routes[fake.routes_n].methods = methods;
    fake.routes[fake.routes_n].path = path;
    fake.routes[fake.routes_n++].fn = fn;
    return 0;
}
static int f_socket_route(void *host, const char *path, const char *protocol, const struct draht_socket_ops *ops) {
    (void)host, (void)path, (void)protocol;
    fake.socket_ops = ops;
    return 0;
}
static struct draht_span f_rest(struct draht_http *x) {
    return fake_span(x->rest);
}
static struct draht_span f_lookup(struct draht_http *x, const char *name, bool query) {
    for (int i = 0; i < 8 && x->names[i]; i++)
        if ((x->names[i][0] == '?') == query && strcmp(x->names[i] + (query ? 1 : 0), name) == 0)
            return fake_span(x->values[i]);
    return (struct draht_span){0};
}
static struct draht_span f_query(struct draht_http *x, const char *name) {
    return f_lookup(x, name, true);
}
static struct draht_span f_header(struct draht_http *x, const char *name) {
    return f_lookup(x, name, false);
}
static struct draht_span f_body(struct draht_http *x) {
    return (struct draht_span){x->body, x->body_n ? x->body_n : x->body ? strlen(x->body) : 0};
}
static struct draht_span f_peer(struct draht_http *x) {
    return fake_span(x->peer ? x->peer : "192.0.2.1");
}
static void f_set_header(struct draht_http *x, const char *name, const char *value) {
    buf_addf(&x->headers, "%s: %s\n", name, value);
}
static void f_respond(struct draht_http *x, int status, const char *type, struct draht_span body) {
    x->status = status;
    snprintf(x->type, sizeof x->type, "%s", type ? type : "");
    buf_add(&x->out, body.p, body.n);
    buf_add(&x->out, "", 0);
}
static int f_socket_send(struct draht_socket *s, struct draht_span text) {
    if (s->close_code)
        return -1;
    s->frames[s->frames_n++ % FAKE_MAX] = fake_dup(text);
    return 0;
}
static void f_socket_close(struct draht_socket *s, int code, const char *reason) {
    (void)reason;
    if (!s->close_code)
        s->close_code = code;
}
static struct draht_span f_socket_peer(struct draht_socket *s) {
    (void)s;
    return fake_span("192.0.2.1");
}

/* ---- sockets and requests of a test ---- */

__attribute__((unused)) static struct draht_socket *fake_connect(const char *origin, int *refused) {
    struct draht_span o = {origin, origin ? strlen(origin) : 0};
    int rc = fake.socket_ops->handshake(fake.channel, o, fake_span("192.0.2.1"));
    if (refused)
        *refused = rc;
    if (rc)
        return NULL;
    struct draht_socket *s = xcalloc(1, sizeof *s);
    s->is_open = true;
    s->user = fake.socket_ops->open(fake.channel, s);
    return s;
}
__attribute__((unused)) static void fake_say(struct draht_socket *s, const char *text) {
    fake.socket_ops->text(s->user, fake_span(text));
    fake_run();
}
__attribute__((unused)) static void fake_hang_up(struct draht_socket *s) {
    if (s->is_open)
        fake.socket_ops->close(s->user);
    for (size_t i = 0; i < s->frames_n && i < FAKE_MAX; i++)
        free(s->frames[i]);
    free(s);
}
/* The latest frame of that type, or NULL. */
__attribute__((unused)) static const char *fake_heard(const struct draht_socket *s, const char *type) {
    char lead[64];
    snprintf(lead, sizeof lead, "{\"t\":\"%s\"", type);
    for (size_t i = s->frames_n; i > 0; i--)
        if (strncmp(s->frames[i - 1], lead, strlen(lead)) == 0)
            return s->frames[i - 1];
    return NULL;
}
/* A string member of a frame, in the arena. */
__attribute__((unused)) static const char *fake_member(struct arena *a, const char *frame, const char *key) {
    json_t *v = frame ? json_parse(span_str(frame), 1 << 20, NULL) : NULL;
    const char *s = arena_strdup(a, json_str(v, key, ""));
    json_decref(v);
    return s ? s : "";
}
__attribute__((unused)) static void fake_request(struct draht_http *x) {
    for (size_t i = 0; i < fake.routes_n; i++) {
        size_t n = strlen(fake.routes[i].path);
        bool prefix = fake.routes[i].path[n - 1] == '*';
        if (!strstr(fake.routes[i].methods, x->method))
            continue;
        if (prefix ? strncmp(fake.routes[i].path, x->path, n - 1) != 0 : strcmp(fake.routes[i].path, x->path) != 0)
            continue;
        x->rest = prefix ? x->path + n - 1 : "";
        fake.routes[i].fn(fake.channel, x);
        fake_run();
        return;
    }
    x->status = 404;
}
__attribute__((unused)) static void fake_request_free(struct draht_http *x) {
    buf_free(&x->out);
    buf_free(&x->headers);
}
