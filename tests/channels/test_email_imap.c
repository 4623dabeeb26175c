/* SPDX-License-Identifier: EUPL-1.2 */
/* IMAP intake against a server in a thread that follows a script: what it sends for which command, when it
 * lies, falls silent or hangs up. State of the channel is kept by the host of the test. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channels/email/email.h"
#include "channels/email/email_channel.h"
#include "gateway/base/crypto.h"

#define MAIL_A "From: a@b.test\r\nTo: amt@stadt.test\r\n\r\nA\r\n" /* 41 bytes */

static struct {
    struct loop *loop;
    struct transfers *transfers;
    void *channel;
    int accept_status, accepted, ups, downs, state_n, stop_after_downs;
    char keys[8][40], values[8][80];
    struct loop_timer *guard;
    bool is_stopping;
} host;

struct later {
    draht_accept_fn accept;
    draht_done_fn done;
    draht_state_fn state;
    void *arg;
    int status, slot;
};

static void run_later(void *arg) {
    struct later *l = arg;
    struct draht_accepted a = {.size = sizeof a};
    struct draht_span v = {0};
    if (l->slot >= 0) v = (struct draht_span){host.values[l->slot], strlen(host.values[l->slot])};
    if (l->accept) l->accept(l->arg, l->status, &a);
    if (l->done) l->done(l->arg, l->status);
    if (l->state) l->state(l->arg, l->status, v);
    free(l);
}

static void answer(struct later l) {
    struct later *p = malloc(sizeof *p);
    *p = l;
    loop_soon(host.loop, run_later, p);
}

static void fake_accept(void *h, const struct draht_inbound *m, draht_accept_fn done, void *arg) {
    (void)h;
    (void)m;
    host.accepted++;
    answer((struct later){.accept = done, .arg = arg, .status = host.accept_status, .slot = -1});
}

static int slot_of(struct draht_span key) {
    for (int i = 0; i < host.state_n; i++)
        if (strlen(host.keys[i]) == key.n && memcmp(host.keys[i], key.p, key.n) == 0) return i;
    return -1;
}

static void fake_set(void *h, struct draht_span key, struct draht_span v, uint64_t ttl, draht_done_fn done, void *arg) {
    (void)h;
    (void)ttl;
    int i = slot_of(key);
    if (i < 0) i = host.state_n++;
    snprintf(host.keys[i], sizeof host.keys[i], "%.*s", (int)key.n, key.p);
    snprintf(host.values[i], sizeof host.values[i], "%.*s", (int)v.n, v.p);
    answer((struct later){.done = done, .arg = arg, .slot = -1});
}

static void fake_get(void *h, struct draht_span key, draht_state_fn done, void *arg) {
    (void)h;
    answer((struct later){.state = done, .arg = arg, .slot = slot_of(key)});
}

static void fake_del(void *h, struct draht_span key, draht_done_fn done, void *arg) {
    (void)h;
    int i = slot_of(key);
    if (i >= 0) host.values[i][0] = 0;
    answer((struct later){.done = done, .arg = arg, .slot = -1});
}

static void (*lease_change)(void *channel, int held);
static void lease_held(void *arg) {
    (void)arg;
    lease_change(host.channel, 1);
}
static int fake_lease(void *h, struct draht_span name, void (*fn)(void *, int)) {
    (void)h;
    (void)name;
    lease_change = fn;
    loop_soon(host.loop, lease_held, NULL);
    return 0;
}

static void stopped(void *arg, int status) {
    (void)arg;
    (void)status;
    loop_timer_stop(&host.guard);
    loop_stop(host.loop);
}

static void stop_now(void *arg) {
    (void)arg;
    if (host.is_stopping) return;
    host.is_stopping = true;
    email_ops.stop(host.channel, stopped, NULL);
}

static void fake_health(void *h, int up, const char *sentence) {
    (void)h;
    ck_assert_int_eq(up, 1); /* replies go out while the mailbox cannot be read */
    if (!*sentence) host.ups++;
    else host.downs++;
    if (host.downs >= host.stop_after_downs) loop_soon(host.loop, stop_now, NULL);
}

static void fake_mac(void *h, struct draht_span text, uint8_t out[32]) {
    (void)h;
    crypto_hmac_sha256(SPAN("key"), (struct span){text.p, text.n}, out);
}

static void *fake_builtin(void *h, const char *what) {
    (void)h;
    return strcmp(what, "loop") == 0 ? (void *)host.loop : (void *)host.transfers;
}

static void fake_log(void *host_, int level, const char *event, const char *text) {
    (void)host_;
    ck_assert(level >= 0 && level <= 3 && *event && text);
}
static const struct draht_host fake = {.size = sizeof fake, .accept = fake_accept, .state_set = fake_set,
                                       .state_get = fake_get, .state_del = fake_del, .lease = fake_lease, .mac = fake_mac,
                                       .log = fake_log, .health = fake_health, .builtin = fake_builtin};

_Static_assert(sizeof MAIL_A - 1 == 41, "the scripts announce 41 bytes");

/* What the server says to the n-th command that begins with verb (after the tag); "%s" becomes the tag; NULL
 * hangs up, a leading '!' does so after the words. Commands without a line get "OK". */
struct line {
    const char *verb, *say;
};
struct script {
    const char *name;
    struct line lines[12];
    const char *watermark; /* at the end */
    int accepted, accept_status;
    const char *heard; /* a command that must have come, or NULL */
};

struct server {
    int listener, port;
    const struct script *script;
    char heard[8000];
};

static void put(int fd, const char *format, const char *tag) {
    char out[4000];
    size_t n = 0;
    for (const char *p = format; *p; p++) {
        if (p[0] == '%' && p[1] == 's') n += (size_t)snprintf(out + n, sizeof out - n, "%s", tag), p++;
        else out[n++] = *p;
    }
    if (write(fd, out, n) < 0) return;
}

static const char *script_answer(const struct script *s, const char *command, bool used[12], bool *found) {
    for (int i = 0; i < 12 && s->lines[i].verb; i++) {
        if (used[i] || !span_istarts(span_str(command), s->lines[i].verb)) continue;
        used[i] = *found = true;
        return s->lines[i].say;
    }
    return "%s OK done\r\n";
}

static void serve(struct server *v, int fd) {
    FILE *in = fdopen(fd, "r");
    char line[2000], tag[40];
    bool used[12] = {false};
    put(fd, "* OK hello\r\n", "");
    while (fgets(line, sizeof line, in)) {
        char *space = strchr(line, ' ');
        strncat(v->heard, line, sizeof v->heard - strlen(v->heard) - 1);
        bool found = false;
        if (!space) { /* DONE has no tag: what is answered is the IDLE before it, if the script says so */
            const char *words = script_answer(v->script, line, used, &found);
            if (found) put(fd, words, tag);
            continue;
        }
        snprintf(tag, sizeof tag, "%.*s", (int)(space - line), line);
        const char *say = script_answer(v->script, space + 1, used, &found);
        if (!found && span_istarts(span_str(space + 1), "CAPABILITY"))
            say = "* CAPABILITY IMAP4rev1 LOGIN MOVE\r\n%s OK\r\n";
        if (!found && span_istarts(span_str(space + 1), "SELECT"))
            say = "* 1 EXISTS\r\n* OK [UIDVALIDITY 9] x\r\n%s OK\r\n";
        if (!say) break;
        put(fd, say[0] == '!' ? say + 1 : say, tag);
        if (say[0] == '!') break;
    }
    fclose(in);
}

static void *server_thread(void *arg) {
    struct server *v = arg;
    int fd = accept(v->listener, NULL, NULL);
    if (fd >= 0) serve(v, fd);
    close(v->listener); /* the next connection is refused: the channel reports down a second time */
    return NULL;
}

#define SIZE_A {"UID FETCH 4 (UID RFC", "* 1 FETCH (UID 4 RFC822.SIZE 41)\r\n%s OK\r\n"}
#define BODY_A {"UID FETCH 4 (UID BODY", "* 1 FETCH (UID 4 BODY[] {41}\r\n" MAIL_A ")\r\n%s OK\r\n"}
#define FOUND {"UID SEARCH", "* SEARCH 4\r\n%s OK\r\n"}
#define BYE {"UID SEARCH", NULL}

static const struct script scripts[] = {
    {"stored, marked, watermark moved", {FOUND, SIZE_A, BODY_A, BYE}, "9 4", 1, 0, "UID STORE 4 +FLAGS.SILENT ($DrahtDone \\Seen)"},
    {"n:* gives an old one", {{"UID SEARCH", "* SEARCH 4\r\n%s OK\r\n"}, SIZE_A, BODY_A,
                              {"UID SEARCH", "* SEARCH 4\r\n%s OK\r\n"}, BYE}, "9 4", 1, 0, NULL},
    {"store away: watermark stays", {FOUND, SIZE_A, BODY_A, BYE}, "", 1, DRAHT_E_UNAVAILABLE, NULL},
    {"never: quarantined", {FOUND, SIZE_A, BODY_A, BYE}, "9 4", 1, DRAHT_E_REJECTED, "UID STORE 4 +FLAGS.SILENT (\\Flagged)"},
    {"too large: quarantined", {FOUND, {"UID FETCH 4 (UID RFC", "* 1 FETCH (UID 4 RFC822.SIZE 999999999)\r\n%s OK\r\n"}, BYE},
     "9 4", 0, 0, "\\Flagged"},
    {"34 literal lies: too long", {FOUND, SIZE_A, {"UID FETCH 4 (UID BODY", "* 1 FETCH (UID 4 BODY[] {999999999}\r\n"}}, "", 0, 0, NULL},
    {"34 literal lies: cut off", {FOUND, SIZE_A, {"UID FETCH 4 (UID BODY", "!* 1 FETCH (UID 4 BODY[] {500}\r\nFrom: x\r\n* BYE\r\n"}}, "", 0, 0, NULL},
    {"34 BYE in mid-fetch", {FOUND, SIZE_A, {"UID FETCH 4 (UID BODY", "* BYE going\r\n"}}, "", 0, 0, NULL},
    {"gone meanwhile", {FOUND, {"UID FETCH 4 (UID RFC", "%s OK\r\n"}, BYE}, "", 0, 0, NULL},
    {"select refused", {{"SELECT", "%s NO no such box\r\n"}}, "", 0, 0, NULL},
    {"login refused", {{"LOGIN", "%s NO no\r\n"}, {"AUTHENTICATE", "%s NO no\r\n"}}, "", 0, 0, NULL},
    {"idle wakes up", {{"CAPABILITY", "* CAPABILITY IMAP4rev1 IDLE\r\n%s OK\r\n"}, {"CAPABILITY", "* CAPABILITY IMAP4rev1 IDLE\r\n%s OK\r\n"},
                       {"UID SEARCH", "* SEARCH\r\n%s OK\r\n"}, {"IDLE", "+ idling\r\n* 4 EXISTS\r\n%s OK\r\n"}, FOUND, SIZE_A, BODY_A,
                       BYE}, "9 4", 1, 0, "DONE"},
    {"34 silent after + idling", {{"CAPABILITY", "* CAPABILITY IMAP4rev1 IDLE\r\n%s OK\r\n"}, {"CAPABILITY", "* CAPABILITY IMAP4rev1 IDLE\r\n%s OK\r\n"},
                       {"UID SEARCH", "* SEARCH\r\n%s OK\r\n"}, {"IDLE", "+ idling\r\n"}, {"DONE", "%s OK\r\n"}, FOUND, SIZE_A, BODY_A,
                       BYE}, "9 4", 1, 0, "DONE"},
};

static const char *watermark(void) {
    static const char key[] = "imap.watermark";
    int i = slot_of((struct draht_span){key, sizeof key - 1});
    return i < 0 ? "" : host.values[i];
}

static void listen_on(struct server *v) {
    v->listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(v->listener, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(v->listener, 1), 0);
    getsockname(v->listener, (struct sockaddr *)&a, &n);
    v->port = ntohs(a.sin_port);
}

static void begin(const char *options) {
    char err[256] = "";
    host.loop = loop_new();
    host.transfers = transfers_new(host.loop);
    host.guard = loop_timer(host.loop, 20000, 0, stop_now, NULL);
    ck_assert_msg(email_ops.open(&fake, NULL, "mail", options, &host.channel, err) == 0, "%s", err);
    ck_assert_msg(email_ops.start(host.channel, err) == 0, "%s", err);
}

START_TEST(conversations) {
    struct server v = {.script = &scripts[_i]};
    char options[400];
    memset(&host, 0, sizeof host);
    host.accept_status = v.script->accept_status;
    host.stop_after_downs = 1;
    listen_on(&v);
    snprintf(options, sizeof options,
             "{\"address\":[\"amt@stadt.test\"],\"lmtp\":[],\"outgoing_maildir\":\"/tmp/draht-none\",\"imap_url\":\"imap://127.0.0.1:%d\","
             "\"imap_user\":\"u\",\"imap_password\":\"p\",\"imap_poll_s\":1}", v.port);
    pthread_t t;
    pthread_create(&t, NULL, server_thread, &v);
    begin(options);
    loop_run(host.loop);
    email_ops.close(host.channel);
    transfers_free(&host.transfers);
    loop_free(&host.loop);
    pthread_join(t, NULL);
    ck_assert_msg(strcmp(watermark(), v.script->watermark) == 0, "%s: <%s>\n%s", v.script->name, watermark(), v.heard);
    ck_assert_msg(host.accepted == v.script->accepted, "%s: %d", v.script->name, host.accepted);
    if (v.script->heard) ck_assert_msg(strstr(v.heard, v.script->heard) != NULL, "%s: %s", v.script->name, v.heard);
    ck_assert_int_eq(host.downs, 1);
}
END_TEST

int main(void) {
    if (crypto_init() != 0) return 1;
    Suite *suite = suite_create("email.imap");
    TCase *t = tcase_create("imap");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, conversations, 0, sizeof scripts / sizeof *scripts);
    suite_add_tcase(suite, t);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
