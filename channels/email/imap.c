/* SPDX-License-Identifier: EUPL-1.2 */
/* imap: select, search above the watermark, fetch one mail, deliver, mark, move the watermark; then
 * IDLE or wait. One command at a time. What a crash leaves undone is done again and deduplicated.
 */
#include "channels/email/imap.h"

#include <stdio.h>
#include <stdlib.h>

#include "channels/email/imap_link.h"
#include "channels/email/imap_words.h"
#include "channels/email/oauth.h"

#define ANSWER_TIMEOUT_MS 60000
#define IDLE_MS_MAX (25 * 60 * 1000) /* servers may hang up after 29 minutes */
#define BACKOFF_MS_MIN 1000
#define BACKOFF_MS_MAX (5 * 60 * 1000)
#define ROUND_UIDS_MAX 500
#define ATTEMPTS_MAX 5

enum step { OFF, CONNECT, CAPABILITY, SELECT, SEARCH, SIZE, BODY, DELIVER, MARK, IDLE, PAUSE };

struct imap {
    struct email *e;
    struct imap_link *link;
    struct loop_timer *timer;
    enum step step;
    unsigned tag;
    unsigned generation; /* answers to an older one are void */
    uint64_t backoff_ms;
    bool is_held, is_stopped, can_idle, can_move, is_idling, is_refused;
    bool has_news; /* mail came since the last search was sent; IDLE will not tell it again */
    unsigned long long uidvalidity, server_uidvalidity, last_uid, uid, size, exists;

    unsigned long long uids[ROUND_UIDS_MAX];
    size_t uids_n, uids_at, refs; /* refs: callbacks on their way */
    struct buf body;
};

static void begin_search(struct imap *m);
static void next_mail(struct imap *m);
static void on_timer(void *arg);

static void wait_ms(struct imap *m, uint64_t ms) {
    loop_timer_stop(&m->timer);
    m->timer = loop_timer(m->e->loop, ms, 0, on_timer, m);
}

static void command(struct imap *m, enum step step, const char *text) {
    char line[1200];
    snprintf(line, sizeof line, "D%u %s", ++m->tag, text);
    m->step = step;
    m->is_refused = false;
    wait_ms(m, ANSWER_TIMEOUT_MS);
    imap_link_send(m->link, line);
}

static void connect_now(struct imap *m);

static void fail(struct imap *m, const char *why, bool is_login) {
    if (m->is_stopped)
        return;
    m->e->h->log(m->e->host, 2, "email.imap_down", why);
    char sentence[EMAIL_TROUBLE_BYTES];
    snprintf(sentence, sizeof sentence, "The mailbox cannot be read: %s.", why);
    email_health(m->e, sentence, NULL);
    imap_link_close(&m->link);
    m->generation++;
    m->step = OFF;
    if (!m->is_held)
        return;
    m->backoff_ms = is_login ? BACKOFF_MS_MAX : m->backoff_ms ? 2 * m->backoff_ms : BACKOFF_MS_MIN;
    if (m->backoff_ms > BACKOFF_MS_MAX)
        m->backoff_ms = BACKOFF_MS_MAX;
    wait_ms(m, m->backoff_ms);
}

/* ---- state ---- */
struct call { /* a state call of the host, which may outlive a connection or us */
    struct imap *m;
    unsigned generation;
    void (*then)(struct imap *m, int status, struct span value);
};

static void release(struct imap *m) {
    if (!m->is_stopped || m->refs > 0)
        return;
    buf_free(&m->body);
    free(m);
}

static void called(struct call *c, int status, struct span v) {
    struct imap *m = c->m;
    bool is_current = !m->is_stopped && c->generation == m->generation;
    m->refs--;
    if (is_current)
        c->then(m, status, v);
    free(c);
    release(m);
}

static void state_got(void *arg, int status, struct draht_span v) {
    called(arg, status, (struct span){v.p, v.n});
}

static void state_kept(void *arg, int status) {
    called(arg, status, SPAN_NONE);
}

static struct call *call_new(struct imap *m, void (*then)(struct imap *, int, struct span)) {
    struct call *c = xcalloc(1, sizeof *c);
    *c = (struct call){m, m->generation, then};
    m->refs++;
    return c;
}

static void keep(struct imap *m, const char *key, const char *value,
                 void (*then)(struct imap *, int, struct span)) {
    m->e->h->state_set(m->e->host, (struct draht_span){key, strlen(key)},
                       (struct draht_span){value, strlen(value)}, 0, state_kept, call_new(m, then));
}

static void mark_known(struct imap *m, int status, struct span v) {
    if (status != 0) {
        fail(m, "the store cannot be reached", false);
        return;
    }
    unsigned long long validity = 0, uid = 0;
    imap_two_numbers(v, &validity, &uid);
    if (validity != m->server_uidvalidity)
        uid = 0; /* everything anew; deduplication sorts it out */
    m->uidvalidity = m->server_uidvalidity;
    m->last_uid = uid;
    m->backoff_ms = 0;
    m->e->h->log(m->e->host, 0, "email.imap_up", "the mailbox is open");
    email_health(m->e, "", NULL);
    begin_search(m);
}

static void read_mark(struct imap *m) {
    loop_timer_stop(&m->timer);
    m->step = PAUSE;
    static const char key[] = "imap.watermark";
    m->e->h->state_get(m->e->host, (struct draht_span){key, sizeof key - 1}, state_got,
                       call_new(m, mark_known));
}

static void mark_moved(struct imap *m, int status, struct span v) {
    (void)v;
    if (status != 0)
        fail(m, "the store cannot be reached", false);
    else
        next_mail(m);
}

static void move_mark(struct imap *m) {
    loop_timer_stop(&m->timer);
    m->step = PAUSE;
    char v[64];
    m->last_uid = m->uid;
    snprintf(v, sizeof v, "%llu %llu", m->uidvalidity, m->last_uid);
    keep(m, "imap.watermark", v, mark_moved);
}

/* ---- a round ---- */
static void begin_search(struct imap *m) {
    char line[80];
    m->uids_n = m->uids_at = 0;
    m->has_news = false;
    snprintf(line, sizeof line, "UID SEARCH UID %llu:*", m->last_uid + 1);
    command(m, SEARCH, line);
}

static int by_uid(const void *a, const void *b) {
    unsigned long long x = *(const unsigned long long *)a, y = *(const unsigned long long *)b;
    return x < y ? -1 : x > y;
}

static void rest(struct imap *m) {
    uint64_t ms = (uint64_t)m->e->set.imap_poll_s * 1000;
    if (m->uids_n == ROUND_UIDS_MAX || m->has_news) { /* there may be more */
        begin_search(m);
        return;
    }
    if (m->can_idle) {
        m->is_idling = false;
        command(m, IDLE, "IDLE");
        return;
    }
    m->step = PAUSE;
    wait_ms(m, ms);
}

static void next_mail(struct imap *m) {
    if (m->uids_at >= m->uids_n) {
        rest(m);
        return;
    }
    m->uid = m->uids[m->uids_at++];
    m->size = 0;
    char line[80];
    snprintf(line, sizeof line, "UID FETCH %llu (UID RFC822.SIZE)", m->uid);
    command(m, SIZE, line);
}

static void put_away(struct imap *m, bool is_stored) {
    char line[600], name[450];
    const char *folder = is_stored ? m->e->set.imap_archive : m->e->set.imap_quarantine;
    const char *flag = is_stored ? "$DrahtDone \\Seen" : "\\Flagged";
    if (*folder && m->can_move)
        snprintf(line, sizeof line, "UID MOVE %llu %s", m->uid, imap_quoted(folder, name));
    else
        snprintf(line, sizeof line, "UID STORE %llu +FLAGS.SILENT (%s)", m->uid, flag);
    command(m, MARK, line);
}

static void quarantine(struct imap *m, const char *why) {
    char line[EMAIL_TROUBLE_BYTES];
    snprintf(line, sizeof line, "uid=%llu %s", m->uid, why);
    m->e->h->log(m->e->host, 2, "email.imap_quarantine", line);
    put_away(m, false);
}

struct fetched { /* one mail under way to the store */
    struct imap *m;
    unsigned generation;
    struct buf raw;
    const char *recipients[1];
};

static void forget_tries(struct imap *m) {
    static const char key[] = "imap.attempts";
    m->e->h->state_del(m->e->host, (struct draht_span){key, sizeof key - 1}, NULL, NULL);
}

static void delivered(void *arg, const enum email_outcome *outcomes, size_t n) {
    struct fetched *f = arg;
    struct imap *m = f->m;
    (void)n;
    m->refs--;
    if (!m->is_stopped && f->generation == m->generation) {
        enum email_outcome o = outcomes[0];
        if (o == EMAIL_LATER) {
            forget_tries(m); /* the store's trouble is not the mail's fault */
            fail(m, "the store cannot be reached", false);
        } else if (o == EMAIL_NEVER) {
            quarantine(m, "not acceptable");
        } else {
            put_away(m, true);
        }
    }
    buf_free(&f->raw);
    free(f);
    release(m);
}

static void deliver(struct imap *m) {
    struct fetched *f = xcalloc(1, sizeof *f);
    *f = (struct fetched){.m = m, .generation = m->generation, .raw = m->body, .recipients = {""}};
    m->body = (struct buf){0};
    m->step = DELIVER;
    m->refs++;
    loop_timer_stop(&m->timer);
    email_in_deliver(m->e, buf_span(&f->raw), NULL, f->recipients, 1, delivered, f);
}

static void fetch_body(struct imap *m, int status, struct span v) {
    (void)v;
    if (status != 0) {
        fail(m, "the store cannot be reached", false);
        return;
    }
    char line[80];
    snprintf(line, sizeof line, "UID FETCH %llu (UID BODY.PEEK[])", m->uid);
    buf_free(&m->body);
    command(m, BODY, line);
}

static void tries_known(struct imap *m, int status, struct span v) {
    unsigned long long uid = 0, tries = 0;
    if (status == 0)
        imap_two_numbers(v, &uid, &tries);
    if (uid != m->uid)
        tries = 0;
    if (tries >= ATTEMPTS_MAX) {
        quarantine(m, "too many attempts");
        return;
    }
    char value[64];
    snprintf(value, sizeof value, "%llu %llu", m->uid, tries + 1);
    keep(m, "imap.attempts", value, fetch_body);
}

/* Counted before the fetch and durable, so that a mail that ends us is met five times at most. */
static void size_known(struct imap *m) {
    if (m->size > m->e->set.mail_bytes_max) {
        quarantine(m, "too large");
        return;
    }
    loop_timer_stop(&m->timer);
    m->step = PAUSE;
    static const char key[] = "imap.attempts";
    m->e->h->state_get(m->e->host, (struct draht_span){key, sizeof key - 1}, state_got,
                       call_new(m, tries_known));
}

static void idle_over(struct imap *m) {
    m->is_idling = false;
    wait_ms(m, ANSWER_TIMEOUT_MS);
    imap_link_send(m->link, "DONE");
}

/* The command of this step was answered. */
static void advance(struct imap *m) {
    char name[450], line[500];
    switch (m->step) {
    case CAPABILITY:
        snprintf(line, sizeof line, "SELECT %s", imap_quoted(m->e->set.imap_mailbox, name));
        m->server_uidvalidity = 0;
        command(m, SELECT, line);
        break;
    case SELECT:
        if (m->is_refused)
            fail(m, "imap_mailbox cannot be opened", true);
        else
            read_mark(m);
        break;
    case SEARCH:
        qsort(m->uids, m->uids_n, sizeof *m->uids, by_uid);
        next_mail(m);
        break;
    case SIZE:
        if (m->size)
            size_known(m);
        else
            next_mail(m); /* somebody removed it meanwhile */
        break;
    case BODY:
        if (m->body.n)
            deliver(m);
        else
            move_mark(m);
        break;
    case MARK: /* refused or not: it is stored */
        move_mark(m);
        break;
    case IDLE:
        if (m->is_refused)
            m->can_idle = false;
        begin_search(m);
        break;
    default:
        break;
    }
}

static void on_search(struct imap *m, struct span list) {
    while (list.p) {
        unsigned long long uid;
        if (span_u64(span_cut(&list, ' '), IMAP_UID_MAX, &uid) != 0 || uid <= m->last_uid)
            continue;
        if (m->uids_n < ROUND_UIDS_MAX)
            m->uids[m->uids_n++] = uid;
    }
}

/* "4 EXISTS", with the answer to whatever command was under way. */
static void on_exists(struct imap *m, struct span line) {
    struct span rest = line, count = span_cut(&rest, ' ');
    unsigned long long n = 0;
    if (!span_istarts(rest, "EXISTS") || span_u64(count, IMAP_UID_MAX, &n) != 0)
        return;
    m->has_news = m->has_news || n != m->exists;
    m->exists = n;
    if (m->step == IDLE && m->is_idling)
        idle_over(m);
}

static void on_untagged(struct imap *m, struct span line, struct span literal) {
    unsigned long long uid = 0;
    on_exists(m, line);
    if (m->step == CAPABILITY && span_istarts(line, "CAPABILITY")) {
        m->can_idle = imap_has_word(line, "IDLE");
        m->can_move = imap_has_word(line, "MOVE");
    } else if (m->step == SELECT) {
        imap_find_number(line, "[UIDVALIDITY ", &m->server_uidvalidity);
    } else if (m->step == SEARCH && span_istarts(line, "SEARCH")) {
        on_search(m, (struct span){line.p + 6, line.n - 6});
    } else if ((m->step == SIZE || m->step == BODY) && imap_find_number(line, "UID ", &uid) &&
               uid == m->uid) {
        if (m->step == SIZE)
            imap_find_number(line, "RFC822.SIZE ", &m->size);
        else if (literal.n && m->body.n == 0)
            buf_add(&m->body, literal.p, literal.n);
    }
}

static bool on_line(void *arg, struct span line, struct span literal) {
    struct imap *m = arg;
    unsigned generation = m->generation;
    char tag[16];
    snprintf(tag, sizeof tag, "D%u ", m->tag);
    if (line.n >= 2 && line.p[0] == '*' && line.p[1] == ' ') {
        struct span l = {line.p + 2, line.n - 2};
        if (span_istarts(l, "BYE"))
            fail(m, "the server says goodbye", false);
        else
            on_untagged(m, l, literal);
    } else if (line.n && line.p[0] == '+' && m->step == IDLE) {
        uint64_t ms = (uint64_t)m->e->set.imap_poll_s * 1000;
        m->is_idling = true;
        wait_ms(m, ms < IDLE_MS_MAX ? ms : IDLE_MS_MAX);
        if (m->has_news)
            idle_over(m);
    } else if (span_istarts(line, tag)) {
        struct span l = {line.p + strlen(tag), line.n - strlen(tag)};
        m->is_refused = !span_istarts(l, "OK");
        advance(m);
    }
    return generation == m->generation && !m->is_stopped;
}

static void on_up(void *arg) {
    struct imap *m = arg;
    command(m, CAPABILITY, "CAPABILITY");
}

static bool uses_oauth(const struct imap *m) {
    const struct email_settings *set = &m->e->set;
    return !*set->imap_token && email_uses_oauth(set, set->imap_user, set->imap_password);
}

static void on_down(void *arg, const char *why, bool is_login) {
    struct imap *m = arg;
    if (is_login && uses_oauth(m) && oauth_refused(m->e->oauth)) {
        imap_link_close(&m->link);
        connect_now(m);
        return;
    }
    fail(m, why, is_login);
}

static void on_token(void *arg, const char *token, const char *why, bool is_refused) {
    static const struct imap_link_handlers handlers = {on_up, on_line, on_down};
    struct imap *m = arg;
    if (!token) {
        fail(m, why, is_refused);
        return;
    }
    m->link = imap_link_open(m->e, token, &handlers, m);
    if (!m->link)
        fail(m, "too many transfers at once", false);
}

static void connect_now(struct imap *m) {
    loop_timer_stop(&m->timer);
    m->step = CONNECT;
    if (uses_oauth(m))
        oauth_get(m->e->oauth, on_token, m);
    else
        on_token(m, m->e->set.imap_token, "", false);
}

void imap_reconnect(struct imap *m) {
    if (!m || m->is_stopped || !m->is_held)
        return;
    imap_link_close(&m->link);
    m->generation++;
    m->backoff_ms = 0;
    m->step = OFF;
    connect_now(m);
}

static void on_timer(void *arg) {
    struct imap *m = arg;
    loop_timer_stop(&m->timer);
    if (m->step == OFF)
        connect_now(m);
    else if (m->step == PAUSE)
        begin_search(m);
    else if (m->step == IDLE && m->is_idling)
        idle_over(m);
    else
        fail(m, "the server does not answer", false);
}

static void on_lease(void *channel, int held) {
    struct imap *m = ((struct email *)channel)->imap;
    if (!m || m->is_stopped || m->is_held == (held != 0))
        return;
    m->is_held = held != 0;
    if (m->is_held) {
        connect_now(m);
        return;
    }
    if (m->e->oauth)
        oauth_forget(m->e->oauth, m);
    imap_link_close(&m->link);
    loop_timer_stop(&m->timer);
    m->generation++;
    m->step = OFF;
    email_health(m->e, "Another gateway reads the mailbox.", NULL);
}

struct imap *imap_start(struct email *e) {
    struct imap *m = xcalloc(1, sizeof *m);
    m->e = e;
    e->imap = m;
    static const char name[] = "imap";
    e->h->lease(e->host, (struct draht_span){name, sizeof name - 1}, on_lease);
    return m;
}

void imap_stop(struct imap **imap) {
    struct imap *m = *imap;
    if (!m)
        return;
    *imap = NULL;
    m->is_stopped = true;
    if (m->e->oauth)
        oauth_forget(m->e->oauth, m);
    imap_link_close(&m->link);
    loop_timer_stop(&m->timer);
    release(m);
}
