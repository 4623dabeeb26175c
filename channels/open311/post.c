/* SPDX-License-Identifier: EUPL-1.2 */
/* post: POST requests. The report is a ticket before its number is told; the same report within ten
 * minutes is told the number that it has already. */
#include "channels/open311/open311_private.h"

struct posting {
    struct geo_call *c;
    struct geo_report r;
    char same[GEO_ID_HEX]; /* names this report for ten minutes */
    char *external;        /* names it for ever: same and the window of time */
    char *number;
    struct draht_attachment files[GEO_FILES_MAX];
    size_t scanned_n;
};

static void posting_free(struct posting *p) {
    geo_report_free(&p->r);
    free(p);
}

static void refuse(struct posting *p, int code, const char *description) {
    struct geo_call *c = p->c;
    posting_free(p);
    geo_fail(c, code, description);
}

static void respond(struct posting *p) {
    struct geo_call *c = p->c;
    const char *notice = json_str(p->r.service, "notice", NULL);
    json_t *list = json_array(), *o = json_object();
    json_puts(o, "service_request_id", p->number);
    json_puts(o, "service_notice", notice);
    json_puts(o, "account_id", NULL);
    json_array_append_new(list, o);
    posting_free(p);
    geo_answer(c, 200, "service_requests", list);
}

/* Every later step may be repeated: the client that heard 503 sends the same report again. */
static bool failed(struct posting *p, int status) {
    if (status < 0)
        refuse(p, status == DRAHT_E_REJECTED ? 400 : 503,
               status == DRAHT_E_REJECTED ? "the report cannot be accepted"
                                          : "the report could not be stored; send it again");
    return status < 0;
}

static struct draht_span key(struct posting *p, const char *kind, const char *name) {
    return kit_str(arena_printf(p->c->arena, "%s:%s", kind, name));
}

static void on_remembered(void *arg, int status) {
    struct posting *p = arg;
    if (!failed(p, status))
        respond(p);
}

static void on_ranked(void *arg, int status) {
    struct posting *p = arg;
    struct open311 *g = p->c->g;
    if (!failed(p, status))
        g->h->state_set(g->host, key(p, "same", p->same), kit_str(p->number), GEO_DEDUPE_MS,
                        on_remembered, p);
}

static void on_kept(void *arg, int status) {
    struct posting *p = arg;
    struct open311 *g = p->c->g;
    if (failed(p, status))
        return;
    int64_t now = g->h->now_ms(g->host), keep = json_int(g->o, "keep_days", 365) * 86400000;
    g->h->state_rank(g->host, kit_str("requests"), geo_key(p->c->arena, p->number), now, now - keep,
                     on_ranked, p);
}

/* What the public may ever see of it, and nothing else: no name, no address of a person. */
static char *public_record(struct posting *p) {
    struct open311 *g = p->c->g;
    const struct geo_report *r = &p->r;
    const struct span names[] = {r->first_name, r->last_name};
    struct draht_span due = g->h->fact(g->host, "answer.due");
    json_t *o = json_object();
    json_puts(o, "id", p->number);
    json_puts(o, "thread", p->external);
    json_puts(o, "service_code", r->service_code);
    json_put(o, "description", geo_redact(p->c->arena, r->description, names, 2));
    json_puti(o, "at", g->h->now_ms(g->host));
    json_put(o, "expected", kit_in(due));
    json_put(o, "address", geo_redact(p->c->arena, r->address, names, 2));
    json_put(o, "address_id", r->address_id);
    json_put(o, "media_url", r->media_url);
    if (r->has_place) {
        json_put(o, "lat", r->lat);
        json_put(o, "long", r->lng);
    }
    char *text = json_text(o);
    json_decref(o);
    return text;
}

static void on_earlier_record(void *arg, int status, struct draht_span value) {
    struct posting *p = arg;
    struct open311 *g = p->c->g;
    if (failed(p, status))
        return;
    if (value.p) { /* stored by the attempt that was cut off; it may carry answers already */
        on_kept(p, 0);
        return;
    }
    char *text = public_record(p);
    uint64_t keep = (uint64_t)json_int(g->o, "keep_days", 365) * 86400000;
    g->h->state_set(g->host, geo_key(p->c->arena, p->number), kit_str(text), keep, on_kept, p);
    free(text);
}

static void on_accepted(void *arg, int status, const struct draht_accepted *a) {
    struct posting *p = arg;
    struct open311 *g = p->c->g;
    if (failed(p, status))
        return;
    p->number = arena_strndup(p->c->arena, a->ticket.p, a->ticket.n);
    g->h->state_get(g->host, geo_key(p->c->arena, p->number), on_earlier_record, p);
}

static void labelled(struct buf *b, struct arena *a, const char *label, struct span s) {
    if (s.n)
        kit_line(b, span_str(arena_printf(a, "%s %.*s", label, (int)s.n, s.p)));
}

static char *text_for_staff(struct posting *p) {
    const struct geo_report *r = &p->r;
    struct buf b = {0};
    if (r->description.n)
        buf_addf(&b, "%.*s\n", (int)r->description.n, r->description.p);
    kit_line(&b, r->address);
    labelled(&b, p->c->arena, "address_id", r->address_id);
    if (r->has_place)
        kit_place(&b, r->latitude, r->longitude);
    kit_line(&b, buf_span(&r->details));
    labelled(&b, p->c->arena, "Tel.", r->phone);
    kit_line(&b, r->media_url);
    buf_adds(&b, "");
    char *text = arena_strndup(p->c->arena, b.p, b.n);
    buf_free(&b);
    return text;
}

static size_t attach(struct posting *p) {
    for (size_t i = 0; i < p->r.files_n; i++) {
        const struct form_field *x = p->r.files[i];
        p->files[i] =
            (struct draht_attachment){.size = sizeof p->files[i],
                                      .name = kit_out(kit_name(p->c->arena, x->file_name)),
                                      .type = kit_str(kit_sniff(x->value)),
                                      .bytes = kit_out(x->value),
                                      .length = x->value.n};
    }
    return p->r.files_n;
}

/* Who gave no address is a stranger of his own, or all such reports would be one person's. */
static struct draht_span sender(struct posting *p) {
    const struct geo_report *r = &p->r;
    if (r->email.n)
        return kit_out(r->email);
    return r->phone.n ? kit_out(r->phone)
                      : kit_str(arena_printf(p->c->arena, "report:%s", p->external));
}

static void hand_in(struct posting *p) {
    struct open311 *g = p->c->g;
    struct geo_report *r = &p->r;
    struct arena *a = p->c->arena;
    const char *name =
        arena_printf(a, "%.*s%s%.*s", (int)r->first_name.n, r->first_name.n ? r->first_name.p : "",
                     r->first_name.n && r->last_name.n ? " " : "", (int)r->last_name.n,
                     r->last_name.n ? r->last_name.p : "");
    struct draht_inbound m = {.size = sizeof m,
                              .external_id = kit_str(p->external),
                              .sender = sender(p),
                              .sender_name = kit_str(name),
                              .recipient = kit_str(r->service_code),
                              .subject = kit_str(json_str(r->service, "name", "")),
                              .text = kit_str(text_for_staff(p)),
                              .thread = kit_str(p->external),
                              .attachments = p->files,
                              .attachments_n = attach(p)};
    g->h->accept(g->host, &m, on_accepted, p);
}

static void scan(struct posting *p);

static void on_scanned(void *arg, int status, struct draht_span finding) {
    struct posting *p = arg;
    (void)finding;
    if (status < 0) {
        refuse(p, 503, "the picture cannot be checked for viruses right now; send it again");
    } else if (status > 0) {
        refuse(p, 400, "the virus scanner found something harmful in a picture");
    } else {
        p->scanned_n++;
        scan(p);
    }
}

/* Nothing is stored before all pictures have passed. */
static void scan(struct posting *p) {
    struct open311 *g = p->c->g;
    if (p->scanned_n < p->r.files_n && *json_str(g->o, "clamd", ""))
        g->h->scan(g->host, kit_out(p->r.files[p->scanned_n]->value), on_scanned, p);
    else
        hand_in(p);
}

static void on_same(void *arg, int status, struct draht_span value) {
    struct posting *p = arg;
    if (failed(p, status))
        return;
    if (value.n) {
        p->number = arena_strndup(p->c->arena, value.p, value.n);
        respond(p);
        return;
    }
    scan(p);
}

/* Keys are compared by their MACs, so that neither length nor place of a difference shows. */
static bool key_known(const struct open311 *g, struct span given) {
    const json_t *keys = json_object_get(g->o, "api_keys");
    uint8_t got[32], want[32];
    bool known = false;
    g->h->mac(g->host, given.n ? kit_out(given) : kit_str(""), got);
    for (size_t i = 0; i < json_array_size(keys); i++) {
        g->h->mac(g->host, kit_str(json_string_value(json_array_get(keys, i))), want);
        known |= crypto_equal(got, want, sizeof got);
    }
    return known && given.n > 0;
}

static void identify(struct posting *p) {
    struct open311 *g = p->c->g;
    uint8_t mac[32];
    g->h->mac(g->host, kit_out(geo_report_same(p->c->arena, &p->r)), mac);
    crypto_hex(mac, 16, p->same);
    p->external = arena_printf(p->c->arena, "%s:%lld", p->same,
                               (long long)(g->h->now_ms(g->host) / GEO_DEDUPE_MS));
}

static bool body_read(struct posting *p, struct form *f) {
    struct open311 *g = p->c->g;
    int rc = form_parse(p->c->arena, kit_in(g->h->http_header(p->c->x, "content-type")),
                        kit_in(g->h->http_body(p->c->x)), f);
    if (rc < 0)
        refuse(p,
               rc == ERR_TOO_LARGE     ? 413
               : rc == ERR_UNSUPPORTED ? 415
                                       : 400,
               "the body must be a form, application/x-www-form-urlencoded or "
               "multipart/form-data, with at most 64 parameters");
    return rc == 0;
}

static void serve(struct posting *p) {
    struct geo_call *c = p->c;
    struct form *f = arena_alloc(c->arena, sizeof *f);
    if (!body_read(p, f))
        return;
    if (!key_known(c->g, form_value(f, "api_key"))) {
        refuse(p, 403, "api_key is missing or not known");
        return;
    }
    geo_report_read(c, f, &p->r);
    geo_jurisdiction(c, p->r.jurisdiction);
    if (json_array_size(c->errors)) {
        posting_free(p);
        geo_errors(c);
        return;
    }
    identify(p);
    c->g->h->state_get(c->g->host, key(p, "same", p->same), on_same, p);
}

void geo_post(struct open311 *g, struct draht_http *x) {
    struct span rest = kit_in(g->h->http_rest(x));
    bool is_json = span_eq(rest, "requests.json");
    struct posting *p = xcalloc(1, sizeof *p);
    p->c = geo_call_new(g, x, !is_json);
    if (!is_json && !span_eq(rest, "requests.xml"))
        refuse(p, 404, "reports are sent to requests.xml or requests.json");
    else if (g->is_stopping)
        refuse(p, 503, "the server is stopping; send the report again");
    else
        serve(p);
}
