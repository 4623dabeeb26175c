/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_room: what one answer says of one room, in its order: a gap is closed first, then one event
 * after another is stored. A room is one conversation. */
#include "channels/matrix/matrix_private.h"

static void next_event(struct mx_room *r);
static void page(struct mx_room *r);

/* ---- life ---- */
static void room_free(struct mx_room *r) {
    mx_cancel(&r->call);
    if (r->timer)
        r->m->h->timer_stop(r->timer);
    arena_free(&r->arena);
    buf_free(&r->file);
    json_decref(r->events);
    json_decref(r->gap);
    free(r->from);
    free(r->id);
    free(r);
}

void mx_room_drop(struct mx_room *r) {
    if (!r->is_waiting) {
        room_free(r);
        return;
    }
    mx_cancel(&r->call);
    r->is_dropped = true;
    r->next = r->m->orphans;
    r->m->orphans = r;
}

void mx_orphans_free(struct matrix *m) {
    while (m->orphans) {
        struct mx_room *r = m->orphans;
        m->orphans = r->next;
        room_free(r);
    }
}

/* Before and after a call of the host that cannot be cancelled. */
static void wait_begin(struct mx_room *r) {
    r->is_waiting = true;
    r->m->accepts_n++;
}

/* False when the batch was dropped in the meantime: the room is gone. */
static bool wait_end(struct mx_room *r) {
    struct matrix *m = r->m;
    bool goes_on = !r->is_dropped;
    r->is_waiting = false;
    m->accepts_n--;
    if (!goes_on) {
        struct mx_room **at = &m->orphans;
        while (*at && *at != r)
            at = &(*at)->next;
        if (*at)
            *at = r->next;
        room_free(r);
    }
    mx_drained(m);
    return goes_on && !m->is_stopping;
}

/* ---- what the host remembers of a room ---- */
void mx_memory_key(struct matrix *m, struct span room, char out[40]) {
    uint8_t mac[32];
    m->h->mac(m->host, kit_out(room), mac);
    memcpy(out, "r:", 2);
    for (size_t i = 0; i < 16; i++)
        snprintf(out + 2 + i * 2, 3, "%02x", mac[i]);
}

void mx_memory_read(struct draht_span value, struct mx_memory *out) {
    struct mx_memory x = {0};
    json_t *o = value.p ? json_parse(kit_in(value), 65536, NULL) : NULL;
    snprintf(x.last, sizeof x.last, "%s", json_str(o, "last", ""));
    snprintf(x.name, sizeof x.name, "%s", json_str(o, "name", ""));
    snprintf(x.name_of, sizeof x.name_of, "%s", json_str(o, "of", ""));
    snprintf(x.room, sizeof x.room, "%s", json_str(o, "room", ""));
    snprintf(x.tickets, sizeof x.tickets, "%s", json_str(o, "tickets", ""));
    x.told_encrypted = json_flag(o, "encrypted", false);
    x.told_welcome = json_flag(o, "welcomed", false);
    x.is_gone = json_flag(o, "gone", false);
    json_decref(o);
    *out = x;
}

void mx_memory_ticket(struct mx_memory *x, struct span number) {
    struct buf b = {0};
    struct span rest = span_str(x->tickets);
    if (number.n == 0 || number.n > 23)
        return;
    buf_addf(&b, "%.*s", (int)number.n, number.p);
    for (size_t i = 1; rest.p && rest.n && i < MX_TICKETS_MAX;) {
        struct span one = span_cut(&rest, ',');
        if (!one.n || span_is(one, number))
            continue;
        buf_addf(&b, ",%.*s", (int)one.n, one.p);
        i++;
    }
    snprintf(x->tickets, sizeof x->tickets, "%s", b.p);
    buf_free(&b);
}

void mx_memory_write(struct matrix *m, struct span room, const struct mx_memory *x,
                     draht_done_fn done, void *arg) {
    char key[40];
    json_t *o = json_object();
    json_puts(o, "last", x->last);
    json_put(o, "name", span_str(x->name));
    json_put(o, "of", span_str(x->name_of));
    json_put(o, "room", room);
    json_puts(o, "tickets", x->tickets);
    json_object_set_new(o, "encrypted", json_boolean(x->told_encrypted));
    json_object_set_new(o, "welcomed", json_boolean(x->told_welcome));
    json_object_set_new(o, "gone", json_boolean(x->is_gone));
    char *text = json_text(o);
    mx_memory_key(m, room, key);
    m->h->state_set(m->host, kit_str(key), kit_str(text), 0, done, arg);
    free(text);
    json_decref(o);
}

static void on_kept(void *arg, int status) {
    struct mx_room *r = arg;
    (void)status; /* event ids are deduplicated anyway */
    if (wait_end(r))
        mx_room_done(r->batch, r);
}

static void on_remembered(void *arg, int status) {
    struct mx_room *r = arg;
    if (r->has_spoken)
        mx_room_spoke(r->m, span_str(r->id), on_kept, r);
    else
        on_kept(r, status);
}

static void finish(struct mx_room *r) {
    if (!r->is_dirty) {
        mx_room_done(r->batch, r);
        return;
    }
    wait_begin(r);
    mx_memory_write(r->m, span_str(r->id), &r->memory, on_remembered, r);
}

/* ---- pauses ---- */
static void on_due(void *arg) {
    struct mx_room *r = arg;
    r->m->h->timer_stop(r->timer);
    r->timer = NULL;
    if (r->events)
        next_event(r);
    else
        page(r);
}

static void later(struct mx_room *r, uint64_t ms) {
    r->timer = r->m->h->timer(r->m->host, ms, 0, on_due, r);
}

/* ---- one event becomes a message ---- */
static void taken(struct mx_room *r) {
    snprintf(r->memory.last, sizeof r->memory.last, "%.*s", (int)r->event.id.n, r->event.id.p);
    r->is_dirty = true;
    r->at++;
    r->tries = 0;
    r->file_fault = NULL;
    buf_clear(&r->file);
    next_event(r);
}

static void on_accepted(void *arg, int status, const struct draht_accepted *a) {
    struct mx_room *r = arg;
    if (!wait_end(r))
        return;
    if (status == DRAHT_E_UNAVAILABLE) {
        later(r, mx_backoff_ms(r->tries++));
        return;
    }
    if (status < 0) {
        r->m->h->log(r->m->host, 2, "matrix.refused", "A message is beyond the limits.");
    } else {
        mx_memory_ticket(&r->memory, kit_in(a->ticket));
        r->has_spoken = true;
    }
    taken(r);
}

static const char *wording(struct mx_room *r) {
    const struct mx_event *e = &r->event;
    bool is_lost = r->file_fault && e->text.n == 0;
    struct span said = is_lost ? e->file.name : e->text;
    const char *text = arena_strndup(r->arena, said.p ? said.p : "", said.n);
    const char *key = e->kind == MX_EDIT        ? "edited"
                      : e->kind == MX_REACTION  ? "reaction"
                      : e->kind == MX_REDACTION ? "redacted"
                      : e->kind == MX_ENCRYPTED ? "unreadable"
                                                : NULL;
    if (!key)
        return text;
    return arena_printf(r->arena, "%s%s%s", mx_text(r->m, r->arena, key), *text ? "\n" : "", text);
}

static const char *warnings(struct mx_room *r) {
    const struct mx_event *e = &r->event;
    json_t *list = json_array();
    if (e->was_cleaned)
        json_array_append_new(list, json_string("control characters were removed"));
    if (r->file_fault)
        json_array_append_new(list, json_string(r->file_fault));
    char *text = json_text(list);
    const char *kept = arena_strdup(r->arena, text);
    free(text);
    json_decref(list);
    return kept;
}

static void hand_over(struct mx_room *r) {
    struct matrix *m = r->m;
    const struct mx_event *e = &r->event;
    struct draht_attachment file = {.size = sizeof file,
                                    .name = kit_out(kit_name(r->arena, e->file.name)),
                                    .type = kit_str(kit_sniff(buf_span(&r->file))),
                                    .bytes = {r->file.p, r->file.n},
                                    .length = r->file.n};
    struct draht_thread_hint hints[2];
    size_t n = 0;
    struct span target = e->target.n ? e->target : e->reply_to;
    if (target.n)
        hints[n++] = (struct draht_thread_hint){DRAHT_THREAD_KEY, kit_out(target)};
    hints[n++] = (struct draht_thread_hint){DRAHT_THREAD_KEY, kit_str(r->id)};
    bool is_note = e->kind == MX_REACTION || e->kind == MX_REDACTION;
    struct span name =
        span_is(e->sender, span_str(r->memory.name_of)) ? span_str(r->memory.name) : SPAN_NONE;
    struct draht_inbound in = {.size = sizeof in,
                               .external_id = kit_out(e->id),
                               .sender = kit_out(e->sender),
                               .sender_name = kit_out(name),
                               .recipient = kit_str(m->me),
                               .text = kit_str(wording(r)),
                               .html = e->kind == MX_MESSAGE ? kit_out(e->html)
                                                             : (struct draht_span){0},
                               .thread = kit_str(r->id),
                               .hints = hints,
                               .hints_n = n,
                               .attachments = r->file.n ? &file : NULL,
                               .attachments_n = r->file.n ? 1 : 0,
                               .sent_ms = e->sent_ms,
                               .flags = (e->is_automatic ? DRAHT_IN_AUTOMATIC : 0) |
                                        (is_note ? DRAHT_IN_SYSTEM | DRAHT_IN_AUTOMATIC : 0),
                               .warnings = kit_str(warnings(r))};
    wait_begin(r);
    m->h->accept(m->host, &in, on_accepted, r);
}

void mx_room_go_on(struct mx_room *r) {
    hand_over(r);
}

/* ---- people come and go ---- */
static void learn_name(struct mx_room *r, struct span who, struct span name) {
    struct mx_memory *x = &r->memory;
    struct span clean = utf8_clean(r->arena, name, MX_NAME_BYTES_MAX, NULL);
    if (who.n > MX_ID_BYTES_MAX ||
        (span_is(who, span_str(x->name_of)) && span_is(clean, span_str(x->name))))
        return;
    snprintf(x->name_of, sizeof x->name_of, "%.*s", (int)who.n, who.p);
    snprintf(x->name, sizeof x->name, "%.*s", (int)clean.n, clean.p ? clean.p : "");
    r->is_dirty = true;
}

static void set_gone(struct mx_room *r, bool is_gone) {
    bool value = is_gone || r->has_left;
    r->is_dirty = r->is_dirty || r->memory.is_gone != value;
    r->memory.is_gone = value;
}

static void tell_encrypted(struct mx_room *r) {
    if (r->memory.told_encrypted || r->has_left)
        return;
    r->memory.told_encrypted = r->is_dirty = true;
    mx_notice(r->m, r->id, "encrypted", false);
}

static void member(struct mx_room *r, const json_t *event) {
    struct span who = mx_str(event, "state_key");
    const json_t *content = json_object_get(event, "content");
    struct span state = mx_str(content, "membership");
    bool is_me = span_eq(who, r->m->me);
    if (is_me && span_eq(state, "join")) {
        r->was_joined = r->was_joined || !r->memory.told_welcome || r->memory.is_gone;
        set_gone(r, false);
    } else if (!is_me && span_eq(state, "join")) {
        learn_name(r, who, mx_str(content, "displayname"));
        set_gone(r, false);
        r->was_left = false;
    } else if (!is_me && (span_eq(state, "leave") || span_eq(state, "ban")) &&
               span_is(who, span_str(r->memory.name_of))) {
        set_gone(r, true);
        r->was_left = true;
    }
}

static void look_at_states(struct mx_room *r, const json_t *events) {
    size_t i;
    const json_t *e;
    json_array_foreach(events, i, e) {
        if (!json_object_get(e, "state_key"))
            continue;
        if (span_eq(mx_str(e, "type"), "m.room.member"))
            member(r, e);
        else if (span_eq(mx_str(e, "type"), "m.room.encryption"))
            tell_encrypted(r);
    }
}

static bool is_crowded(const struct mx_room *r) {
    const json_t *s = json_object_get(r->data, "summary");
    int64_t n = json_int(s, "m.joined_member_count", 0) + json_int(s, "m.invited_member_count", 0);
    return n > r->m->o.people_max;
}

bool mx_room_is_over(const struct mx_room *r) {
    const json_t *n = json_object_get(json_object_get(r->data, "summary"), "m.joined_member_count");
    return r->has_left || (r->was_left && (!n || json_integer_value(n) <= 1));
}

/* ---- the walk ---- */
static void start_event(struct mx_room *r) {
    struct mx_event *e = &r->event;
    const json_t *raw = json_array_get(r->events, r->at);
    arena_free(&r->arena);
    r->arena = arena_new();
    mx_event_read(r->arena, raw, span_str(r->m->me), e);
    if (e->kind == MX_ENCRYPTED)
        tell_encrypted(r);
    if (e->kind == MX_IGNORED) {
        r->at++;
    } else if (e->file.mxc.p && e->kind != MX_REACTION && !r->file_fault && r->file.n == 0) {
        mx_media_fetch(r);
    } else {
        hand_over(r);
    }
}

static void next_event(struct mx_room *r) {
    size_t n = json_array_size(r->events);
    size_t before;
    do {
        if (r->m->is_stopping)
            return;
        if (r->at >= n) {
            finish(r);
            return;
        }
        before = r->at;
        start_event(r);
    } while (r->at > before && r->event.kind == MX_IGNORED);
}

/* Membership that an event gives us, or the empty span. */
static struct span own_membership(const struct mx_room *r, const json_t *e) {
    if (!span_eq(mx_str(e, "type"), "m.room.member") || !span_eq(mx_str(e, "state_key"), r->m->me))
        return SPAN_NONE;
    return mx_str(json_object_get(e, "content"), "membership");
}

/* Where our time in the room began: at the invitation, or without one when we came in. */
static size_t entry(const struct mx_room *r, const json_t *all) {
    size_t invited = 0, joined = 0;
    bool was_invited = false;
    for (size_t i = 0; i < json_array_size(all); i++) {
        struct span state = own_membership(r, json_array_get(all, i));
        if (span_eq(state, "invite")) {
            invited = i;
            was_invited = true;
        } else if (span_eq(state, "join")) {
            joined = i;
        }
    }
    return was_invited ? invited : joined;
}

/* Oldest first: what the gap held, then the timeline. In a room that we have just entered, only
 * what was said since the invitation. */
static void line_up(struct mx_room *r) {
    json_t *timeline = json_object_get(json_object_get(r->data, "timeline"), "events");
    json_t *all = json_array();
    for (size_t i = json_array_size(r->gap); i > 0; i--)
        json_array_append(all, json_array_get(r->gap, i - 1));
    json_array_extend(all, timeline);
    look_at_states(r, all);
    r->at = r->was_joined ? entry(r, all) : 0;
    r->events = all;
    next_event(r);
}

static bool page_ends_at(const struct mx_room *r, const json_t *e) {
    return (*r->memory.last && span_eq(mx_str(e, "event_id"), r->memory.last)) ||
           span_eq(own_membership(r, e), "invite");
}

static bool add_page(struct mx_room *r, const json_t *chunk) {
    size_t i;
    json_t *e;
    json_array_foreach(chunk, i, e) {
        if (page_ends_at(r, e))
            return false;
        json_array_append(r->gap, e);
    }
    return json_array_size(chunk) > 0 && json_array_size(r->gap) < MX_GAP_EVENTS_MAX &&
           ++r->pages < MX_GAP_PAGES_MAX;
}

static void on_page(void *arg, const struct mx_answer *a) {
    struct mx_room *r = arg;
    r->call = NULL;
    if (mx_is_transient(a)) {
        later(r, mx_wait_ms(a, r->tries++));
        return;
    }
    struct span end = mx_str(a->json, "end");
    r->tries = 0;
    if (a->status == 200 && add_page(r, json_object_get(a->json, "chunk")) && end.n &&
        !span_eq(end, r->from)) {
        free(r->from);
        r->from = xstrndup(end.p, end.n);
        page(r);
        return;
    }
    if (a->status != 200 || r->pages >= MX_GAP_PAGES_MAX ||
        json_array_size(r->gap) >= MX_GAP_EVENTS_MAX)
        r->m->h->log(r->m->host, 3, "matrix.gap", "A gap in a room could not be closed whole.");
    line_up(r);
}

static void page(struct mx_room *r) {
    struct buf tail = {0};
    char *path = mx_path("/_matrix/client/v3/rooms/%s/messages?dir=b&from=%s", span_str(r->id),
                         span_str(r->from), SPAN_NONE);
    buf_addf(&tail, "%s&limit=%d", path, MX_GAP_PAGE);
    if (r->since) {
        buf_adds(&tail, "&to=");
        mx_enc(&tail, span_str(r->since));
    }
    struct mx_request q = {.method = "GET",
                           .path = tail.p,
                           .what = "/rooms/-/messages",
                           .answer_max = MX_PAGE_BYTES_MAX,
                           .done = on_page,
                           .arg = r};
    r->call = mx_call(r->m, &q);
    buf_free(&tail);
    free(path);
}

static void on_memory(void *arg, int status, struct draht_span value) {
    struct mx_room *r = arg;
    if (!wait_end(r))
        return;
    if (status == 0)
        mx_memory_read(value, &r->memory);
    const json_t *timeline = json_object_get(r->data, "timeline");
    struct span before = mx_str(timeline, "prev_batch");
    r->arena = arena_new();
    look_at_states(r, json_object_get(json_object_get(r->data, "state"), "events"));
    look_at_states(r, json_object_get(timeline, "events"));
    if (r->batch->is_recovery && !*r->memory.last) {
        finish(r); /* nothing of it was taken in before, so where it ends is not known */
        return;
    }
    if (r->has_left) {
        set_gone(r, true);
    } else if (is_crowded(r)) {
        mx_notice(r->m, r->id, "crowded", true);
        set_gone(r, true);
        finish(r);
        return;
    } else if (r->was_joined) {
        r->memory.told_welcome = r->is_dirty = true;
        if (!r->memory.told_encrypted)
            mx_notice(r->m, r->id, "welcome", false);
    }
    r->gap = json_array();
    if (json_flag(timeline, "limited", false) && before.n) {
        r->from = xstrndup(before.p, before.n);
        page(r);
    } else {
        line_up(r);
    }
}

bool mx_room_is_silent(const struct mx_room *r) {
    const json_t *timeline = json_object_get(r->data, "timeline"),
                 *state = json_object_get(r->data, "state");
    return !r->has_left && json_array_size(json_object_get(timeline, "events")) == 0 &&
           json_array_size(json_object_get(state, "events")) == 0 &&
           !json_flag(timeline, "limited", false);
}

void mx_room_start(struct mx_room *r) {
    char key[40];
    wait_begin(r);
    mx_memory_key(r->m, span_str(r->id), key);
    r->m->h->state_get(r->m->host, kit_str(key), on_memory, r);
}
