/* SPDX-License-Identifier: EUPL-1.2 */
/* messaging_in: entries of a page (Messenger) or of an Instagram account. */
#include "channels/abi/draht_channel.h"
#include "channels/kit/kit.h"
#include "channels/meta/event.h"

#define LISTED_MAX 200 /* message ids in one delivery report */

static void read_file(struct meta_reader *r, struct meta_event *e, const char *type,
                      struct span url) {
    struct meta_file *f = meta_file_new(r, e);
    if (!f)
        return;
    f->url = arena_dup(r->a, url);
    f->name = meta_file_name(r->a, SPAN_NONE, type, SPAN_NONE);
}

static bool is_file(const char *type) {
    return strcmp(type, "image") == 0 || strcmp(type, "audio") == 0 || strcmp(type, "video") == 0 ||
           strcmp(type, "file") == 0;
}

/* What is no file of the citizen's (links, shared posts, reels) stays a link. */
static void read_attachment(struct meta_reader *r, struct meta_event *e, const json_t *x,
                            struct buf *b) {
    const char *type = json_str(x, "type", "");
    const json_t *payload = json_object_get(x, "payload");
    struct span url = meta_str(payload, "url");
    if (strcmp(type, "location") == 0) {
        const json_t *place = json_object_get(payload, "coordinates");
        kit_line(b, meta_str(x, "title"));
        meta_place(b, json_object_get(place, "lat"), json_object_get(place, "long"));
    } else if (is_file(type) && url.n) {
        read_file(r, e, type, url);
    } else if (!url.n || !b->n || !memmem(b->p, b->n, url.p, url.n)) { /* not said by the text */
        kit_line(b, meta_str(x, "title"));
        kit_line(b, meta_str(payload, "title"));
        kit_line(b, url.n ? url : meta_str(x, "url"));
        if (b->n == 0)
            e->warning = "The citizen sent something that is not handed over.";
    }
}

static const char *reason_to_ignore(const json_t *message) {
    if (json_flag(message, "is_echo", false))
        return "an echo of an own message";
    if (json_flag(message, "is_deleted", false))
        return "the citizen took a message back";
    const json_t *files = json_object_get(message, "attachments");
    const json_t *first = json_array_get(files, 0);
    if (strcmp(json_str(first, "type", ""), "story_mention") == 0)
        return "a mention in a story";
    return NULL;
}

static void read_message(struct meta_reader *r, struct meta_event *e, const json_t *m) {
    const char *ignored = reason_to_ignore(m);
    if (ignored) {
        e->ignored = ignored;
        return;
    }
    struct buf b = {0};
    e->external_id = meta_id(r->a, m, "mid");
    e->quoted = meta_id(r->a, json_object_get(m, "reply_to"), "mid");
    kit_line(&b, meta_str(m, "text"));
    if (b.n == 0)
        kit_line(&b, meta_str(json_object_get(m, "quick_reply"), "payload"));
    const json_t *files = json_object_get(m, "attachments");
    for (size_t i = 0; i < json_array_size(files); i++)
        read_attachment(r, e, json_array_get(files, i), &b);
    if (json_flag(m, "is_unsupported", false))
        e->warning = "The citizen sent something that is not handed over.";
    meta_event_text(r, e, &b);
}

/* A new wording of an earlier message, with its number so that each edit is taken in once. */
static void read_edit(struct meta_reader *r, struct meta_event *e, const json_t *m) {
    struct span mid = meta_id(r->a, m, "mid");
    struct buf b = {0};
    if (mid.n)
        e->external_id = span_str(arena_printf(r->a, "%.*s#%lld", (int)mid.n, mid.p,
                                               (long long)json_int(m, "num_edit", 1)));
    e->quoted = mid;
    e->warning = "The citizen has changed an earlier message to this.";
    kit_line(&b, meta_str(m, "text"));
    meta_event_text(r, e, &b);
}

static void read_postback(struct meta_reader *r, struct meta_event *e, const json_t *p) {
    struct buf b = {0};
    e->external_id = meta_id(r->a, p, "mid");
    if (!e->external_id.n)
        e->external_id = span_str(arena_printf(r->a, "postback:%.*s:%lld", (int)e->sender.n,
                                               e->sender.p, (long long)e->at_ms));
    kit_line(&b, meta_str(p, "title"));
    if (b.n == 0)
        kit_line(&b, meta_str(p, "payload"));
    meta_event_text(r, e, &b);
}

/* Older apps of Meta name the time alone. */
static void read_delivered_up_to(struct meta_event *e, int64_t at_ms) {
    e->at_ms = at_ms;
    e->state = DRAHT_RECEIPT_DELIVERED;
    if (at_ms > 0 && e->sender.n)
        e->kind = META_UP_TO;
}

static void read_delivery(struct meta_reader *r, struct meta_event *of, const json_t *d) {
    const json_t *mids = json_object_get(d, "mids");
    struct span sender = of->sender;
    int64_t at_ms = meta_time(d, "watermark");
    if (json_array_size(mids) == 0) {
        read_delivered_up_to(of, at_ms);
        return;
    }
    r->batch->n--; /* one event a message id takes its place */
    for (size_t i = 0; i < json_array_size(mids) && i < LISTED_MAX; i++) {
        json_t *holder = json_object();
        json_object_set(holder, "mid", json_array_get(mids, i));
        struct span mid = meta_id(r->a, holder, "mid");
        json_decref(holder);
        struct meta_event *e = mid.n ? meta_event_new(r) : NULL;
        if (!e)
            continue;
        e->kind = META_RECEIPT;
        e->state = DRAHT_RECEIPT_DELIVERED;
        e->external_id = mid;
        e->sender = e->thread = sender;
        e->at_ms = at_ms;
    }
}

static void read_read(struct meta_reader *r, struct meta_event *e, const json_t *d) {
    e->external_id = meta_id(r->a, d, "mid");
    if (e->external_id.n) {
        e->kind = META_RECEIPT;
        e->state = DRAHT_RECEIPT_READ;
        return;
    }
    e->at_ms = meta_time(d, "watermark");
    e->state = DRAHT_RECEIPT_READ;
    if (e->at_ms > 0 && e->sender.n)
        e->kind = META_UP_TO;
}

static bool is_other(const json_t *x) {
    static const char *const others[] = {
        "reaction",           "optin",     "referral",         "account_linking",
        "policy_enforcement", "game_play", "response_feedback"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (json_object_get(x, others[i]))
            return true;
    return false;
}

static void read_one(struct meta_reader *r, const json_t *x) {
    struct meta_event *e = meta_event_new(r);
    if (!e)
        return;
    e->sender = e->thread = meta_id(r->a, json_object_get(x, "sender"), "id");
    e->at_ms = meta_time(x, "timestamp");
    if (json_object_get(json_object_get(x, "sender"), "user_ref"))
        e->ignored = "a check box without a sender";
    else if (e->sender.n && span_is(e->sender, r->account))
        e->ignored = "an echo of an own message";
    else if (json_object_get(x, "message"))
        read_message(r, e, json_object_get(x, "message"));
    else if (json_object_get(x, "message_edit"))
        read_edit(r, e, json_object_get(x, "message_edit"));
    else if (json_object_get(x, "postback"))
        read_postback(r, e, json_object_get(x, "postback"));
    else if (json_object_get(x, "read"))
        read_read(r, e, json_object_get(x, "read"));
    else if (json_object_get(x, "delivery"))
        read_delivery(r, e, json_object_get(x, "delivery"));
    else if (is_other(x))
        e->ignored = "an event that is no message";
}

void meta_read_messaging(struct meta_reader *r, const json_t *entry) {
    const json_t *list = json_object_get(entry, "messaging");
    for (size_t i = 0; i < json_array_size(list); i++)
        read_one(r, json_array_get(list, i));
    if (json_array_size(json_object_get(entry, "standby")))
        meta_event_ignore(r, "another app has the conversation");
    if (json_array_size(json_object_get(entry, "changes")))
        meta_event_ignore(r, "another field");
}
