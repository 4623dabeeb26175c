/* SPDX-License-Identifier: EUPL-1.2 */
/* smtp: hands a finished mail to libcurl. The hard part is the verdict: a connection that ends
 * after the final dot and before its answer leaves us in doubt, and must never look like a failure.
 */
#include "channels/email/smtp.h"

#include <stdio.h>
#include <stdlib.h>

#include "channels/email/oauth.h"
#include "gateway/base/log.h"

#define CONNECT_TIMEOUT_S 30L
#define TRANSFER_TIMEOUT_S 900L

struct smtp {
    struct email *e;
    struct smtp *next, *prev;
    CURL *easy;
    struct curl_slist *to;
    struct span mail, rest;
    bool uploaded, is_added; /* is_added: libcurl has it */
    smtp_done_fn done;
    void *arg;
};

static void say(struct smtp_verdict *out, enum draht_verdict v, const char *what, long code) {
    out->verdict = v;
    if (code > 0)
        snprintf(out->reason, sizeof out->reason, "%s (%ld)", what, code);
    else
        snprintf(out->reason, sizeof out->reason, "%s", what);
}

static bool is_tls_trouble(int rc) {
    return rc == CURLE_USE_SSL_FAILED || rc == CURLE_PEER_FAILED_VERIFICATION ||
           rc == CURLE_SSL_CACERT_BADFILE || rc == CURLE_SSL_CERTPROBLEM || rc == CURLE_SSL_CIPHER;
}

void smtp_judge(int rc, long code, bool uploaded, struct smtp_verdict *out) {
    bool is_auth =
        rc == CURLE_LOGIN_DENIED || code == 535 || code == 534 || code == 530 || code == 538;
    if (rc == CURLE_OK)
        say(out, DRAHT_SENT, "accepted by the relay", code);
    else if (is_tls_trouble(rc))
        say(out, DRAHT_MISCONFIGURED, "no trusted encryption with the relay", 0);
    else if (is_auth && code < 500 && code >= 400)
        say(out, DRAHT_RETRY, "the relay asked to wait", code);
    else if (is_auth)
        say(out, DRAHT_MISCONFIGURED, "the relay refuses our login", code);
    else if (code >= 500 && code < 600)
        say(out, DRAHT_REJECTED, "refused by the mail server", code);
    else if (code >= 400 && code < 500)
        say(out, DRAHT_RETRY, "put off by the mail server", code);
    else if (uploaded && rc != CURLE_SEND_ERROR)
        say(out, DRAHT_IN_DOUBT, "the mail went out whole, its answer did not come", 0);
    else
        say(out, DRAHT_RETRY, curl_easy_strerror((CURLcode)rc), 0);
}

static size_t give_bytes(char *out, size_t size, size_t n, void *arg) {
    struct smtp *s = arg;
    size_t take = s->rest.n < size * n ? s->rest.n : size * n;
    if (take)
        memcpy(out, s->rest.p, take);
    s->rest = (struct span){s->rest.p + take, s->rest.n - take};
    /* libcurl asks once more and gets 0: only then does it write the final dot. */
    if (take == 0)
        s->uploaded = true;
    return take;
}

static size_t ignore(char *p, size_t size, size_t n, void *arg) {
    (void)p;
    (void)arg;
    return size * n;
}

static void release(struct smtp *s) {
    curl_slist_free_all(s->to);
    curl_easy_cleanup(s->easy);
    free(s);
}

static void give_verdict(struct smtp *s, const struct smtp_verdict *v) {
    struct smtp_verdict copy = *v;
    if (s->e->oauth)
        oauth_forget(s->e->oauth, s);
    if (s->prev)
        s->prev->next = s->next;
    else
        s->e->sends = s->next;
    if (s->next)
        s->next->prev = s->prev;
    smtp_done_fn done = s->done;
    void *arg = s->arg;
    release(s);
    done(arg, &copy);
}

static void end(struct smtp *s, CURLcode result) {
    long code = 0;
    struct smtp_verdict v;
    if (s->is_added) {
        curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &code);
        transfers_remove(s->e->transfers, s->easy);
        s->is_added = false;
    }
    smtp_judge((int)result, code, s->uploaded, &v);
    give_verdict(s, &v);
}

static void go(struct smtp *s);

static bool uses_oauth(const struct smtp *s) {
    const struct email_settings *set = &s->e->set;
    return email_uses_oauth(set, set->relay_user, set->relay_password);
}

static void on_done(void *arg, CURL *easy, CURLcode result) {
    struct smtp *s = arg;
    long code = 0;
    struct smtp_verdict v;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
    smtp_judge((int)result, code, s->uploaded, &v);
    bool is_refused = v.verdict == DRAHT_MISCONFIGURED && result == CURLE_LOGIN_DENIED;
    if (!is_refused || !uses_oauth(s) || !oauth_refused(s->e->oauth)) {
        end(s, result);
        return;
    }
    transfers_remove(s->e->transfers, s->easy);
    s->is_added = false;
    s->rest = s->mail;
    go(s);
}

static void start(struct smtp *s) {
    struct smtp_verdict v = {.verdict = DRAHT_RETRY, .reason = "too many transfers at once"};
    if (transfers_add(s->e->transfers, s->easy, false, on_done, s) == 0)
        s->is_added = true;
    else
        give_verdict(s, &v);
}

static void on_token(void *arg, const char *token, const char *why, bool is_refused) {
    struct smtp *s = arg;
    if (token) {
        curl_easy_setopt(s->easy, CURLOPT_XOAUTH2_BEARER, token);
        start(s);
        return;
    }
    struct smtp_verdict v = {.verdict = is_refused ? DRAHT_MISCONFIGURED : DRAHT_RETRY};
    snprintf(v.reason, sizeof v.reason, "%s", why);
    give_verdict(s, &v);
}

static void go(struct smtp *s) {
    if (uses_oauth(s))
        oauth_get(s->e->oauth, on_token, s);
    else
        start(s);
}

static void set_security(CURL *c, const struct email_settings *set) {
    bool is_encrypted = set->relay_tls == RELAY_STARTTLS || set->relay_tls == RELAY_TLS;
    curl_easy_setopt(c, CURLOPT_USE_SSL, (long)(is_encrypted ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (*set->relay_ca)
        curl_easy_setopt(c, CURLOPT_CAINFO, set->relay_ca);
    if (*set->relay_user) {
        curl_easy_setopt(c, CURLOPT_USERNAME, set->relay_user);
        if (*set->relay_password)
            curl_easy_setopt(c, CURLOPT_PASSWORD, set->relay_password);
    }
}

static void set_transaction(struct smtp *s, const char *from, const char *to) {
    CURL *c = s->easy;
    const struct email_settings *set = &s->e->set;
    char url[700];
    snprintf(url, sizeof url, "%s://%s/%s", set->relay_tls == RELAY_TLS ? "smtps" : "smtp",
             set->relay, set->hostname);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(c, CURLOPT_MAIL_FROM, from);
    s->to = curl_slist_append(NULL, to);
    curl_easy_setopt(c, CURLOPT_MAIL_RCPT, s->to);
    curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(c, CURLOPT_READFUNCTION, give_bytes);
    curl_easy_setopt(c, CURLOPT_READDATA, s);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(c, CURLOPT_SERVER_RESPONSE_TIMEOUT, set->relay_timeout_s);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, TRANSFER_TIMEOUT_S);
}

void smtp_send(struct email *e, const char *from, const char *to, struct span mail,
               smtp_done_fn done, void *arg) {
    struct smtp *s = xcalloc(1, sizeof *s);
    *s = (struct smtp){
        .e = e, .easy = curl_easy_init(), .mail = mail, .rest = mail, .done = done, .arg = arg};
    s->next = e->sends;
    if (s->next)
        s->next->prev = s;
    e->sends = s;
    if (!s->easy) {
        struct smtp_verdict v = {.verdict = DRAHT_RETRY, .reason = "no memory for a transfer"};
        give_verdict(s, &v);
        return;
    }
    set_security(s->easy, &e->set);
    set_transaction(s, from, to);
    go(s);
}

void smtp_give_up(struct email *e) {
    while (e->sends)
        end(e->sends, CURLE_OPERATION_TIMEDOUT);
}

void smtp_give_up_waiting(struct email *e) {
    for (struct smtp *s = e->sends, *next; s; s = next) {
        next = s->next;
        if (!s->is_added)
            end(s, CURLE_OPERATION_TIMEDOUT);
    }
}
