/* SPDX-License-Identifier: EUPL-1.2 */
/* email_options: the settings of an email channel, and what they must satisfy together. */
#include <stdio.h>

#include "channels/email/email_channel.h"
#include "channels/email/mail_address.h"

#define OPT_NAME_MAX 253

const struct draht_option email_option_rows[] = {
    {"address", DRAHT_OPT_LIST, NULL, 1, EMAIL_MAILBOXES_MAX, NULL, DRAHT_OPT_REQUIRED,
     "Mail addresses of the city that arrive here, for example buergerbuero@stadt.example; the "
     "first one "
     "is the sender of replies. @stadt.example takes every address of the domain. Plus tags "
     "(buergerbuero+x@...) belong to the address."},
    {"lmtp", DRAHT_OPT_LIST, "127.0.0.1:2424", 0, EMAIL_LISTEN_MAX, NULL, 0,
     "Where the mail server delivers by LMTP: host:port or unix:/path. Empty: no LMTP."},
    {"connections_max", DRAHT_OPT_INT, "100", 1, 2000, NULL, 0,
     "LMTP connections at once, per listener."},
    {"max_size_mb", DRAHT_OPT_INT, "25", 1, 100, NULL, 0,
     "Largest mail that is taken in. Give the mail server the same limit."},
    {"relay", DRAHT_OPT_STRING, "", 0, 300, NULL, 0,
     "SMTP server for outgoing mail, host:port. Empty: outgoing mail is put into "
     "outgoing_maildir."},
    {"relay_tls", DRAHT_OPT_ENUM, "auto", 0, 0, "auto|none|starttls|tls", 0,
     "Encryption to the relay. auto: none for loopback, else STARTTLS is required."},
    {"relay_user", DRAHT_OPT_STRING, "", 0, 300, NULL, 0, "User for AUTH at the relay."},
    {"relay_password", DRAHT_OPT_STRING, "", 0, 4096, NULL, DRAHT_OPT_SECRET,
     "Password for AUTH at the relay."},
    {"relay_ca", DRAHT_OPT_STRING, "", 0, 4096, NULL, 0,
     "PEM file with the authorities that sign the relay's and IMAP server's certificates. Empty: "
     "the "
     "system's."},
    {"relay_timeout_s", DRAHT_OPT_INT, "120", 1, 600, NULL, 0,
     "How long an answer of the relay may take."},
    {"from_name", DRAHT_OPT_STRING, "", 0, 200, NULL, 0,
     "Name beside the sender's address when the reply brings none."},
    {"hostname", DRAHT_OPT_STRING, "", 0, OPT_NAME_MAX, NULL, 0,
     "Name in Message-IDs and greetings. Empty: the domain of the first address."},
    {"outgoing_maildir", DRAHT_OPT_STRING, "", 0, 4096, NULL, 0,
     "Maildir for outgoing mail when there is no relay. Empty: STATE/outgoing."},
    {"imap_url", DRAHT_OPT_STRING, "", 0, 300, NULL, 0,
     "Mailbox to fetch from instead of LMTP: imaps://host or imap://host (STARTTLS is then "
     "required, "
     "except on loopback)."},
    {"imap_user", DRAHT_OPT_STRING, "", 0, 300, NULL, 0, "User of the IMAP mailbox."},
    {"imap_password", DRAHT_OPT_STRING, "", 0, 4096, NULL, DRAHT_OPT_SECRET,
     "Password of the IMAP mailbox."},
    {"imap_token", DRAHT_OPT_STRING, "", 0, 8192, NULL, DRAHT_OPT_SECRET,
     "OAuth 2 bearer token instead of the password (XOAUTH2, OAUTHBEARER)."},
    {"oauth_token_url", DRAHT_OPT_STRING, "", 0, 1000, NULL, 0,
     "OAuth 2 token endpoint of the mail provider. Given: the mailbox and the relay are entered "
     "with access tokens (XOAUTH2, OAUTHBEARER) that Draht fetches and renews, wherever a user but "
     "no password is set."},
    {"oauth_client_id", DRAHT_OPT_STRING, "", 0, 1000, NULL, 0,
     "The application's id at the provider."},
    {"oauth_client_secret", DRAHT_OPT_STRING, "", 0, 4096, NULL, DRAHT_OPT_SECRET,
     "The application's secret at the provider."},
    {"oauth_refresh_token", DRAHT_OPT_STRING, "", 0, 8192, NULL, DRAHT_OPT_SECRET,
     "Refresh token of the mailbox. Empty: client credentials (an application of its own)."},
    {"oauth_scope", DRAHT_OPT_STRING, "", 0, 1000, NULL, 0,
     "Scope to ask for, as the provider names it."},
    {"imap_mailbox", DRAHT_OPT_STRING, "INBOX", 1, 200, NULL, 0, "Folder to read."},
    {"imap_archive", DRAHT_OPT_STRING, "", 0, 200, NULL, 0,
     "Folder that mails are moved to when they are stored. Empty: they stay, marked as seen."},
    {"imap_quarantine", DRAHT_OPT_STRING, "", 0, 200, NULL, 0,
     "Folder for mails that cannot be taken in. Empty: they stay, flagged."},
    {"imap_poll_s", DRAHT_OPT_INT, "600", 1, 3600, NULL, 0,
     "Look for new mail at least this often, also when the server offers IDLE."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL},
};

static int complain(char *err, const char *sentence) {
    snprintf(err, 256, "%s", sentence);
    return -1;
}

static size_t list(const json_t *o, const char *key, const char **out, size_t max) {
    const json_t *v = json_object_get(o, key);
    size_t n = 0;
    if (json_is_string(v) && json_string_length(v)) {
        out[n++] = json_string_value(v);
        return n;
    }
    for (size_t i = 0; i < json_array_size(v) && n < max; i++) {
        const char *s = json_string_value(json_array_get(v, i));
        if (s && *s)
            out[n++] = s;
    }
    return n;
}

static int check_mailboxes(struct email_settings *s, char *err) {
    const char *names[EMAIL_MAILBOXES_MAX];
    s->mailboxes_n = list(s->json, "address", names, EMAIL_MAILBOXES_MAX);
    for (size_t i = 0; i < s->mailboxes_n; i++) {
        struct span a = span_str(names[i]);
        bool is_domain = a.p[0] == '@';
        char probe[MAIL_ADDRESS_BYTES_MAX + 8];
        snprintf(probe, sizeof probe, "%s%s", is_domain ? "x" : "", names[i]);
        if (!mail_address_is_valid(span_str(probe)))
            return complain(err, "address: one of the addresses is not valid");
        if (i == 0 && is_domain)
            return complain(err,
                            "address: the first one is the sender of replies and must be whole");
        s->mailboxes[i] = a;
    }
    return s->mailboxes_n ? 0
                          : complain(err, "address: at least one address of the city is needed");
}

bool email_is_loopback(const char *host_port) {
    struct span s = span_str(host_port);
    return span_istarts(s, "127.") || span_istarts(s, "localhost:") || span_istarts(s, "[::1]:") ||
           span_ieq(s, "localhost");
}

static enum relay_tls tls_mode(const char *name, const char *relay) {
    if (strcmp(name, "none") == 0)
        return RELAY_NONE;
    if (strcmp(name, "starttls") == 0)
        return RELAY_STARTTLS;
    if (strcmp(name, "tls") == 0)
        return RELAY_TLS;
    return email_is_loopback(relay) ? RELAY_NONE : RELAY_STARTTLS;
}

static void read_strings(struct email_settings *s) {
    const json_t *j = s->json;
    s->listen_n = list(j, "lmtp", s->listen, EMAIL_LISTEN_MAX);
    s->relay = json_str(j, "relay", "");
    s->relay_user = json_str(j, "relay_user", "");
    s->relay_password = json_str(j, "relay_password", "");
    s->relay_ca = json_str(j, "relay_ca", "");
    s->from_name = json_str(j, "from_name", "");
    s->hostname = json_str(j, "hostname", "");
    s->outgoing_maildir = json_str(j, "outgoing_maildir", "");
    s->imap_url = json_str(j, "imap_url", "");
    s->imap_user = json_str(j, "imap_user", "");
    s->imap_password = json_str(j, "imap_password", "");
    s->imap_token = json_str(j, "imap_token", "");
    s->oauth_token_url = json_str(j, "oauth_token_url", "");
    s->oauth_client_id = json_str(j, "oauth_client_id", "");
    s->oauth_client_secret = json_str(j, "oauth_client_secret", "");
    s->oauth_refresh_token = json_str(j, "oauth_refresh_token", "");
    s->oauth_scope = json_str(j, "oauth_scope", "");
    s->imap_mailbox = json_str(j, "imap_mailbox", "INBOX");
    s->imap_archive = json_str(j, "imap_archive", "");
    s->imap_quarantine = json_str(j, "imap_quarantine", "");
}

static bool is_host_name(const char *s) {
    size_t n = strlen(s);
    return n > 0 && n <= OPT_NAME_MAX &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == n;
}

static int check_oauth(const struct email_settings *s, char *err) {
    if (!*s->oauth_token_url)
        return 0;
    struct span url = span_str(s->oauth_token_url);
    bool is_safe = span_istarts(url, "https://") ||
                   (span_istarts(url, "http://") && email_is_loopback(s->oauth_token_url + 7));
    if (!is_safe)
        return complain(err, "oauth_token_url: it begins with https://");
    if (!*s->oauth_client_id)
        return complain(err, "oauth_client_id: the application's id is needed");
    if (!*s->oauth_refresh_token && !*s->oauth_client_secret)
        return complain(err, "oauth_refresh_token: it or oauth_client_secret is needed");
    return 0;
}

static int check(struct email_settings *s, char *err) {
    if (check_mailboxes(s, err) != 0)
        return -1;
    if (!*s->hostname) {
        struct span local, tag, domain;
        mail_address_split(s->mailboxes[0], &local, &tag, &domain);
        s->hostname = domain.p; /* the address ends with it */
    }
    if (!is_host_name(s->hostname))
        return complain(err, "hostname: set it to a host name in ASCII");
    if (*s->relay && !strchr(s->relay, ':'))
        return complain(err, "relay: host:port is needed");
    if (strpbrk(s->relay, "/@ ?#"))
        return complain(err, "relay: host:port is needed");
    if (*s->relay_user && s->relay_tls == RELAY_NONE && !email_is_loopback(s->relay))
        return complain(err, "relay_tls: a password is never sent without encryption");
    if (*s->imap_url && !span_istarts(span_str(s->imap_url), "imap://") &&
        !span_istarts(span_str(s->imap_url), "imaps://"))
        return complain(err, "imap_url: it begins with imap:// or imaps://");
    if (*s->imap_url && !*s->imap_user)
        return complain(err, "imap_user: a user is needed");
    return check_oauth(s, err);
}

bool email_uses_oauth(const struct email_settings *s, const char *user, const char *password) {
    return *s->oauth_token_url && *user && !*password;
}

/* What listeners, threads and the lease hold on to cannot change under them. */
bool email_settings_need_restart(const struct email_settings *a, const struct email_settings *b) {
    static const char *const fixed[] = {
        "address",          "lmtp",     "connections_max", "hostname",     "max_size_mb",
        "outgoing_maildir", "imap_url", "imap_user",       "imap_mailbox", "oauth_token_url"};
    bool had_relay = *a->relay, has_relay = *b->relay;
    bool differs = had_relay != has_relay;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        const json_t *x = json_object_get(a->json, fixed[i]),
                     *y = json_object_get(b->json, fixed[i]);
        differs |= x && y ? !json_equal(x, y) : x != y;
    }
    return differs;
}

int email_settings_parse(struct email_settings *s, const char *json, char *err) {
    *s = (struct email_settings){0};
    char why[160] = "";
    s->json = json_parse(span_str(json), 1024 * 1024, why);
    if (!s->json)
        return complain(err, why);
    read_strings(s);
    s->relay_tls = tls_mode(json_str(s->json, "relay_tls", "auto"), s->relay);
    s->relay_timeout_s = (long)json_int(s->json, "relay_timeout_s", 120);
    s->imap_poll_s = (long)json_int(s->json, "imap_poll_s", 600);
    s->mail_bytes_max = (size_t)json_int(s->json, "max_size_mb", 25) * 1024 * 1024;
    s->connections_max = (int)json_int(s->json, "connections_max", 100);
    if (check(s, err) == 0)
        return 0;
    email_settings_free(s);
    return -1;
}

void email_settings_free(struct email_settings *s) {
    json_decref(s->json);
    *s = (struct email_settings){0};
}
