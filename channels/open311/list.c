/* SPDX-License-Identifier: EUPL-1.2 */
/* list: GET requests. What is kept of a report is joined with what its ticket is now; of a report
 * that staff did not release only what the operator publishes of every report. */
#include "channels/open311/open311_private.h"

enum { PAGE = 200 };

struct listing {
    struct geo_call *c;
    int64_t from_ms, to_ms;
    const char *codes, *states; /* with commas, "" : all */
    const char *ids[GEO_IDS_MAX];
    size_t ids_n, ids_at;
    uint32_t skip;
    size_t before, page_max; /* matches on earlier pages, still to be left out; size of this one */
    bool is_last, is_single;
    json_t *page; /* records that wait for their tickets */
    json_t *out;
};

static void listing_free(struct listing *l) {
    json_decref(l->page);
    json_decref(l->out);
    free(l);
}

static void fail(struct listing *l, int code, const char *description) {
    struct geo_call *c = l->c;
    listing_free(l);
    geo_fail(c, code, description);
}

static void finish(struct listing *l) {
    struct geo_call *c = l->c;
    json_t *out = json_incref(l->out);
    if (l->is_single && json_array_size(out) == 0) {
        json_decref(out);
        fail(l, 404, "there is no request with this service_request_id");
        return;
    }
    listing_free(l);
    geo_answer(c, 200, "service_requests", out);
}

static bool listed(const char *list, const char *word) {
    struct span rest = span_str(list);
    if (!*list)
        return true;
    while (rest.p)
        if (span_eq(span_trim(span_cut(&rest, ',')), word))
            return true;
    return false;
}

static bool is_published(const struct open311 *g, const char *field) {
    const json_t *all = json_object_get(g->o, "publish");
    for (size_t i = 0; i < json_array_size(all); i++)
        if (strcmp(json_string_value(json_array_get(all, i)), field) == 0)
            return true;
    return false;
}

static void put_text(json_t *o, const char *name, const json_t *record, const char *key,
                     bool may_show) {
    const char *s = may_show ? json_str(record, key, "") : "";
    json_puts(o, name, *s ? s : NULL);
}

static void put_time(json_t *o, const char *name, int64_t ms) {
    char text[CLOCK_RFC3339_BYTES];
    clock_rfc3339(ms, text);
    json_puts(o, name, ms > 0 ? text : NULL);
}

static void put_degrees(json_t *o, const char *name, const json_t *record, bool may_show) {
    double v;
    const char *s = may_show ? json_str(record, name, "") : "";
    json_object_set_new(o, name,
                        *s && geo_degrees(span_str(s), 180, &v) == 0 ? json_real(v) : json_null());
}

static json_t *view(const struct open311 *g, const json_t *record, const struct draht_ticket *t) {
    const char *tag = json_str(g->o, "release_tag", ""),
               *code = json_str(record, "service_code", "");
    char *tags = xstrndup(t->tags.p ? t->tags.p : "", t->tags.n);
    bool is_free = *tag && *tags && listed(tags, tag) && !t->is_erased, is_gone = t->is_erased;
    free(tags);
    bool place = !is_gone && (is_free || is_published(g, "location"));
    const json_t *s = geo_service(g, code);
    struct draht_span city = g->h->fact(g->host, "city.name");
    int64_t at_ms = json_int(record, "at", 0), notes_ms = json_int(record, "notes_at", 0),
            changed_ms = t->updated_ms > at_ms ? t->updated_ms : at_ms;
    json_t *o = json_object();
    json_puts(o, "service_request_id", json_str(record, "id", ""));
    json_puts(o, "status", t->is_closed ? "closed" : "open");
    put_text(o, "status_notes", record, "notes", !is_gone && (is_free || is_published(g, "notes")));
    json_puts(o, "service_name", json_str(s, "name", code));
    json_puts(o, "service_code", code);
    put_text(o, "description", record, "description",
             !is_gone && (is_free || is_published(g, "description")));
    if (s && *json_str(s, "agency", ""))
        json_puts(o, "agency_responsible", json_str(s, "agency", ""));
    else
        json_put(o, "agency_responsible", kit_in(city));
    json_puts(o, "service_notice", s ? json_str(s, "notice", NULL) : NULL);
    put_time(o, "requested_datetime", at_ms);
    put_time(o, "updated_datetime", changed_ms > notes_ms ? changed_ms : notes_ms);
    put_text(o, "expected_datetime", record, "expected", true);
    put_text(o, "address", record, "address", place);
    put_text(o, "address_id", record, "address_id", place);
    json_puts(o, "zipcode", NULL);
    put_degrees(o, "lat", record, place);
    put_degrees(o, "long", record, place);
    put_text(o, "media_url", record, "media_url", is_free);
    return o;
}

static void next_page(struct listing *l);

static void put(struct listing *l, const json_t *record, const struct draht_ticket *t) {
    if (!listed(l->states, t->is_closed ? "closed" : "open"))
        return;
    if (l->before)
        l->before--;
    else
        json_array_append_new(l->out, view(l->c->g, record, t));
}

static void on_tickets(void *arg, int status, const struct draht_ticket *tickets, size_t n) {
    struct listing *l = arg;
    if (status < 0) {
        fail(l, 503, "the store cannot be reached; try again");
        return;
    }
    for (size_t i = 0; i < json_array_size(l->page); i++) {
        const json_t *record = json_array_get(l->page, i);
        for (size_t k = 0; k < n && json_array_size(l->out) < l->page_max; k++) {
            if (!span_eq(kit_in(tickets[k].number), json_str(record, "id", "")))
                continue;
            put(l, record, &tickets[k]);
            break;
        }
    }
    if (l->is_last || json_array_size(l->out) >= l->page_max)
        finish(l);
    else
        next_page(l);
}

static void ask_tickets(struct listing *l) {
    struct open311 *g = l->c->g;
    struct draht_span numbers[PAGE];
    size_t n = 0;
    for (; n < json_array_size(l->page) && n < PAGE; n++)
        numbers[n] = kit_str(json_str(json_array_get(l->page, n), "id", ""));
    if (n)
        g->h->tickets(g->host, numbers, n, on_tickets, l);
    else
        on_tickets(l, 0, NULL, 0);
}

static void keep(struct listing *l, struct draht_span value) {
    json_t *record = value.p ? json_parse(kit_in(value), 1 << 20, NULL) : NULL;
    if (record && listed(l->codes, json_str(record, "service_code", "")))
        json_array_append(l->page, record);
    json_decref(record);
}

static void on_page(void *arg, int status, const struct draht_span *values, size_t n) {
    struct listing *l = arg;
    if (status < 0) {
        fail(l, 503, "the store cannot be reached; try again");
        return;
    }
    json_array_clear(l->page);
    for (size_t i = 0; i < n; i++)
        keep(l, values[i]);
    l->skip += (uint32_t)n;
    l->is_last = n < PAGE;
    ask_tickets(l);
}

static void next_page(struct listing *l) {
    struct open311 *g = l->c->g;
    g->h->state_ranked(g->host, kit_str("requests"), l->from_ms, l->to_ms, l->skip, PAGE, on_page,
                       l);
}

static void next_id(struct listing *l);

static void on_id(void *arg, int status, struct draht_span value) {
    struct listing *l = arg;
    if (status < 0) {
        fail(l, 503, "the store cannot be reached; try again");
        return;
    }
    keep(l, value);
    next_id(l);
}

static void next_id(struct listing *l) {
    struct open311 *g = l->c->g;
    if (l->ids_at < l->ids_n) {
        g->h->state_get(g->host, geo_key(l->c->arena, l->ids[l->ids_at++]), on_id, l);
        return;
    }
    l->is_last = true;
    ask_tickets(l);
}

static struct listing *listing_new(struct geo_call *c) {
    struct listing *l = xcalloc(1, sizeof *l);
    l->c = c;
    l->codes = l->states = "";
    l->page_max = GEO_LIST_MAX;
    l->page = json_array();
    l->out = json_array();
    return l;
}

static bool add_id(struct listing *l, struct span id) {
    if (l->ids_n == GEO_IDS_MAX || id.n > 64)
        return false;
    l->ids[l->ids_n++] = arena_strndup(l->c->arena, id.p, id.n);
    return true;
}

static struct span query(struct geo_call *c, const char *name) {
    return span_trim(utf8_clean(c->arena, kit_in(c->g->h->http_query(c->x, name)),
                                2 * GEO_FIELD_BYTES_MAX, NULL));
}

/* The span of the question, never longer than 90 days. */
static bool read_dates(struct listing *l) {
    struct geo_call *c = l->c;
    struct span from = query(c, "start_date"), to = query(c, "end_date");
    int64_t now = c->g->h->now_ms(c->g->host), f = 0, t = 0;
    if ((from.n && clock_parse_rfc3339(arena_strndup(c->arena, from.p, from.n), &f) < 0) ||
        (to.n && clock_parse_rfc3339(arena_strndup(c->arena, to.p, to.n), &t) < 0)) {
        geo_error(c, 400,
                  "start_date and end_date must be dates with time and zone, such as "
                  "2026-11-25T00:00:00Z");
        return false;
    }
    l->to_ms = to.n ? t : from.n && f + GEO_DAYS_MS < now ? f + GEO_DAYS_MS : now;
    l->from_ms = from.n ? f : l->to_ms - GEO_DAYS_MS;
    if (l->to_ms < l->from_ms)
        geo_error(c, 400, "end_date lies before start_date");
    if (l->to_ms - l->from_ms > GEO_DAYS_MS)
        l->from_ms = l->to_ms - GEO_DAYS_MS;
    return json_array_size(c->errors) == 0;
}

/* 1 .. max, or what stands for nothing given; 0 when it is no such number. */
static size_t whole(struct span s, size_t fallback, size_t max) {
    unsigned long long v = 0;
    if (s.n == 0)
        return fallback;
    return span_u64(s, max, &v) == 0 ? (size_t)v : 0;
}

/* page and page_size are what many servers offer beyond the specification. */
static bool read_page(struct listing *l) {
    struct geo_call *c = l->c;
    size_t size = whole(query(c, "page_size"), GEO_LIST_MAX, GEO_LIST_MAX),
           page = whole(query(c, "page"), 1, GEO_DEPTH_MAX);
    if (size == 0)
        geo_error(c, 400, "page_size must be a whole number from 1 to 1000");
    if (page == 0 || page > (size ? GEO_DEPTH_MAX / size : GEO_DEPTH_MAX))
        geo_error(c, 400,
                  "page must be a whole number from 1; pages lead to the newest 100000 requests. "
                  "Ask for an earlier time by end_date");
    l->page_max = size;
    l->before = page ? (page - 1) * size : 0;
    return json_array_size(c->errors) == 0;
}

static bool read_filters(struct listing *l) {
    struct geo_call *c = l->c;
    struct span ids = query(c, "service_request_id"), codes = query(c, "service_code"),
                states = query(c, "status"), rest = states;
    while (ids.p && ids.n) {
        struct span one = span_trim(span_cut(&ids, ','));
        if (one.n && !add_id(l, one)) {
            geo_error(c, 400, "at most 100 service_request_id at once");
            return false;
        }
    }
    if (l->ids_n) /* overrides all other arguments */
        return true;
    while (rest.p && rest.n) {
        struct span one = span_trim(span_cut(&rest, ','));
        if (!span_eq(one, "open") && !span_eq(one, "closed")) {
            geo_error(c, 400, "status must be open, closed or both");
            return false;
        }
    }
    l->codes = arena_strndup(c->arena, codes.n ? codes.p : "", codes.n);
    l->states = arena_strndup(c->arena, states.n ? states.p : "", states.n);
    bool has_page = read_page(l);
    return read_dates(l) && has_page;
}

void geo_requests(struct geo_call *c) {
    struct listing *l = listing_new(c);
    if (!read_filters(l)) {
        listing_free(l);
        geo_errors(c);
    } else if (l->ids_n) {
        next_id(l);
    } else {
        next_page(l);
    }
}

void geo_request(struct geo_call *c, const char *id) {
    struct listing *l = listing_new(c);
    l->is_single = true;
    if (add_id(l, span_str(id)))
        next_id(l);
    else
        fail(l, 404, "there is no request with this service_request_id");
}

struct asked_token {
    struct geo_call *c;
    char *token;
};

static void on_token(void *arg, int status, struct draht_span value) {
    struct asked_token *t = arg;
    struct geo_call *c = t->c;
    if (status < 0 || !value.p) {
        geo_fail(c, status < 0 ? 503 : 404,
                 status < 0 ? "the store cannot be reached; try again" : "there is no such token");
    } else {
        json_t *list = json_array(), *o = json_object();
        json_puts(o, "token", t->token);
        json_puts(o, "service_request_id", t->token);
        json_array_append_new(list, o);
        geo_answer(c, 200, "service_requests", list);
    }
    free(t->token);
    free(t);
}

/* Every report has its id at once: the id is its own token. */
void geo_token(struct geo_call *c, const char *token) {
    if (strlen(token) > 64) {
        geo_fail(c, 404, "there is no such token");
        return;
    }
    struct asked_token *t = xcalloc(1, sizeof *t);
    t->c = c;
    t->token = xstrdup(token);
    c->g->h->state_get(c->g->host, geo_key(c->arena, token), on_token, t);
}
