/* SPDX-License-Identifier: EUPL-1.2 */
/* cases_begin: what can be seen of a channel before a message: its table, its options, its start.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/conformance/inner.h"
#include "channels/host.h"

enum { OPTIONS_MAX = 200, PROGRAM_MS = 8000 };

static bool is_word(const char *s, const char *more) {
    if (!s || !islower((unsigned char)*s))
        return false;
    for (const char *p = s; *p; p++)
        if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && !strchr(more, *p))
            return false;
    return strlen(s) <= 32;
}

static bool caps_exist(uint32_t caps) {
    json_t *names = host_caps(caps);
    size_t n = json_array_size(names), bits = 0;
    for (; caps; caps &= caps - 1)
        bits++;
    json_decref(names);
    return n == bits;
}

static void case_table(struct conf *k) {
    const struct draht_channel_ops *o = &k->ops;
    if (k->loaded->size < offsetof(struct draht_channel_ops, send) + sizeof o->send ||
        k->loaded->size > 4096)
        conf_fail(k, "ops.size is %u; set it to sizeof(struct draht_channel_ops)", k->loaded->size);
    else if (!is_word(o->type, "-"))
        conf_fail(k, "the type \"%s\" is no name: 1 to 32 of a-z, 0-9 and dash, a letter first",
                  o->type ? o->type : "");
    else if (!o->open || !o->start || !o->stop || !o->close || !o->send)
        conf_fail(k, "one of open, start, stop, close, send is missing in the table");
    else if (!caps_exist(o->caps))
        conf_fail(k, "caps (0x%x) holds a bit that does not exist", o->caps);
    else if ((o->caps & DRAHT_CAP_TYPING) && !o->typing)
        conf_fail(k, "caps says typing, but there is no function for it");
}

static bool enum_holds(const char *values, const char *word) {
    struct span rest = span_str(values);
    while (rest.p)
        if (span_eq(span_cut(&rest, '|'), word))
            return true;
    return false;
}

static const char *row_fault(const struct draht_option *r) {
    long long v = r->fallback ? strtoll(r->fallback, NULL, 10) : 0;
    if (!is_word(r->name, "_"))
        return "its name is not made of a-z, 0-9 and underscore";
    if (!r->help || !*r->help)
        return "it has no help text";
    if (r->type > DRAHT_OPT_TREE)
        return "its type does not exist";
    if (r->max < r->min)
        return "its max is below its min";
    if (r->type == DRAHT_OPT_ENUM && (!r->values || !*r->values))
        return "an ENUM needs values, such as \"a|b\"";
    if (r->type == DRAHT_OPT_ENUM && r->fallback && !enum_holds(r->values, r->fallback))
        return "its fallback is none of its values";
    if (r->type == DRAHT_OPT_INT && r->fallback && *r->fallback && (v < r->min || v > r->max))
        return "its fallback is outside min and max";
    if ((r->flags & DRAHT_OPT_REQUIRED) && r->fallback && *r->fallback)
        return "it is required and has a fallback; one of both is of no use";
    return NULL;
}

static void case_options(struct conf *k) {
    const struct draht_option *rows = k->ops.options;
    int n = 0;
    for (; rows && rows[n].name && n < OPTIONS_MAX; n++) {
        const char *fault = row_fault(&rows[n]);
        if (fault) {
            conf_fail(k, "option %s: %s", rows[n].name, fault);
            return;
        }
        for (int i = 0; i < n; i++)
            if (!strcmp(rows[i].name, rows[n].name))
                conf_fail(k, "option %s stands twice in the table", rows[n].name);
    }
    if (n == OPTIONS_MAX)
        conf_fail(k, "the option table has no end; its last row has a NULL name");
}

static void case_script(struct conf *k) {
    if (!json_object_size(k->script) || !json_object_get(k->script, "inbound"))
        conf_fail(k, "there is no conformance.yaml that says how messages come in; write one and "
                     "put it beside the channel (docs/channel-plugins.md)");
    else if (!json_object_get(k->script, "outbound"))
        conf_fail(k, "conformance.yaml has no part \"outbound\": what does a send look like?");
}

/* Whether a channel with these options is refused with a sentence. */
static bool is_refused(struct conf *k, const json_t *over, const char **why) {
    struct buf err = {0};
    char text[256] = "";
    bool refused = conf_options(k, over, &err) < 0;
    size_t n = err.n;
    buf_free(&err);
    *why = refused && n < 10 ? "it was refused without a sentence" : NULL;
    if (refused)
        return !*why;
    k->is_open = true;
    int rc = k->ops.open(&conf_host, k, CONF_ID, k->options, &k->channel, text);
    k->is_open = rc >= 0;
    text[sizeof text - 1] = 0;
    if (rc < 0)
        k->channel = NULL;
    else
        conf_close(k);
    *why = rc >= 0             ? "it was taken"
           : strlen(text) < 10 ? "open refused it without a sentence in err"
                               : NULL;
    return rc < 0 && !*why;
}

static char first_sentence[CONF_TEXT_BYTES];

static bool says_something(const struct conf *k) {
    return k->is_up || strcmp(k->sentence, first_sentence) != 0;
}

/* A program can only say so once it runs. */
static bool program_refuses(struct conf *k, const json_t *over, const char **why) {
    json_t *kept = json_deep_copy(json_object_get(k->script, "options"));
    json_object_set_new(k->script, "options", conf_merge(kept, over));
    k->sentence[0] = 0;
    int rc = conf_open(k);
    snprintf(first_sentence, sizeof first_sentence, "%s", k->sentence);
    if (rc >= 0)
        conf_wait(k, says_something, PROGRAM_MS);
    *why = rc < 0                     ? NULL
           : k->is_up                 ? "it was taken"
           : strlen(k->sentence) < 10 ? "it was refused without a sentence"
                                      : NULL;
    conf_close(k);
    json_object_set_new(k->script, "options", kept);
    return !*why;
}

static void case_missing(struct conf *k) {
    const char *why;
    int n = 0;
    if (k->program) {
        conf_skip(k, "a program checks its settings itself; put them under wrong: {name: null}");
        return;
    }
    for (const struct draht_option *r = k->ops.options; r && r->name; r++) {
        if (!(r->flags & DRAHT_OPT_REQUIRED))
            continue;
        json_t *over = json_pack("{s:n}", r->name);
        n++;
        if (!is_refused(k, over, &why))
            conf_fail(k, "without the option %s: %s", r->name, why);
        json_decref(over);
    }
    if (!n)
        conf_skip(k, "no option is required");
}

static void case_wrong(struct conf *k) {
    const json_t *list = conf_get(k, "wrong");
    const char *why;
    if (!json_array_size(list))
        conf_skip(k, "the script has no list \"wrong\"");
    for (size_t i = 0; i < json_array_size(list); i++) {
        char *text = json_text(json_array_get(list, i));
        const json_t *one = json_array_get(list, i);
        if (!(k->program ? program_refuses(k, one, &why) : is_refused(k, one, &why)))
            conf_fail(k, "options %.200s: %s; check options in open and put a sentence into err",
                      text, why);
        free(text);
    }
}

static void case_open(struct conf *k) {
    k->never_opened = !conf_ready(k);
}

const struct conf_case conf_cases_begin[] = {{"table", case_table},
                                             {"option rows", case_options},
                                             {"script", case_script},
                                             {"missing option", case_missing},
                                             {"wrong option", case_wrong},
                                             {"open", case_open},
                                             {NULL, NULL}};
