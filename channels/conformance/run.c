/* SPDX-License-Identifier: EUPL-1.2 */
/* run: prepares the pretended world, goes through the table of cases, writes the report. */
#include <dirent.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "channels/conformance/inner.h"
#include "config/config.h"
#include "gateway/base/log.h"

enum { PICTURE_BYTES = 6000 };

/* The beginning of a picture of 64 by 64 points. */
static const unsigned char picture[] = {0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00,
                                        0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00,
                                        0x00, 0x40, 0x00, 0x00, 0x00, 0x40, 0x08, 0x00, 0x00,
                                        0x00, 0x00, 0x8f, 0x02, 0x2e, 0x02};

__attribute__((format(printf, 3, 0))) static void put(struct conf *k, enum conf_state state,
                                                      const char *fmt, va_list ap) {
    if (k->state == CONF_FAILED)
        return;
    k->state = state;
    vsnprintf(k->text, sizeof k->text, fmt, ap);
}

void conf_fail(struct conf *k, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    put(k, CONF_FAILED, fmt, ap);
    va_end(ap);
}

void conf_skip(struct conf *k, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    put(k, CONF_SKIPPED, fmt, ap);
    va_end(ap);
}

void conf_note(struct conf *k, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    put(k, CONF_OK, fmt, ap);
    va_end(ap);
}

static void one_line(char *s) {
    for (; *s; s++)
        if ((unsigned char)*s < ' ')
            *s = ' ';
}

static void say(struct conf *k) {
    static const char *const states[] = {"ok", "failed", "not applicable"};
    one_line(k->text);
    json_t *row = json_pack("{s:s,s:s}", "case", k->name, "result", states[k->state]);
    json_put(row, "text", span_str(k->text));
    json_array_append_new(k->rows, row);
    if (k->state == CONF_FAILED)
        k->failed_n++;
    if (k->o->as_json)
        return;
    if (k->state == CONF_OK)
        printf("%-18s ok%s%s\n", k->name, *k->text ? ": " : "", k->text);
    else
        printf("%-18s %s: %s\n", k->name, k->state == CONF_FAILED ? "FAILED" : "not applicable",
               k->text);
    fflush(stdout);
}

/* Why a channel was away, or what it did wrong, is nearer to the fault than what came of it. */
static void add_reason(struct conf *k, const char *label, const char *reason) {
    size_t n = strlen(k->text);
    if (k->state == CONF_FAILED && *reason && !strstr(k->text, reason))
        snprintf(k->text + n, sizeof k->text - n, "%s%s", label, reason);
}

static void run_case(struct conf *k, const struct conf_case *c) {
    const char *why = json_str(conf_get(k, "skip"), c->name, NULL);
    if (k->o->only && strcmp(k->o->only, c->name) != 0)
        return;
    k->name = c->name;
    k->state = CONF_OK;
    k->text[0] = k->violation[0] = k->stranger[0] = k->why_down[0] = k->last_line[0] = 0;
    if (k->never_opened)
        conf_skip(k, "it does not open");
    else if (why)
        conf_skip(k, "%s", why);
    else
        c->run(k);
    if (k->violation[0] && k->state != CONF_FAILED)
        conf_fail(k, "%s", k->violation);
    add_reason(k, "; it said: ", k->why_down);
    add_reason(k, "; its log says: ", k->last_line);
    say(k);
    if (k->program && *k->why_down) /* begun anew at once, and not after longer and longer rests */
        conf_close(k);
}

static void run_table(struct conf *k, const struct conf_case *c) {
    for (; c->name; c++)
        run_case(k, c);
}

/* A program's type would be that of all programs. */
static const char *title(const struct conf *k) {
    return k->program || !k->ops.type ? k->o->target : k->ops.type;
}

static int report_end(struct conf *k) {
    size_t n = json_array_size(k->rows);
    if (k->o->as_json) {
        json_t *all = json_pack("{s:s,s:i,s:i,s:O}", "type", title(k), "cases", (int)n, "failed",
                                k->failed_n, "results", k->rows);
        char *text = json_text(all);
        puts(text);
        free(text);
        json_decref(all);
    } else if (!n) {
        printf("There is no case with this name.\n");
    } else if (k->failed_n) {
        printf("\n%s: %d of %zu cases failed.\n", title(k), k->failed_n, n);
    } else {
        printf("\n%s: conforms, %zu cases.\n", title(k), n);
    }
    fflush(stdout);
    return k->failed_n || !n ? 1 : 0;
}

/* Ports that nobody uses at this moment. */
static void choose_ports(struct conf *k) {
    int fds[CONF_PORTS];
    for (int i = 0; i < CONF_PORTS; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t n = sizeof a;
        char name[16];
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        snprintf(name, sizeof name, "port%d", i + 1);
        if (bind(fds[i], (struct sockaddr *)&a, sizeof a) == 0 &&
            getsockname(fds[i], (struct sockaddr *)&a, &n) == 0)
            conf_setf(k, name, "%d", ntohs(a.sin_port));
    }
    for (int i = 0; i < CONF_PORTS; i++)
        close(fds[i]);
}

static int prepare(struct conf *k, struct fault *f) {
    uint8_t key[CRYPTO_KEY_BYTES] = {7};
    if (crypto_init() < 0 || locale_init(f) < 0)
        return fault_set(f, ERR_CRYPTO, "the kit cannot be prepared.");
    log_set_level(k->o->is_loud ? LOG_DEBUG : LOG_ERROR);
    snprintf(k->dir, sizeof k->dir,
             "/tmp/draht-conformance-XX"
             "XX"
             "XX");
    if (!mkdtemp(k->dir))
        return fault_set(f, ERR_STORAGE, "no scratch folder can be made below /tmp.");
    k->crypto = crypto_from_key(key);
    k->loop = loop_new();
    k->transfers = transfers_new(k->loop);
    k->vars = json_object();
    k->rows = json_array();
    buf_add(&k->file, picture, sizeof picture);
    for (unsigned i = 0; i < PICTURE_BYTES; i++)
        buf_add(&k->file, &(char){(char)(i * 31 + i / 256)}, 1);
    conf_set(k, "peer", CONF_PEER_URL);
    conf_set(k, "public", CONF_PUBLIC_URL);
    conf_set(k, "dir", k->dir);
    choose_ports(k);
    int rc = conf_load(k, f);
    conf_set(k, "here", k->here ? k->here : "");
    return rc < 0 ? rc : conf_script_load(k, f);
}

/* Two levels are enough: Maildirs. */
static void remove_folder(const char *path, int depth) {
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct buf b = {0};
        buf_addf(&b, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && unlink(b.p) < 0 && depth > 0)
            remove_folder(b.p, depth - 1);
        buf_free(&b);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static void clean_up(struct conf *k) {
    conf_close(k);
    conf_driver_end(k);
    conf_web_free(k);
    conf_host_free(k);
    if (k->transfers)
        transfers_free(&k->transfers);
    if (k->loop)
        loop_free(&k->loop);
    crypto_free(&k->crypto);
    json_decref(k->script);
    json_decref(k->vars);
    json_decref(k->rows);
    json_decref(k->poll_message);
    buf_free(&k->file);
    free(k->options);
    free(k->here);
    conf_unload(k);
    if (k->dir[0])
        remove_folder(k->dir, 3);
}

static void go_through(struct conf *k) {
    run_table(k, conf_cases_begin);
    bool is_usable = k->ops.open && k->ops.start && k->ops.stop && k->ops.close && k->ops.send &&
                     json_object_size(k->script);
    if (!is_usable)
        return;
    if (k->o->only)
        conf_ready(k);
    run_table(k, conf_cases_in);
    run_table(k, conf_cases_out);
    run_table(k, conf_cases_end);
}

int conformance_run(const struct conformance_options *o) {
    struct conf k = {.o = o, .patience_ms = CONF_WAIT_MS, .attempt = 1};
    struct fault f = {0};
    int rc = prepare(&k, &f);
    const json_t *driver = rc < 0 ? NULL : conf_get(&k, "driver");
    if (rc == 0 && json_is_string(driver))
        rc = conf_driver_start(&k, json_string_value(driver), &f);
    if (rc < 0)
        fprintf(stderr, "draht channel test: %s\n", f.text);
    else
        go_through(&k);
    int status = rc < 0 ? 1 : report_end(&k);
    clean_up(&k);
    return status;
}
