/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * app_demo: invented citizens of Musterstadt. The sample requests go through the real intake, one
 * after the other, once per state folder; whatever their channel was, they come by chat or mail,
 * for a demonstration sends nothing out.
 */
#include "gateway/app_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channels/kit/html_text.h"
#include "gateway/base/embed.h"
#include "gateway/base/log.h"

#define LINE_BYTES_MAX 65536

static const struct {
    const char *id, *name, *contact;
} offices[] = {
    {"leitstelle", "Leitstelle", "Bürgertelefon, 03999 555-0"},
    {"buergerbuero", "Bürgerbüro", "Milan Novak, 03999 555-210"},
    {"standesamt", "Standesamt", "Ines Brandt, 03999 555-220"},
    {"sozialamt", "Sozialamt", "Selin Yılmaz, 03999 555-300"},
    {"jugendamt", "Jugendamt", "Jonas Ritter, 03999 555-320"},
    {"wohngeld", "Wohngeldstelle", "Olena Koval, 03999 555-310"},
    {"ordnungsamt", "Ordnungsamt", "Peter Lindner, 03999 555-400"},
    {"verkehr-tiefbau", "Verkehr und Tiefbau", "Marta Zielińska, 03999 555-420"},
    {"stadtreinigung", "Stadtreinigung", "Karim Haddad, 03999 555-430"},
    {"gruenflaechen", "Grünflächenamt", "Birte Jansen, 03999 555-440"},
    {"kfz-zulassung", "Kfz-Zulassung", "Thomas Wirth, 03999 555-450"},
    {"bauordnung", "Bauordnungsamt", "Claudia Öztürk, 03999 555-500"},
    {"schule-kita", "Schule und Kita", "Anna Seidel, 03999 555-520"},
    {"kultur-bibliothek", "Kultur, Bibliothek, Bäder", "Felix Morgen, 03999 555-530"},
};
#define OFFICES (sizeof offices / sizeof *offices)

static const char *const names[] = {
    "Hanna Vogt",    "Emre Aydın",  "Walter Kranz",  "Sofia Petrova", "Lukas Ahrens",
    "Miriam Okafor", "Jan Nowak",   "Greta Sommer",  "Ali Rahmani",   "Ursula Pfeiffer",
    "Tim Berger",    "Yara Haddad", "Dieter Maurer", "Oksana Bondar", "Nele Hoffmann",
    "Rainer Stolz",  "Aylin Kaya",  "Paul Wegner",
};
#define NAMES (sizeof names / sizeof *names)

const char *app_demo_config(struct arena *memory, const char *state_dir) {
    const char *path = arena_printf(memory, "%s/demo.yaml", state_dir);
    if (mkdir(state_dir, 0700) < 0 && access(state_dir, W_OK) < 0)
        return NULL;
    FILE *f = fopen(path, "we");
    if (!f)
        return NULL;
    fprintf(f, "# The demonstration's settings, written anew at each start.\ndemo: true\ncity:\n  "
               "name: Musterstadt\n"
               "  phone: 03999 555-0\nqueues:\n");
    for (size_t i = 0; i < OFFICES; i++)
        fprintf(f, "  - {id: %s, name: \"%s\", contact: \"%s\"}\n", offices[i].id, offices[i].name,
                offices[i].contact);
    fprintf(f, "rules:\n");
    for (size_t i = 0; i < OFFICES; i++)
        fprintf(f, "  - {name: \"an %s\", recipient: \"%s@musterstadt.test\", queue: %s}\n",
                offices[i].id, offices[i].id, offices[i].id);
    fprintf(f, "channels:\n  - {id: chat, type: webchat, queue: leitstelle}\n  - id: mail\n    "
               "type: email\n"
               "    queue: leitstelle\n    options:\n      address: [leitstelle@musterstadt.test, "
               "\"@musterstadt.test\"]\n"
               "      lmtp: [\"127.0.0.1:2424\"]\n");
    return fclose(f) == 0 ? path : NULL;
}

struct app_demo {
    struct app *app;
    struct span rest;    /* of the file that the binary carries */
    struct arena *arena; /* of the line under way */
    json_t *line;
    size_t follow_up, lines;
    bool is_over; /* the gateway stops: the answer under way releases this */
};

static void demo_free(struct app_demo *d) {
    json_decref(d->line);
    arena_free(&d->arena);
    free(d);
}

static void next(struct app_demo *d);

static void on_marked(void *arg, int error) {
    (void)arg;
    if (error < 0)
        log_warn("demo.mark", "error=%s", error_name(error));
}

static void finish(struct app_demo *d) {
    struct app *a = d->app;
    log_info("demo.loaded", "requests=%zu", d->lines);
    router_state_set(a->router, "demo", SPAN("loaded"), SPAN("1"), 0, on_marked, NULL);
    a->demo = NULL;
    demo_free(d);
}

static void on_accepted(void *arg, int error, const struct accepted *r) {
    struct app_demo *d = arg;
    (void)r;
    if (d->is_over) {
        demo_free(d);
        return;
    }
    if (error < 0)
        log_warn("demo.request", "line=%zu error=%s", d->lines, error_name(error));
    next(d);
}

/* The HTML of a mail that has no other text. */
static struct span html_of(const struct app_demo *d, bool is_mail) {
    struct span text = span_str(json_str(d->line, "text", ""));
    return is_mail && d->follow_up == 0 && text.n > 5 && !memcmp(text.p, "<html", 5) ? text
                                                                                     : SPAN_NONE;
}

static struct span text_of(struct app_demo *d) {
    json_t *follow = json_array_get(json_object_get(d->line, "followups"), d->follow_up - 1);
    if (d->follow_up > 0)
        return span_str(json_string_value(follow));
    const char *text = json_str(d->line, "text", "");
    const char *file =
        json_string_value(json_array_get(json_object_get(d->line, "attachments"), 0));
    return span_str(*text || !file ? text : arena_printf(d->arena, "(Anhang: %s)", file));
}

static void take_in(struct app_demo *d) {
    struct arena *m = d->arena;
    const char *id = json_str(d->line, "id", "mst"),
               *from = json_str(d->line, "channel", "webchat");
    bool mail = !strcmp(from, "email") || !strcmp(from, "letter") || !strcmp(from, "open311");
    const char *thread = arena_printf(m, "demo-%s", id);
    struct thread_hint hint = {HINT_KEY, span_str(thread)};
    struct span html = html_of(d, mail);
    struct inbound in = {
        .channel = mail ? "mail" : "chat",
        .channel_type = mail ? "email" : "webchat",
        .external_id = span_str(
            arena_printf(m, mail ? "<%s.%zu@buerger.test>" : "demo-%s.%zu", id, d->follow_up)),
        .sender = span_str(mail ? arena_printf(m, "%s@buerger.test", id) : thread),
        .sender_name = span_str(names[d->lines % NAMES]),
        .recipient = span_str(
            arena_printf(m, "%s@musterstadt.test", json_str(d->line, "office", "leitstelle"))),
        .subject = span_str(json_str(d->line, "subject", "")),
        .text = html.n ? html_text(m, html, NULL) : text_of(d),
        .html = html,
        .language = span_str(json_str(d->line, "language", "de")),
        .thread = span_str(thread),
        .hints = &hint,
        .hints_n = 1,
        .sent_ms = clock_ms(&clock_system),
        .has_history = !mail,
    };
    d->follow_up++;
    intake_accept(d->app->router, &in, on_accepted, d);
}

static void next(struct app_demo *d) {
    if (d->line && d->follow_up > 0 &&
        d->follow_up <= json_array_size(json_object_get(d->line, "followups"))) {
        take_in(d);
        return;
    }
    json_decref(d->line);
    d->line = NULL;
    arena_free(&d->arena);
    while (!d->line && d->rest.p) {
        struct span one = span_cut(&d->rest, '\n');
        if (one.n > 0)
            d->line = json_parse(one, LINE_BYTES_MAX, NULL);
    }
    if (!d->line) {
        finish(d);
        return;
    }
    d->lines++;
    d->follow_up = 0;
    d->arena = arena_new();
    take_in(d);
}

static void on_state(void *arg, int error, struct span value) {
    struct app_demo *d = arg;
    if (d->is_over) {
        demo_free(d);
        return;
    }
    const struct embed_file *f = embed_find(embed_assets, "demo/requests.jsonl");
    if (error < 0 || value.p || !f) {
        d->app->demo = NULL;
        demo_free(d);
        return;
    }
    d->rest = (struct span){(const char *)f->bytes, f->n};
    next(d);
}

void app_demo_start(struct app *a) {
    struct app_demo *d = xcalloc(1, sizeof *d);
    d->app = a;
    a->demo = d;
    router_state_get(a->router, "demo", SPAN("loaded"), on_state, d);
}

void app_demo_free(struct app *a) {
    if (a->demo)
        a->demo->is_over = true;
    a->demo = NULL;
}
