/* SPDX-License-Identifier: EUPL-1.2 */
/* open311: options, life and addresses of the GeoReport v2 server. */
#include "channels/open311/open311_private.h"

enum {
    PEER_SLOTS = 4096,
    READ_BURST = 240,
    READ_EVERY_MS = 250,
    FORM_BODY_MAX = 64 * 1024,
    KEY_BYTES_MIN = 16
};

static const struct draht_option options[] = {
    {"services", DRAHT_OPT_TREE, NULL, 0, 0, NULL, DRAHT_OPT_REQUIRED,
     "What can be reported: a list of code, name, description, group, keywords, type, notice, "
     "agency and attributes (code, description, datatype, required, values)."},
    {"api_keys", DRAHT_OPT_LIST, "", 0, 100, NULL, DRAHT_OPT_SECRET,
     "Keys of the systems that may send reports, 16 characters or more each. None: reports cannot "
     "be sent."},
    {"jurisdictions", DRAHT_OPT_LIST, "", 0, 50, NULL, 0,
     "Names for jurisdiction_id, such as stadt.example. With several it must be given."},
    {"bounds", DRAHT_OPT_LIST, "", 0, 4, NULL, 0,
     "Area that is served: least lat, least long, greatest lat, greatest long. Empty: the world."},
    {"publish", DRAHT_OPT_LIST, "location", 0, 4, NULL, 0,
     "What everybody may read of every report besides service, state and times: location, "
     "description, notes."},
    {"release_tag", DRAHT_OPT_STRING, "öffentlich", 1, 40, NULL, 0,
     "A ticket with this tag shows location, description, picture address and answers to "
     "everybody."},
    {"keep_days", DRAHT_OPT_INT, "365", 90, 3650, NULL, 0, "Days a report stays in the list."},
    {"upload_max_mb", DRAHT_OPT_INT, "10", 0, 100, NULL, 0, "Largest picture in MiB."},
    {"clamd", DRAHT_OPT_STRING, "", 0, 200, NULL, 0,
     "ClamAV daemon that looks at each picture first: unix:/path or host:port. Empty: no scan."},
    {"contact", DRAHT_OPT_STRING, "", 0, 300, NULL, 0,
     "Whom developers ask; stands in discovery. Empty: the city's name."},
    {"key_service", DRAHT_OPT_STRING, "", 0, 300, NULL, 0,
     "How to get a key; stands in discovery."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL},
};

struct geo_call *geo_call_new(struct open311 *g, struct draht_http *x, bool is_xml) {
    struct geo_call *c = xcalloc(1, sizeof *c);
    c->g = g;
    c->x = x;
    c->is_xml = is_xml;
    c->arena = arena_new();
    c->errors = json_array();
    g->pending++;
    return c;
}

void geo_call_free(struct geo_call *c) {
    struct open311 *g = c->g;
    json_decref(c->errors);
    arena_free(&c->arena);
    free(c);
    if (--g->pending == 0 && g->stopped) {
        draht_done_fn stopped = g->stopped;
        g->stopped = NULL;
        stopped(g->stopped_arg, 0);
    }
}

struct draht_span geo_key(struct arena *a, const char *number) {
    return kit_str(arena_printf(a, "request:%s", number));
}

bool geo_jurisdiction(struct geo_call *c, struct span given) {
    const json_t *all = json_object_get(c->g->o, "jurisdictions");
    size_t n = json_array_size(all);
    if (n > 1 && given.n == 0) {
        geo_error(c, 400, "jurisdiction_id is required");
        return false;
    }
    bool known = n == 0 || given.n == 0;
    for (size_t i = 0; i < n; i++)
        known = known || span_eq(given, json_string_value(json_array_get(all, i)));
    if (!known)
        geo_error(c, 404, "jurisdiction_id is none of this server's");
    return known;
}

/* ---- what needs no store ---- */

static void services(struct geo_call *c) {
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(c->g->services); i++)
        json_array_append_new(list, geo_service_row(json_array_get(c->g->services, i)));
    geo_answer(c, 200, "services", list);
}

static void service(struct geo_call *c, const char *code) {
    const json_t *s = geo_service(c->g, code);
    if (s)
        geo_answer(c, 200, "service_definition", geo_service_definition(s));
    else
        geo_fail(c, 404, "service_code is none of this server's services");
}

static void discovery(struct geo_call *c) {
    struct open311 *g = c->g;
    struct span city = kit_in(g->h->fact(g->host, "city.name"));
    const char *contact = json_str(g->o, "contact", "");
    json_t *o = json_object(), *list = json_array(), *e = json_object(), *formats = json_array();
    json_puts(o, "changeset", "2026-11-25T00:00:00Z");
    json_put(o, "contact", *contact ? span_str(contact) : city);
    json_puts(o, "key_service", json_str(g->o, "key_service", ""));
    struct span own = kit_in(g->h->fact(g->host, "public.url"));
    json_puts(e, "specification", "http://wiki.open311.org/GeoReport_v2");
    json_puts(e, "url",
              arena_printf(c->arena, "%.*s/channels/%s", (int)own.n, own.n ? own.p : "", g->id));
    json_puts(e, "changeset", "2026-11-25T00:00:00Z");
    json_puts(e, "type", "production");
    json_array_append_new(formats, json_string("text/xml"));
    json_array_append_new(formats, json_string("application/json"));
    json_object_set_new(e, "formats", formats);
    json_array_append_new(list, e);
    json_object_set_new(o, "endpoints", list);
    geo_answer(c, 200, "discovery", o);
}

/* ---- dispatch ---- */

/* Cuts ".xml" or ".json" off the path; false when there is neither. */
static bool format(struct span *path, bool *is_xml) {
    *is_xml = path->n > 4 && memcmp(path->p + path->n - 4, ".xml", 4) == 0;
    bool is_json = path->n > 5 && memcmp(path->p + path->n - 5, ".json", 5) == 0;
    path->n -= *is_xml ? 4 : is_json ? 5 : 0;
    return *is_xml || is_json;
}

static void dispatch(struct geo_call *c, struct span path) {
    struct span rest = path, first = span_cut(&rest, '/');
    char *name = rest.p ? arena_strndup(c->arena, rest.p, rest.n) : NULL;
    bool is_deep = name && (!*name || strchr(name, '/'));
    if (span_eq(path, "discovery")) /* of the server, whatever the jurisdiction */
        discovery(c);
    else if (!geo_jurisdiction(c, kit_in(c->g->h->http_query(c->x, "jurisdiction_id"))))
        geo_errors(c);
    else if (span_eq(path, "services"))
        services(c);
    else if (span_eq(path, "requests"))
        geo_requests(c);
    else if (name && !is_deep && span_eq(first, "services"))
        service(c, name);
    else if (name && !is_deep && span_eq(first, "requests"))
        geo_request(c, name);
    else if (name && !is_deep && span_eq(first, "tokens"))
        geo_token(c, name);
    else
        geo_fail(c, 404, "GeoReport v2 has no such method");
}

static void on_get(struct open311 *g, struct draht_http *x) {
    struct span path = kit_in(g->h->http_rest(x));
    bool is_xml = true, has_format = format(&path, &is_xml);
    struct geo_call *c = geo_call_new(g, x, is_xml || !has_format);
    int64_t wait = kit_peers_take(g->readers, kit_in(g->h->http_peer(x)), g->h->now_ms(g->host),
                                  READ_BURST, READ_EVERY_MS);
    if (!has_format) {
        geo_fail(c, 404, "addresses end in .xml or .json");
    } else if (g->h->http_query(x, "callback").p || g->h->http_query(x, "jsonp").p) {
        geo_fail(c, 400, "JSONP is not offered; answers may be read from every origin");
    } else if (wait > 0) {
        char seconds[24];
        snprintf(seconds, sizeof seconds, "%lld", (long long)(wait + 999) / 1000);
        g->h->http_set_header(x, "retry-after", seconds);
        geo_fail(c, 429, "too many requests; wait a moment");
    } else {
        dispatch(c, path);
    }
}

static void on_request(void *channel, struct draht_http *x) {
    struct open311 *g = channel;
    if (span_eq(kit_in(g->h->http_method(x)), "POST"))
        geo_post(g, x);
    else
        on_get(g, x);
}

/* ---- out ---- */

struct answering {
    struct open311 *g;
    struct draht_token *t;
    struct arena *arena;
    struct draht_span key;
    char *text;
    int64_t at_ms;
};

static void settle(struct answering *w, int status) {
    if (status == 0)
        w->g->h->settle(w->t, DRAHT_SENT, (struct draht_span){0}, 0);
    else
        w->g->h->settle(w->t, DRAHT_RETRY, kit_str("The store cannot be reached."), 0);
    arena_free(&w->arena);
    free(w);
}

static void on_noted(void *arg, int status) {
    settle(arg, status);
}

static void on_record(void *arg, int status, struct draht_span value) {
    struct answering *w = arg;
    json_t *record = value.p ? json_parse(kit_in(value), 1 << 20, NULL) : NULL;
    if (status < 0) {
        settle(w, status);
    } else if (!record) {
        w->g->h->settle(w->t, DRAHT_REJECTED, kit_str("The report is not in the list any more."),
                        0);
        arena_free(&w->arena);
        free(w);
    } else {
        json_puts(record, "notes", w->text);
        json_puti(record, "notes_at", w->at_ms);
        char *text = json_text(record);
        int64_t left = json_int(record, "at", 0) + json_int(w->g->o, "keep_days", 365) * 86400000 -
                       w->g->h->now_ms(w->g->host);
        w->g->h->state_set(w->g->host, w->key, kit_str(text), left > 1 ? (uint64_t)left : 1,
                           on_noted, w);
        free(text);
    }
    json_decref(record);
}

/* The newest answer is the state's note; whether anybody sees it is decided when it is asked for.
 */
int open311_send(void *channel, const struct draht_outbound *m, struct draht_token *t) {
    struct open311 *g = channel;
    if (m->flags & DRAHT_OUT_AUTOMATIC) { /* the number was the answer of POST already */
        g->h->settle(t, DRAHT_SENT, (struct draht_span){0}, 0);
        return 1;
    }
    struct answering *w = xcalloc(1, sizeof *w);
    w->g = g;
    w->t = t;
    w->arena = arena_new();
    w->at_ms = g->h->now_ms(g->host);
    struct span names[8], rest = kit_in(m->recipient_name);
    size_t n = 0;
    while (rest.p && rest.n && n < 8)
        names[n++] = span_cut(&rest, ' ');
    struct span text = geo_redact(
        w->arena, utf8_clean(w->arena, kit_in(m->text), GEO_NOTES_BYTES_MAX, NULL), names, n);
    w->text = arena_strndup(w->arena, text.p, text.n);
    w->key = geo_key(w->arena, arena_strndup(w->arena, m->ticket.p, m->ticket.n));
    g->h->state_get(g->host, w->key, on_record, w);
    return 0;
}

/* ---- life ---- */

static bool keys_sound(const json_t *o, char *err) {
    const json_t *keys = json_object_get(o, "api_keys");
    for (size_t i = 0; i < json_array_size(keys); i++) {
        if (strlen(json_string_value(json_array_get(keys, i))) < KEY_BYTES_MIN) {
            snprintf(err, 256, "api_keys: each must have at least %d characters.", KEY_BYTES_MIN);
            return false;
        }
    }
    return true;
}

static bool clamd_sound(const json_t *o, char *err) {
    const char *s = json_str(o, "clamd", "");
    if (!*s || kit_clamd_is_valid(s))
        return true;
    snprintf(err, 256, "clamd: \"%.100s\" is neither unix:/path nor host:port.", s);
    return false;
}

static bool lists_sound(const json_t *o, char *err) {
    const json_t *bounds = json_object_get(o, "bounds"), *publish = json_object_get(o, "publish");
    double v[4] = {0};
    size_t n = json_array_size(bounds);
    bool ok = n == 0 || n == 4;
    for (size_t i = 0; ok && i < n; i++)
        ok = geo_degrees(span_str(json_string_value(json_array_get(bounds, i))), i % 2 ? 180 : 90,
                         &v[i]) == 0;
    if (!ok || v[0] > v[2] || v[1] > v[3]) {
        snprintf(err, 256,
                 "bounds: four numbers are needed: least lat, least long, greatest lat, greatest "
                 "long.");
        return false;
    }
    for (size_t i = 0; i < json_array_size(publish); i++) {
        const char *s = json_string_value(json_array_get(publish, i));
        if (strcmp(s, "location") && strcmp(s, "description") && strcmp(s, "notes")) {
            snprintf(err, 256, "publish: \"%.60s\" is neither location, description nor notes.", s);
            return false;
        }
    }
    return true;
}

static void open311_close(void *channel) {
    struct open311 *g = channel;
    json_decref(g->o);
    json_decref(g->services);
    kit_peers_free(&g->readers);
    free(g->id);
    free(g);
}

static int open311_open(const struct draht_host *h, void *host, const char *id,
                        const char *options_json, void **channel_out, char *err) {
    struct open311 *g = xcalloc(1, sizeof *g);
    uint64_t seed;
    g->h = h;
    g->host = host;
    g->id = xstrdup(id);
    g->o = json_parse(span_str(options_json), 4 << 20, NULL);
    g->services = geo_services_read(json_object_get(g->o, "services"), err);
    h->random(&seed, sizeof seed);
    g->readers = kit_peers_new(PEER_SLOTS, seed);
    if (!g->services || !keys_sound(g->o, err) || !clamd_sound(g->o, err) ||
        !lists_sound(g->o, err)) {
        open311_close(g);
        return ERR_INVALID;
    }
    *channel_out = g;
    return 0;
}

static int open311_start(void *channel, char *err) {
    struct open311 *g = channel;
    size_t body = (size_t)json_int(g->o, "upload_max_mb", 10) * 1024 * 1024 + FORM_BODY_MAX;
    if (g->h->route(g->host, "GET POST", "/*", body, on_request) < 0) {
        snprintf(err, 256, "the server's routes could not be set.");
        return ERR_INVALID;
    }
    g->h->health(g->host, 1, "");
    return 0;
}

static void open311_stop(void *channel, draht_done_fn done, void *arg) {
    struct open311 *g = channel;
    g->is_stopping = true;
    g->stopped = done;
    g->stopped_arg = arg;
    if (g->pending == 0) {
        g->stopped = NULL;
        done(arg, 0);
    }
}

const struct draht_channel_ops open311_ops = {
    .size = sizeof(struct draht_channel_ops),
    .caps = DRAHT_CAP_IDEMPOTENT | DRAHT_CAP_UNTHREADED,
    .type = "open311",
    .options = options,
    .text_max = 2000,
    .concurrency = 8,
    .open = open311_open,
    .start = open311_start,
    .stop = open311_stop,
    .close = open311_close,
    .send = open311_send,
    .normalize = open311_normalize,
};
