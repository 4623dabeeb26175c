/* SPDX-License-Identifier: EUPL-1.2 */
/* cli: words and options to calls. Every command answers --help; a wrong word gets the nearest one.
 */
#include "gateway/cli.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "channels/host.h"
#include "channels/registry.h"
#include "gateway/api/api.h"
#include "gateway/app.h"
#include "gateway/base/log.h"
#include "gateway/cli_channel.h"

#define NORMALIZE_BYTES_MAX (64 * 1024 * 1024)

struct cli_args {
    struct app_options app;
    struct app_user_command user;
    const char *words[4];
    int words_n;
    bool password_stdin;
};

static const char help_all[] =
    "Draht: citizens' messages from all channels in one inbox.\n\n"
    "  draht run [-c FILE] [--state DIR] [--demo]   starts the gateway\n"
    "  draht check [-c FILE]                        reads the settings and names every fault\n"
    "  draht explain [KEY]                          describes a setting, or all\n"
    "  draht normalize TYPE FILE|-                  shows what a channel makes of raw input\n"
    "  draht channel list|options|new|test|log      channel types; begins and tries one of yours\n"
    "  draht user add|passwd|list                   accounts of the inbox\n"
    "  draht erase TICKET                           forgets the citizen behind a ticket\n"
    "  draht version                                prints the version\n"
    "  draht help                                   prints this\n\n"
    "draht COMMAND --help says more. Exit status: 0 done, 1 failed, 2 used wrongly.\n";

static int do_run(struct cli_args *a);
static int do_check(struct cli_args *a);
static int do_explain(struct cli_args *a);
static int do_normalize(struct cli_args *a);
static int do_user(struct cli_args *a);
static int do_erase(struct cli_args *a);
static int do_version(struct cli_args *a);
static int do_help(struct cli_args *a);

static const struct {
    const char *name;
    int (*fn)(struct cli_args *a);
    int words_min, words_max;
    const char *help;
} commands[] = {
    {"run", do_run, 0, 0,
     "draht run [-c FILE] [--state DIR] [--demo]\n\n"
     "Starts the gateway and stays in the foreground. Without -c the defaults hold.\n"
     "  -c FILE      settings (YAML); draht explain describes them\n"
     "  --state DIR  folder for keys, data and the embedded Redis, above state_dir of the "
     "settings\n"
     "  --demo       a demonstration with invented citizens; nothing is sent out\n"
     "TERM or INT ends it in order (at most 10 seconds), another one a second later or more ends "
     "it at once; HUP reads the settings again.\n"},
    {"check", do_check, 0, 0,
     "draht check [-c FILE]\n\nReads the settings without starting anything and prints each fault "
     "as file:line:column: text.\n"},
    {"explain", do_explain, 0, 1,
     "draht explain [KEY]\n\nDescribes a setting such as outbox.lease_s, or all of them.\n"},
    {"normalize", do_normalize, 2, 2,
     "draht normalize TYPE FILE|-\n\n"
     "Prints, as one JSON object a line, what the channel type makes of raw input (email: a mail). "
     "Touches no data.\n"},
    {"channel", NULL, 0, 0, cli_channel_help}, /* reads its words itself */
    {"user", do_user, 1, 2,
     "draht user list\ndraht user add ID [--name NAME] [--role agent|admin] [--access all|own] "
     "[--queues A,B] [--password-stdin]\n"
     "draht user passwd ID [--password-stdin]\n\n"
     "Works beside a running gateway, and without one. Takes -c FILE and --state DIR as draht run "
     "does. Whoever has\n"
     "--access own sees the tickets of the offices in --queues, and those assigned by name; "
     "without "
     "--access the\n"
     "setting staff.access counts. Without\n"
     "--password-stdin a random password is printed. A new password ends all sessions of the "
     "account.\n"},
    {"erase", do_erase, 1, 1,
     "draht erase TICKET\n\n"
     "Destroys the key of the citizen behind the ticket: whatever this citizen wrote and was sent "
     "becomes unreadable\n"
     "for ever, the tickets stay as closed shells. Works beside a running gateway, and without "
     "one. "
     "Takes -c FILE and\n"
     "--state DIR as draht run does.\n"},
    {"version", do_version, 0, 0, "draht version\n\nPrints the version.\n"},
    {"help", do_help, 0, 1, "draht help [COMMAND]\n\nPrints help.\n"},
};
#define COMMANDS (sizeof commands / sizeof *commands)

static int do_run(struct cli_args *a) {
    return app_run(&a->app);
}

/* Channels say themselves which settings they take. */
static bool check_channels(const char *path, const struct config *c) {
    bool good = true;
    for (int i = 0; i < c->channels_n; i++) {
        const struct config_channel *cc = &c->channels[i];
        char err[256] = "";
        if (!cc->enabled || registry_check(cc->type, cc->options, err) >= 0)
            continue;
        printf("%s:%d:%d: channel %s: %s\n", path ? path : "defaults", cc->line, cc->column, cc->id,
               err);
        good = false;
    }
    return good;
}

static int do_check(struct cli_args *a) {
    struct buf faults = {0};
    struct config *c = config_load(a->app.config_path, registry_options, &faults);
    if (faults.n)
        fputs(faults.p, c ? stderr : stdout);
    bool good = c && check_channels(a->app.config_path, c);
    if (good)
        printf("%s: no faults; %d offices, %d channels, %d rules\n",
               a->app.config_path ? a->app.config_path : "defaults", c->queues_n, c->channels_n,
               c->rules_n);
    int status = good ? CLI_OK : CLI_FAILED;
    if (c)
        config_free(&c);
    buf_free(&faults);
    return status;
}

static int do_explain(struct cli_args *a) {
    struct buf out = {0};
    int e = config_explain(a->words[0], registry_options, &out);
    if (e < 0)
        fprintf(stderr, "draht explain: there is no setting %s.\n", a->words[0] ? a->words[0] : "");
    if (out.n)
        fputs(out.p, e < 0 ? stderr : stdout);
    buf_free(&out);
    return e < 0 ? CLI_FAILED : CLI_OK;
}

static bool read_all(const char *path, struct buf *out) {
    FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
    char part[65536];
    if (!f)
        return false;
    for (size_t n; out->n <= NORMALIZE_BYTES_MAX && (n = fread(part, 1, sizeof part, f)) > 0;)
        buf_add(out, part, n);
    bool ok = !ferror(f) && out->n <= NORMALIZE_BYTES_MAX;
    if (f != stdin)
        fclose(f);
    return ok;
}

static int do_normalize(struct cli_args *a) {
    struct buf raw = {0}, out = {0};
    char err[256] = "";
    if (!registry_find(a->words[0])) {
        fprintf(
            stderr,
            "draht normalize: there is no built-in channel type %s; draht channel list names all, "
            "and programs may have a way of their own (draht-xmpp --normalize)\n",
            a->words[0]);
        return CLI_FAILED;
    }
    if (!read_all(a->words[1], &raw)) {
        fprintf(stderr, "draht normalize: %s cannot be read\n", a->words[1]);
        buf_free(&raw);
        return CLI_FAILED;
    }
    int e = crypto_init() < 0 ? ERR_CRYPTO : host_normalize(a->words[0], buf_span(&raw), &out, err);
    if (e < 0)
        fprintf(stderr, "draht normalize: %s: %s\n", a->words[1], err[0] ? err : error_sentence(e));
    else
        printf("%s%s", out.p, out.n && out.p[out.n - 1] == '\n' ? "" : "\n");
    buf_free(&raw);
    buf_free(&out);
    return e < 0 ? CLI_FAILED : CLI_OK;
}

static int read_password(char out[API_PASSWORD_BYTES_MAX + 2]) {
    struct termios old;
    bool tty = tcgetattr(STDIN_FILENO, &old) == 0;
    if (tty) {
        struct termios quiet = old;
        quiet.c_lflag &= (tcflag_t)~ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
        fputs("New password: ", stderr);
    }
    char *got = fgets(out, API_PASSWORD_BYTES_MAX + 2, stdin);
    if (tty) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
        fputs("\n", stderr);
    }
    if (!got)
        return -1;
    out[strcspn(out, "\r\n")] = 0;
    return utf8_count(span_str(out)) >= API_PASSWORD_CHARS_MIN ? 0 : -1;
}

static int usage(const char *text) {
    fprintf(stderr, "draht: %s\n", text);
    return CLI_USAGE;
}

static int do_user(struct cli_args *a) {
    static char password[API_PASSWORD_BYTES_MAX + 2];
    const char *action = a->words[0];
    bool list = !strcmp(action, "list");
    if (!list && strcmp(action, "add") && strcmp(action, "passwd"))
        return usage("user: add, passwd or list; see draht user --help");
    if (list != (a->words_n == 1))
        return usage(list ? "user list takes no name" : "user add and user passwd need one name");
    if (!list && !api_user_id_is_valid(span_str(a->words[1])))
        return usage("a name has 1 to 32 of a-z, 0-9, dot, dash, underscore, and begins with a "
                     "letter or digit");
    if (a->user.role && strcmp(a->user.role, "agent") && strcmp(a->user.role, "admin"))
        return usage("--role is agent or admin");
    if (a->user.access && strcmp(a->user.access, "all") && strcmp(a->user.access, "own"))
        return usage("--access is all or own");
    if (a->password_stdin && read_password(password) < 0) {
        fprintf(stderr, "draht user: the password needs at least 12 characters\n");
        return CLI_FAILED;
    }
    a->user.action = action;
    a->user.id = a->words[1];
    a->user.password = a->password_stdin ? password : NULL;
    return app_user(&a->app, &a->user);
}

static int do_erase(struct cli_args *a) {
    a->user.action = "erase";
    a->user.id = a->words[0];
    return app_user(&a->app, &a->user);
}

static int do_version(struct cli_args *a) {
    (void)a;
    printf("draht %s (channel ABI %d)\n", DRAHT_VERSION, DRAHT_ABI_MAJOR);
    return CLI_OK;
}

static int find(const char *name) {
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strcmp(name, commands[i].name))
            return (int)i;
    return -1;
}

static int do_help(struct cli_args *a) {
    int i = a->words_n ? find(a->words[0]) : -1;
    if (a->words_n && i < 0)
        return usage("there is no such command; draht help lists all");
    fputs(i >= 0 ? commands[i].help : help_all, stdout);
    return CLI_OK;
}

/* Where the value of an option goes, or NULL. */
static const char **option_slot(struct cli_args *a, const char *word) {
    if (!strcmp(word, "-c") || !strcmp(word, "--config"))
        return &a->app.config_path;
    if (!strcmp(word, "--state"))
        return &a->app.state_dir;
    if (!strcmp(word, "--name"))
        return &a->user.name;
    if (!strcmp(word, "--access"))
        return &a->user.access;
    if (!strcmp(word, "--queues"))
        return &a->user.queues;
    return strcmp(word, "--role") ? NULL : &a->user.role;
}

/* 0, or CLI_USAGE; -1: help was asked for. */
static int parse(struct cli_args *a, int argc, char **argv) {
    for (int i = 2; i < argc; i++) {
        const char **slot = option_slot(a, argv[i]);
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return -1;
        if (slot && i + 1 < argc)
            *slot = argv[++i];
        else if (slot)
            return usage("an option lacks its value; draht help");
        else if (!strcmp(argv[i], "--demo"))
            a->app.demo = true;
        else if (!strcmp(argv[i], "--password-stdin"))
            a->password_stdin = true;
        else if ((argv[i][0] == '-' && argv[i][1]) || a->words_n == 3)
            return usage("there is no such option; draht help");
        else
            a->words[a->words_n++] = argv[i];
    }
    return 0;
}

int cli_main(int argc, char **argv) {
    struct cli_args a = {0};
    const char *word = argc > 1 ? argv[1] : "";
    if (!*word || !strcmp(word, "--help") || !strcmp(word, "-h")) {
        fputs(help_all, *word ? stdout : stderr);
        return *word ? CLI_OK : CLI_USAGE;
    }
    int i = find(strcmp(word, "--version") ? word : "version");
    if (i < 0) {
        fprintf(stderr, "draht: there is no command %s; draht help lists all\n", word);
        return CLI_USAGE;
    }
    if (!commands[i].fn)
        return cli_channel(argc - 2, argv + 2);
    int e = parse(&a, argc, argv);
    if (e != 0) {
        if (e < 0)
            fputs(commands[i].help, stdout);
        return e < 0 ? CLI_OK : e;
    }
    if (a.words_n < commands[i].words_min || a.words_n > commands[i].words_max) {
        fputs(commands[i].help, stderr);
        return CLI_USAGE;
    }
    return commands[i].fn(&a);
}
