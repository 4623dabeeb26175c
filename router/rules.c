/* SPDX-License-Identifier: EUPL-1.2 */
/* rules: where a new message goes. The words of the configuration are folded once, not per message.
 */
#include <fnmatch.h>
#include <stdlib.h>

#include "gateway/base/utf8.h"
#include "router/inner.h"

#define RECIPIENT_MAX_BYTES 320
#define RULE_TEXT_MAX_BYTES 65536

struct rules {
    const struct config *config;
    struct arena *arena;
    struct span **words; /* one array a rule */
};

struct rules *rules_new(const struct config *c) {
    struct rules *r = xcalloc(1, sizeof *r);
    r->config = c;
    r->arena = arena_new();
    r->words = arena_alloc(r->arena, sizeof(struct span *) * (size_t)(c->rules_n + 1));
    for (int i = 0; i < c->rules_n; i++) {
        r->words[i] =
            arena_alloc(r->arena, sizeof(struct span) * (size_t)(c->rules[i].words_n + 1));
        for (int k = 0; k < c->rules[i].words_n; k++)
            r->words[i][k] = utf8_fold(r->arena, span_str(c->rules[i].words[k]));
    }
    return r;
}

void rules_free(struct rules **r) {
    if (!*r)
        return;
    arena_free(&(*r)->arena);
    free(*r);
    *r = NULL;
}

static bool has_word(const struct rules *r, int i, struct span folded) {
    for (int k = 0; k < r->config->rules[i].words_n; k++) {
        struct span w = r->words[i][k];
        if (w.n && memmem(folded.p, folded.n, w.p, w.n))
            return true;
    }
    return false;
}

static bool time_holds(const struct rules *r, const char *time, const char *queue, int64_t now_ms) {
    const struct config_queue *q = config_queue(r->config, queue);
    const struct config_calendar *c =
        q && q->calendar ? config_calendar(r->config, q->calendar) : NULL;
    bool is_open = !c || calendar_is_open(c, now_ms);
    return strcmp(time, "open") == 0 ? is_open : !is_open;
}

static bool matches(const struct rules *r, int i, struct arena *a, const struct rules_facts *f,
                    struct span folded, const char *queue) {
    const struct config_rule *x = &r->config->rules[i];
    if (x->channel && strcmp(x->channel, f->channel) != 0)
        return false;
    if (x->language && !span_ieq(f->language, x->language))
        return false;
    if (x->recipient) {
        if (f->recipient.n > RECIPIENT_MAX_BYTES)
            return false;
        if (fnmatch(x->recipient, arena_strndup(a, f->recipient.p, f->recipient.n), FNM_CASEFOLD) !=
            0)
            return false;
    }
    if (x->words_n && !has_word(r, i, folded))
        return false;
    return !x->time || time_holds(r, x->time, queue, f->now_ms);
}

static const struct config_channel *channel_of(const struct config *c, const char *id) {
    for (int i = 0; i < c->channels_n; i++)
        if (strcmp(c->channels[i].id, id) == 0)
            return &c->channels[i];
    return NULL;
}

void rules_apply(const struct rules *r, struct arena *a, const struct rules_facts *f,
                 struct rules_verdict *out) {
    const struct config *c = r->config;
    const struct config_channel *ch = channel_of(c, f->channel);
    *out = (struct rules_verdict){ch && ch->queue && *ch->queue ? ch->queue
                                  : c->queues_n                 ? c->queues[0].id
                                                                : "inbox",
                                  "normal", "", NULL};
    struct span text = f->text;
    if (text.n > RULE_TEXT_MAX_BYTES)
        text.n = RULE_TEXT_MAX_BYTES;
    struct span folded = {0};
    if (c->rules_n)
        folded = utf8_fold(a, span_str(arena_printf(a, "%.*s\n%.*s", (int)f->subject.n,
                                                    f->subject.n ? f->subject.p : "", (int)text.n,
                                                    text.n ? text.p : "")));
    for (int i = 0; i < c->rules_n; i++) {
        const struct config_rule *x = &c->rules[i];
        if (!matches(r, i, a, f, folded, out->queue))
            continue;
        if (x->queue)
            out->queue = x->queue;
        if (x->priority)
            out->priority = x->priority;
        if (x->acknowledge)
            out->acknowledge = x->acknowledge;
        for (int k = 0; k < x->tags_n; k++)
            out->tags = arena_printf(a, "%s%s%s", out->tags, *out->tags ? "," : "", x->tags[k]);
        if (x->stop)
            break;
    }
    if (out->acknowledge && strcmp(out->acknowledge, "none") == 0)
        out->acknowledge = NULL;
}
