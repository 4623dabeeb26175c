/* SPDX-License-Identifier: EUPL-1.2 */
/* cli_channel: what operators do with channels from the command line: look at them, begin one, try
 * one. */
#include "gateway/cli_channel.h"

#include <stdio.h>
#include <stdlib.h>

#include "channels/conformance/conformance.h"
#include "channels/host.h"
#include "channels/registry.h"
#include "gateway/base/json.h"
#include "gateway/cli.h"
#include "gateway/cli_channel_log.h"

const char cli_channel_help[] =
    "draht channel list [--json]\n"
    "draht channel options TYPE [--json]\n"
    "draht channel new NAME --lang c|python|sh [--dir FOLDER]\n"
    "draht channel test TYPE|PATH [--options FILE] [--script FILE] [--case NAME] [--json] "
    "[--verbose]\n"
    "draht channel log ID [--follow] [-n N] [--json] [-c FILE] [--state DIR]\n\n"
    "list     the channel types that are built in, and what they can do\n"
    "options  the settings of a type, as YAML to copy\n"
    "new      writes a working channel into the folder NAME, to be changed into yours\n"
    "log      every request and answer of a channel of this installation, redacted\n"
    "test     tries a channel: a built-in type, a shared object, a program, or the folder of one.\n"
    "         Each case is reported as ok, FAILED (what to mend) or not applicable (why).\n"
    "  --options FILE  YAML laid over the options of the script\n"
    "  --script FILE   how its provider speaks; without it conformance.yaml beside the channel\n"
    "  --case NAME     this case alone\n"
    "  --json          the report as one JSON object\n"
    "  --verbose       shows what the channel logs\n"
    "Exit status: 0 all cases passed, 1 one failed or nothing could be tried, 2 used wrongly.\n"
    "docs/channel-plugins.md is the tutorial.\n";

struct arguments {
    const char *words[3], *lang, *dir, *options, *script, *only;
    int words_n;
    bool as_json, is_loud;
};

static int usage(const char *text) {
    fprintf(stderr, "draht channel: %s; see draht channel --help\n", text);
    return CLI_USAGE;
}

static json_t *describe(const struct draht_channel_ops *o) {
    return json_pack("{s:s,s:o,s:I,s:I,s:s}", "type", o->type, "caps", host_caps(o->caps),
                     "text_max", (json_int_t)o->text_max, "reply_window_hours",
                     (json_int_t)o->reply_window_hours, "from", "built in");
}

static int print_json(json_t *v) {
    char *text = json_text(v);
    puts(text);
    free(text);
    json_decref(v);
    return CLI_OK;
}

static int do_list(const struct arguments *a) {
    json_t *all = json_array();
    for (int i = 0; registry_at(i); i++)
        json_array_append_new(all, describe(registry_at(i)));
    if (a->as_json)
        return print_json(all);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *o = json_array_get(all, i), *list = json_object_get(o, "caps");
        printf("%-16s %-10s", json_str(o, "type", ""), json_str(o, "from", ""));
        for (size_t c = 0; c < json_array_size(list); c++)
            printf(" %s", json_string_value(json_array_get(list, c)));
        puts("");
    }
    json_decref(all);
    return CLI_OK;
}

static const char *const type_names[] = {"text",   "number", "yes or no",
                                         "one of", "list",   "section"};

static json_t *row_json(const struct draht_option *r) {
    json_t *o = json_pack("{s:s,s:s,s:b,s:b,s:b,s:s}", "name", r->name, "type", type_names[r->type],
                          "required", (r->flags & DRAHT_OPT_REQUIRED) != 0, "secret",
                          (r->flags & DRAHT_OPT_SECRET) != 0, "reload",
                          (r->flags & DRAHT_OPT_RELOAD) != 0, "help", r->help ? r->help : "");
    json_puts(o, "default", r->fallback);
    json_puts(o, "values", r->values);
    json_puti(o, "min", r->min);
    json_puti(o, "max", r->max);
    return o;
}

static void print_row(const struct draht_option *r) {
    const char *v = r->fallback ? r->fallback : "";
    bool is_list = r->type == DRAHT_OPT_LIST;
    bool is_map = r->type == DRAHT_OPT_TREE;
    bool plain = r->type == DRAHT_OPT_INT || r->type == DRAHT_OPT_BOOL || r->type == DRAHT_OPT_ENUM;
    const char *mark = is_list ? "[" : is_map ? "{}" : plain && *v ? "" : "\"";
    printf("  # %s\n  # %s%s%s%s%s", r->help ? r->help : "", type_names[r->type],
           r->values ? " " : "", r->values ? r->values : "",
           r->flags & DRAHT_OPT_REQUIRED ? ", required" : "",
           r->flags & DRAHT_OPT_SECRET ? ", secret (file:/path or env:NAME)" : "");
    if (r->type == DRAHT_OPT_INT)
        printf(", %lld to %lld", r->min, r->max);
    printf("%s\n  %s%s: %s", r->flags & DRAHT_OPT_RELOAD ? ", without restart" : "",
           r->flags & DRAHT_OPT_REQUIRED ? "" : "# ", r->name, mark);
    struct span rest = span_str(v);
    for (int i = 0; is_list && *v && rest.p; i++) {
        struct span item = span_cut(&rest, ',');
        printf("%s\"%.*s\"", i ? ", " : "", (int)item.n, item.p);
    }
    printf("%s%s\n", is_list || is_map ? "" : v, is_list ? "]" : is_map ? "" : mark);
}

static int do_options(const struct arguments *a) {
    const struct draht_channel_ops *o = registry_find(a->words[1]);
    json_t *all = json_array();
    if (!o) {
        fprintf(stderr, "draht channel options: there is no channel type %s; draht channel list\n",
                a->words[1]);
        json_decref(all);
        return CLI_FAILED;
    }
    if (!a->as_json)
        printf("# Settings of a channel of the type %s.\noptions:\n", o->type);
    for (const struct draht_option *r = o->options; r && r->name; r++) {
        if (a->as_json)
            json_array_append_new(all, row_json(r));
        else
            print_row(r);
    }
    if (a->as_json)
        return print_json(all);
    json_decref(all);
    return CLI_OK;
}

static bool is_name(const char *s) {
    size_t n = strlen(s);
    return n >= 1 && n <= 32 && s[0] >= 'a' && s[0] <= 'z' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int do_new(const struct arguments *a) {
    if (!is_name(a->words[1]))
        return usage("a name has 1 to 32 of a-z, 0-9, dash, and begins with a letter");
    if (registry_find(a->words[1]))
        return usage("there is a built-in channel type with this name; choose another");
    if (!a->lang ||
        (strcmp(a->lang, "c") != 0 && strcmp(a->lang, "python") != 0 && strcmp(a->lang, "sh") != 0))
        return usage("new needs --lang c, --lang python or --lang sh");
    return cli_channel_new(a->words[1], a->lang, a->dir ? a->dir : a->words[1]) < 0 ? CLI_FAILED
                                                                                    : CLI_OK;
}

static int do_test(const struct arguments *a) {
    struct conformance_options o = {.target = a->words[1],
                                    .options = a->options,
                                    .script = a->script,
                                    .only = a->only,
                                    .as_json = a->as_json,
                                    .is_loud = a->is_loud};
    return conformance_run(&o) ? CLI_FAILED : CLI_OK;
}

static const char **slot_of(struct arguments *a, const char *word) {
    const struct {
        const char *name, **slot;
    } slots[] = {{"--lang", &a->lang},
                 {"--dir", &a->dir},
                 {"--options", &a->options},
                 {"--script", &a->script},
                 {"--case", &a->only}};
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        if (!strcmp(word, slots[i].name))
            return slots[i].slot;
    return NULL;
}

/* CLI_OK, CLI_USAGE, or -1: help was asked for. */
static int parse(struct arguments *a, int n, char **words) {
    for (int i = 0; i < n; i++) {
        const char **slot = slot_of(a, words[i]);
        if (!strcmp(words[i], "--help") || !strcmp(words[i], "-h"))
            return -1;
        if (slot && i + 1 < n)
            *slot = words[++i];
        else if (slot)
            return usage("an option lacks its value");
        else if (!strcmp(words[i], "--json"))
            a->as_json = true;
        else if (!strcmp(words[i], "--verbose"))
            a->is_loud = true;
        else if (words[i][0] == '-' || a->words_n == 2)
            return usage("there is no such option");
        else
            a->words[a->words_n++] = words[i];
    }
    return CLI_OK;
}

int cli_channel(int words_n, char **words) {
    static const struct {
        const char *name;
        int (*fn)(const struct arguments *a);
        int words;
    } actions[] = {
        {"list", do_list, 1}, {"options", do_options, 2}, {"new", do_new, 2}, {"test", do_test, 2}};
    struct arguments a = {0};
    if (words_n && !strcmp(words[0], "log"))
        return cli_channel_log(words_n - 1, words + 1);
    int e = parse(&a, words_n, words);
    if (e < 0)
        fputs(cli_channel_help, stdout);
    if (e != CLI_OK)
        return e < 0 ? CLI_OK : e;
    for (size_t i = 0; a.words_n && i < sizeof actions / sizeof *actions; i++)
        if (!strcmp(a.words[0], actions[i].name))
            return a.words_n == actions[i].words ? actions[i].fn(&a)
                                                 : usage("a name is missing, or one too many");
    return usage("list, options, new, test or log");
}
