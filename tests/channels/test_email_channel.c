/* SPDX-License-Identifier: EUPL-1.2 */
/* The channel with real sockets and a host of the test's: mails come in by LMTP from a thread, replies go
 * out to a relay in a thread that misbehaves as its row says. */
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
#include "gateway/base/json.h"

struct pending {
    draht_accept_fn accept;
    draht_done_fn done;
    void *arg;
    int status;
};

static struct {
    struct loop *loop;
    struct transfers *transfers;
    int accept_status, accepted, receipts, settled;
    uint32_t last_flags, last_state, last_kind;
    char last_sender[100], last_text[200], last_ticket[40], last_message[40], part_id[100];
    enum draht_verdict verdict;
    void *channel;
    uv_async_t wake;
} host;

static void later(void *arg) {
    struct pending *p = arg;
    struct draht_accepted a = {.size = sizeof a};
    if (p->accept) p->accept(p->arg, p->status, p->status == 0 ? &a : NULL);
    else if (p->done) p->done(p->arg, p->status);
    free(p);
}

static void fake_accept(void *h, const struct draht_inbound *m, draht_accept_fn done, void *arg) {
    (void)h;
    host.accepted++;
    host.last_flags = m->flags;
    snprintf(host.last_sender, sizeof host.last_sender, "%.*s", (int)m->sender.n, m->sender.p);
    snprintf(host.last_text, sizeof host.last_text, "%.*s", (int)m->text.n, m->text.p);
    host.last_kind = m->hints_n ? m->hints[0].kind : 0;
    if (m->hints_n)
        snprintf(host.last_ticket, sizeof host.last_ticket, "%.*s", (int)m->hints[0].value.n, m->hints[0].value.p);
    struct pending *p = calloc(1, sizeof *p);
    *p = (struct pending){.accept = done, .arg = arg, .status = host.accept_status};
    loop_soon(host.loop, later, p);
}

static void fake_receipt(void *h, const struct draht_receipt *r, draht_done_fn done, void *arg) {
    (void)h;
    host.receipts++;
    host.last_state = r->state;
    snprintf(host.last_message, sizeof host.last_message, "%.*s", (int)r->message.n, r->message.p);
    struct pending *p = calloc(1, sizeof *p);
    *p = (struct pending){.done = done, .arg = arg};
    loop_soon(host.loop, later, p);
}

static void fake_part(struct draht_token *t, uint32_t part, struct draht_span id) {
    (void)t;
    (void)part;
    snprintf(host.part_id, sizeof host.part_id, "%.*s", (int)id.n, id.p);
}

static void stopped(void *arg, int status) {
    (void)arg;
    (void)status;
    loop_stop(host.loop);
}

static void fake_settle(struct draht_token *t, enum draht_verdict v, struct draht_span reason, uint64_t ms) {
    (void)t;
    (void)reason;
    (void)ms;
    host.settled++;
    host.verdict = v;
    email_ops.stop(host.channel, stopped, NULL);
}

static void fake_mac(void *h, struct draht_span text, uint8_t out[32]) {
    (void)h;
    crypto_hmac_sha256(SPAN("key"), (struct span){text.p, text.n}, out);
}

static void fake_mac_span(void *arg, struct span text, uint8_t out[32]) {
    fake_mac(arg, (struct draht_span){text.p, text.n}, out);
}

static int64_t fake_now(void *h) {
    (void)h;
    return 1795425300000;
}

static void fake_health(void *h, int up, const char *sentence) {
    (void)h;
    (void)up;
    (void)sentence;
}

/* Nobody complained. */
static void fake_state_get(void *h, struct draht_span key, draht_state_fn done, void *arg) {
    (void)h;
    (void)key;
    done(arg, 0, (struct draht_span){0});
}

static void *fake_builtin(void *h, const char *what) {
    (void)h;
    return strcmp(what, "loop") == 0 ? (void *)host.loop : (void *)host.transfers;
}

static void fake_log(void *host_, int level, const char *event, const char *text) {
    (void)host_;
    ck_assert(level >= 0 && level <= 3 && *event && text);
}
static const struct draht_host fake = {
    .size = sizeof fake, .accept = fake_accept, .receipt = fake_receipt, .part_done = fake_part, .settle = fake_settle,
    .mac = fake_mac, .now_ms = fake_now, 
    .state_get = fake_state_get, .log = fake_log, .health = fake_health, .builtin = fake_builtin};

static void open_channel(const char *options) {
    char err[256] = "";
    memset(&host, 0, sizeof host);
    ck_assert_int_eq(crypto_init(), 0);
    host.loop = loop_new();
    host.transfers = transfers_new(host.loop);
    ck_assert_msg(email_ops.open(&fake, NULL, "mail", options, &host.channel, err) == 0, "%s", err);
    ck_assert_msg(email_ops.start(host.channel, err) == 0, "%s", err);
}

static void close_channel(void) {
    email_ops.close(host.channel);
    transfers_free(&host.transfers);
    loop_free(&host.loop);
}

/* ---- a mail server that delivers ---- */
struct client {
    int port;
    const char *say;
    char heard[4000];
};

static void on_wake(uv_async_t *a) {
    uv_close((uv_handle_t *)a, NULL);
    email_ops.stop(host.channel, stopped, NULL);
}

static int dial(int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd, (struct sockaddr *)&a, sizeof a) == 0 ? fd : -1;
}

static void *client_thread(void *arg) {
    struct client *c = arg;
    int fd = dial(c->port);
    size_t n = 0;
    if (fd >= 0 && write(fd, c->say, strlen(c->say)) > 0)
        for (ssize_t k; n < sizeof c->heard - 1 && (k = read(fd, c->heard + n, sizeof c->heard - 1 - n)) > 0;) n += (size_t)k;
    close(fd);
    uv_async_send(&host.wake);
    return NULL;
}

#define OPTIONS "{\"address\":[\"amt@stadt.test\"],\"lmtp\":[\"127.0.0.1:0\"],\"outgoing_maildir\":\"/tmp/draht-none\"}"

static void deliver(struct client *c, int accept_status) {
    open_channel(OPTIONS);
    host.accept_status = accept_status;
    c->port = lmtp_server_port(((struct email *)host.channel)->lmtp, 0);
    ck_assert_int_gt(c->port, 0);
    uv_async_init(loop_uv(host.loop), &host.wake, on_wake);
    pthread_t t;
    pthread_create(&t, NULL, client_thread, c);
    loop_run(host.loop);
    pthread_join(t, NULL);
    close_channel();
}

#define ENVELOPE "LHLO x\r\nMAIL FROM:<j@buerger.test>\r\nRCPT TO:<amt@stadt.test>\r\nRCPT TO:<nobody@stadt.test>\r\nDATA\r\n"
#define MAIL "From: J <J@buerger.test>\r\nTo: amt@stadt.test\r\nMessage-ID: <1@x.test>\r\n\r\nGuten Tag\r\n.\r\nQUIT\r\n"

START_TEST(stored_and_only_then_yes) {
    struct client c = {.say = ENVELOPE MAIL};
    deliver(&c, 0);
    ck_assert_int_eq(host.accepted, 1);
    ck_assert_str_eq(host.last_sender, "j@buerger.test");
    ck_assert_str_eq(host.last_text, "Guten Tag");
    ck_assert_uint_eq(host.last_flags, 0);
    ck_assert_ptr_nonnull(strstr(c.heard, "550 5.1.1"));
    ck_assert_ptr_nonnull(strstr(c.heard, "354 "));
    ck_assert_ptr_nonnull(strstr(c.heard, "\r\n250 2.0.0 Stored\r\n221"));
}
END_TEST

START_TEST(store_away_means_451) {
    struct client c = {.say = ENVELOPE MAIL};
    deliver(&c, DRAHT_E_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(c.heard, "\r\n451 4.3.0"));
    ck_assert_ptr_null(strstr(c.heard, "250 2.0.0"));
}
END_TEST

START_TEST(never_means_554) {
    struct client c = {.say = ENVELOPE MAIL};
    deliver(&c, DRAHT_E_REJECTED);
    ck_assert_ptr_nonnull(strstr(c.heard, "\r\n554 5.6.0"));
}
END_TEST

START_TEST(null_sender_is_automatic) {
    struct client c = {.say = "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<amt+x@stadt.test>\r\nDATA\r\n" MAIL};
    deliver(&c, 0);
    ck_assert_uint_eq(host.last_flags, DRAHT_IN_AUTOMATIC);
}
END_TEST

START_TEST(not_addressed_to_us_is_automatic) {
    struct client c = {.say = "LHLO x\r\nMAIL FROM:<j@buerger.test>\r\nRCPT TO:<amt@stadt.test>\r\nDATA\r\nFrom: j@buerger.test\r\nTo: "
                              "liste@verein.test\r\n\r\nAn alle\r\n.\r\nQUIT\r\n"};
    deliver(&c, 0);
    ck_assert_int_eq(host.accepted, 1);
    ck_assert_uint_eq(host.last_flags, DRAHT_IN_AUTOMATIC);
}
END_TEST

START_TEST(large_mails_go_through_the_pool) {
    struct buf b = {0};
    buf_adds(&b, "LHLO x\r\nMAIL FROM:<j@buerger.test>\r\nRCPT TO:<amt@stadt.test>\r\nDATA\r\nFrom: j@buerger.test\r\nTo: "
                 "amt@stadt.test\r\n\r\n");
    for (int i = 0; i < 20000; i++) buf_adds(&b, "Zeile um Zeile\r\n");
    buf_adds(&b, ".\r\nQUIT\r\n");
    struct client c = {.say = b.p};
    deliver(&c, 0);
    ck_assert_ptr_nonnull(strstr(c.heard, "\r\n250 2.0.0 Stored\r\n221"));
    buf_free(&b);
}
END_TEST

static char *bounce_address(char kind) {
    struct arena *a = arena_new();
    struct mail_mac mac = {fake_mac_span, NULL};
    struct span box = SPAN("amt@stadt.test"), id = SPAN("2026-000001.2");
    struct span s = kind == 'b' ? mail_thread_bounce_address(a, &mac, box, id)
                                : mail_thread_reply_address(a, &mac, box, mail_thread_ticket(id));
    char *p = xstrndup(s.p, s.n);
    arena_free(&a);
    return p;
}

START_TEST(bounce_becomes_a_receipt) {
    char *to = bounce_address('b');
    struct buf b = {0};
    buf_addf(&b, "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\nFrom: MAILER-DAEMON@mx.test\r\nContent-Type: "
                 "multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: "
                 "message/delivery-status\r\n\r\nFinal-Recipient: rfc822; j@buerger.test\r\nAction: failed\r\nStatus: "
                 "5.1.1\r\n\r\n--b--\r\n.\r\nQUIT\r\n", to);
    struct client c = {.say = b.p};
    deliver(&c, 0);
    ck_assert_int_eq(host.receipts, 1);
    ck_assert_int_eq(host.accepted, 0);
    ck_assert_uint_eq(host.last_state, DRAHT_RECEIPT_FAILED);
    ck_assert_str_eq(host.last_message, "2026-000001.2");
    ck_assert_ptr_nonnull(strstr(c.heard, "250 2.0.0 Stored"));
    buf_free(&b);
    free(to);
}
END_TEST

START_TEST(foreign_bounce_becomes_a_note) {
    struct client c = {.say = "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<amt@stadt.test>\r\nDATA\r\nFrom: "
                              "MAILER-DAEMON@mx.test\r\nSubject: Mail delivery failed\r\n\r\n#5.1.1\r\n.\r\nQUIT\r\n"};
    deliver(&c, 0);
    ck_assert_int_eq(host.receipts, 0);
    ck_assert_int_eq(host.accepted, 1);
    ck_assert_uint_eq(host.last_flags, DRAHT_IN_SYSTEM | DRAHT_IN_AUTOMATIC);
}
END_TEST

START_TEST(token_address_finds_its_ticket) {
    char *to = bounce_address('t');
    struct buf b = {0};
    buf_addf(&b, "LHLO x\r\nMAIL FROM:<j@buerger.test>\r\nRCPT TO:<%s>\r\nDATA\r\n" MAIL, to);
    struct client c = {.say = b.p};
    deliver(&c, 0);
    ck_assert_uint_eq(host.last_kind, DRAHT_THREAD_TICKET);
    ck_assert_str_eq(host.last_ticket, "2026-000001");
    buf_free(&b);
    free(to);
}
END_TEST

/* ---- a relay that takes mail, in its own way ---- */
enum manner { FINE, NO_RCPT, WAIT_RCPT, DATA_421, DROP_AFTER_DOT, SILENT_AFTER_DOT, REFUSE_AFTER_DOT };
struct relay {
    int listener, port;
    enum manner manner;
    struct buf got;
};

static void say(int fd, const char *s) {
    ck_assert_int_gt((int)write(fd, s, strlen(s)), 0);
}

static bool read_line(FILE *in, char line[2000]) {
    return fgets(line, 2000, in) != NULL;
}

static bool relay_data(struct relay *r, int fd, FILE *in, char line[2000]) {
    say(fd, "354 go\r\n");
    while (read_line(in, line) && strcmp(line, ".\r\n") != 0) buf_adds(&r->got, line);
    if (r->manner == DROP_AFTER_DOT) return false;
    if (r->manner == SILENT_AFTER_DOT) return read_line(in, line);
    say(fd, r->manner == REFUSE_AFTER_DOT ? "554 5.6.0 no\r\n" : "250 2.0.0 queued\r\n");
    return true;
}

static void *relay_thread(void *arg) {
    struct relay *r = arg;
    int fd = accept(r->listener, NULL, NULL);
    FILE *in = fdopen(fd, "r");
    char line[2000];
    say(fd, "220 relay.test ESMTP\r\n");
    while (in && read_line(in, line)) {
        buf_adds(&r->got, line);
        if (span_istarts(span_str(line), "EHLO")) say(fd, "250-relay.test\r\n250 SMTPUTF8\r\n");
        else if (span_istarts(span_str(line), "RCPT") && r->manner == NO_RCPT) say(fd, "550 5.1.1 no\r\n");
        else if (span_istarts(span_str(line), "RCPT") && r->manner == WAIT_RCPT) say(fd, "451 4.2.0 wait\r\n");
        else if (span_istarts(span_str(line), "DATA") && r->manner == DATA_421) say(fd, "421 4.3.2 going\r\n");
        else if (span_istarts(span_str(line), "QUIT")) break;
        else if (!span_istarts(span_str(line), "DATA")) say(fd, "250 ok\r\n");
        else if (!relay_data(r, fd, in, line)) break;
    }
    if (in) fclose(in);
    return NULL;
}

static void relay_open(struct relay *r) {
    r->listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(r->listener, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(r->listener, 4), 0);
    getsockname(r->listener, (struct sockaddr *)&a, &n);
    r->port = ntohs(a.sin_port);
}

#define D(s) ((struct draht_span){(s), sizeof(s) - 1})
static const struct draht_outbound reply = {
    .size = sizeof reply, .message = D("2026-000001.2"), .ticket = D("2026-000001"), .attempt = 1,
    .recipient = D("j@buerger.test"), .recipient_name = D("J"), .subject = D("Ausweis"), .text = D("Gern.\nAmt"),
    .in_reply_to = D("1@x.test"), .created_ms = 1795425300000};

static void send_by(struct relay *r) {
    char options[300];
    relay_open(r);
    snprintf(options, sizeof options,
             "{\"address\":[\"amt@stadt.test\"],\"lmtp\":[],\"relay\":\"127.0.0.1:%d\",\"relay_timeout_s\":1}", r->port);
    open_channel(options);
    pthread_t t;
    pthread_create(&t, NULL, relay_thread, r);
    ck_assert_int_eq(email_ops.send(host.channel, &reply, NULL), 0);
    loop_run(host.loop);
    close_channel(); /* libcurl's kept connection ends here, and with it the relay's thread */
    pthread_join(t, NULL);
    close(r->listener);
    buf_add(&r->got, "", 0);
}

static const struct {
    enum manner manner;
    enum draht_verdict verdict;
} manners[] = {{FINE, DRAHT_SENT}, {NO_RCPT, DRAHT_REJECTED}, {WAIT_RCPT, DRAHT_RETRY}, {DATA_421, DRAHT_RETRY},
               {DROP_AFTER_DOT, DRAHT_IN_DOUBT}, {SILENT_AFTER_DOT, DRAHT_IN_DOUBT}, {REFUSE_AFTER_DOT, DRAHT_REJECTED}};

START_TEST(relay_verdicts) {
    struct relay r = {.manner = manners[_i].manner};
    send_by(&r);
    ck_assert_int_eq(host.settled, 1);
    ck_assert_int_eq(host.verdict, manners[_i].verdict);
    if (manners[_i].manner == FINE) {
        ck_assert_ptr_nonnull(strstr(r.got.p, "MAIL FROM:<amt+b.2026-000001.2."));
        ck_assert_ptr_nonnull(strstr(r.got.p, "RCPT TO:<j@buerger.test>"));
        ck_assert_ptr_nonnull(strstr(r.got.p, "Subject: Re: Ausweis [#2026-000001]\r\n"));
        ck_assert_ptr_nonnull(strstr(r.got.p, "In-Reply-To: <1@x.test>\r\n"));
        ck_assert_ptr_nonnull(strstr(r.got.p, host.part_id));
    }
    buf_free(&r.got);
}
END_TEST

START_TEST(no_relay_there) {
    open_channel("{\"address\":[\"amt@stadt.test\"],\"lmtp\":[],\"relay\":\"127.0.0.1:1\"}");
    email_ops.send(host.channel, &reply, NULL);
    loop_run(host.loop);
    close_channel();
    ck_assert_int_eq(host.verdict, DRAHT_RETRY);
}
END_TEST

START_TEST(recipient_that_is_none) {
    open_channel("{\"address\":[\"amt@stadt.test\"],\"lmtp\":[],\"relay\":\"127.0.0.1:1\"}");
    struct draht_outbound m = reply;
    m.recipient = D("j@buerger.test>\r\nRCPT TO:<x@y.test");
    ck_assert_int_eq(email_ops.send(host.channel, &m, NULL), 1);
    loop_run(host.loop);
    close_channel();
    ck_assert_int_eq(host.verdict, DRAHT_REJECTED);
}
END_TEST

static const struct {
    const char *options;
} bad[] = {{"{}"}, {"{\"address\":[\"x\"]}"}, {"{\"address\":[\"@stadt.test\"]}"},
           {"{\"address\":[\"a@b.test\"],\"relay\":\"mx.test\"}"},
           {"{\"address\":[\"a@b.test\"],\"relay\":\"mx.test:25\",\"relay_tls\":\"none\",\"relay_user\":\"u\"}"},
           {"{\"address\":[\"a@b.test\"],\"imap_url\":\"http://x\"}"},
           {"{\"address\":[\"a@b.test\"],\"hostname\":\"a b\"}"}};

START_TEST(settings_that_cannot_be) {
    char err[256] = "";
    void *channel = NULL;
    ck_assert_int_lt(email_ops.open(&fake, NULL, "mail", bad[_i].options, &channel, err), 0);
    ck_assert_uint_gt(strlen(err), 10);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("email.channel");
    TCase *t = tcase_create("channel");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, stored_and_only_then_yes);
    tcase_add_test(t, store_away_means_451);
    tcase_add_test(t, never_means_554);
    tcase_add_test(t, null_sender_is_automatic);
    tcase_add_test(t, not_addressed_to_us_is_automatic);
    tcase_add_test(t, large_mails_go_through_the_pool);
    tcase_add_test(t, bounce_becomes_a_receipt);
    tcase_add_test(t, foreign_bounce_becomes_a_note);
    tcase_add_test(t, token_address_finds_its_ticket);
    tcase_add_loop_test(t, relay_verdicts, 0, sizeof manners / sizeof *manners);
    tcase_add_test(t, no_relay_there);
    tcase_add_test(t, recipient_that_is_none);
    tcase_add_loop_test(t, settings_that_cannot_be, 0, sizeof bad / sizeof *bad);
    suite_add_tcase(suite, t);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
