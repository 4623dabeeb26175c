/* SPDX-License-Identifier: EUPL-1.2 */
/* matrix: options and life of the Matrix channel. */
#include "channels/matrix/matrix_private.h"

static const struct draht_option options[] = {
    {"homeserver", DRAHT_OPT_STRING, NULL, 3, 500, NULL, DRAHT_OPT_REQUIRED,
     "Address of the homeserver (https://matrix.stadt.example) or its server name "
     "(stadt.example), which is looked up."},
    {"user", DRAHT_OPT_STRING, "", 0, 255, NULL, 0,
     "User name for the login with a password: buergerbuero or @buergerbuero:stadt.example."},
    {"password", DRAHT_OPT_STRING, "", 0, 500, NULL, DRAHT_OPT_SECRET,
     "Password of the user. The token that it gives is kept in the state of the channel."},
    {"access_token", DRAHT_OPT_STRING, "", 0, 4000, NULL, DRAHT_OPT_SECRET,
     "Access token instead of user and password."},
    {"invites_from", DRAHT_OPT_LIST, "*", 0, 200, NULL, DRAHT_OPT_RELOAD,
     "Server names whose users may invite the office into a room; * stands for all. Others are "
     "declined."},
    {"rooms_max", DRAHT_OPT_INT, "5000", 1, 1000000, NULL, DRAHT_OPT_RELOAD,
     "Rooms at most; further invitations are declined."},
    {"people_max", DRAHT_OPT_INT, "2", 2, 100, NULL, DRAHT_OPT_RELOAD,
     "People in one room at most, the office among them; it leaves others with a notice. Raise it "
     "where bridges add accounts of their own."},
    {"leave_when_closed", DRAHT_OPT_INT, "0", 0, 3650, NULL, DRAHT_OPT_RELOAD,
     "Days after which a room is left whose tickets are all closed, with a notice that invites the "
     "citizen to write again. 0: never."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL},
};

static char *words(const json_t *v, const char *fallback) {
    struct buf b = {0};
    buf_adds(&b, "");
    for (size_t i = 0; json_is_array(v) && i < json_array_size(v); i++) {
        const char *s = json_string_value(json_array_get(v, i));
        buf_addf(&b, "%s%s", b.n ? " " : "", s ? s : "");
    }
    if (!json_is_array(v))
        buf_adds(&b, json_is_string(v) ? json_string_value(v) : fallback);
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] == ',')
            b.p[i] = ' ';
    return b.p ? buf_take(&b, NULL) : xstrdup("");
}

/* An address with scheme and host, or a server name: nothing that could carry a path of its own. */
static bool homeserver_sound(const char *s) {
    struct span home = span_str(s);
    if (span_istarts(home, "https://") || span_istarts(home, "http://"))
        return strchr(s, '?') == NULL && strchr(s, '#') == NULL && strchr(s, '@') == NULL &&
               strpbrk(s, " \t\r\n\"\\") == NULL;
    return home.n > 0 && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                   ".-:[]") == home.n;
}

int mx_options_read(const char *json, struct mx_options *out, char *err) {
    json_t *o = json_parse(span_str(json && *json ? json : "{}"), 1 << 20, NULL);
    struct mx_options x = {.homeserver = xstrdup(json_str(o, "homeserver", "")),
                           .user = xstrdup(json_str(o, "user", "")),
                           .password = xstrdup(json_str(o, "password", "")),
                           .access_token = xstrdup(json_str(o, "access_token", "")),
                           .invites_from = words(json_object_get(o, "invites_from"), "*"),
                           .rooms_max = (int)json_int(o, "rooms_max", 5000),
                           .people_max = (int)json_int(o, "people_max", 2),
                           .leave_when_closed = (int)json_int(o, "leave_when_closed", 0)};
    const char *fault = NULL;
    if (!homeserver_sound(x.homeserver))
        fault = "homeserver: neither https://host[:port] nor a server name.";
    else if (!*x.access_token && (!*x.user || !*x.password))
        fault = "access_token is missing, or user and password in its place.";
    else if (strpbrk(x.access_token, "\r\n\t "))
        fault = "access_token: holds white space.";
    json_decref(o);
    if (fault) {
        snprintf(err, 256, "%s", fault);
        mx_options_free(&x);
        return ERR_INVALID;
    }
    *out = x;
    return 0;
}

void mx_options_free(struct mx_options *o) {
    if (o->password)
        explicit_bzero(o->password, strlen(o->password));
    if (o->access_token)
        explicit_bzero(o->access_token, strlen(o->access_token));
    free(o->homeserver);
    free(o->user);
    free(o->password);
    free(o->access_token);
    free(o->invites_from);
    *o = (struct mx_options){0};
}

/* ---- texts ---- */
static const char *fact(struct matrix *m, struct arena *a, const char *name) {
    struct draht_span v = m->h->fact(m->host, name);
    return v.p ? arena_strndup(a, v.p, v.n) : "";
}

const char *mx_text(struct matrix *m, struct arena *a, const char *key) {
    const char *lang = fact(m, a, "language");
    const char *text = fact(m, a, arena_printf(a, "locale.%s.matrix.%s", *lang ? lang : "de", key));
    const struct {
        const char *mark, *value;
    } marks[] = {{"{city}", fact(m, a, "city.name")},
                 {"{phone}", fact(m, a, "city.phone")},
                 {"{privacy}", fact(m, a, "privacy.url")}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const char *at = strstr(text, marks[i].mark);
        if (at)
            text = arena_printf(a, "%.*s%s%s", (int)(at - text), text, marks[i].value,
                                at + strlen(marks[i].mark));
    }
    return text;
}

/* ---- life ---- */
static void on_lease(void *channel, int held) {
    struct matrix *m = channel;
    m->is_leader = held != 0;
    if (m->is_leader)
        mx_sync_start(m);
    else
        mx_sync_stop(m);
}

static int matrix_open(const struct draht_host *h, void *host, const char *id,
                       const char *options_json, void **channel_out, char *err) {
    struct matrix *m = xcalloc(1, sizeof *m);
    (void)id;
    m->h = h;
    m->host = host;
    int rc = mx_options_read(options_json, &m->o, err);
    if (rc < 0) {
        free(m);
        return rc;
    }
    m->sent = xcalloc(MX_SENT_MAX, sizeof *m->sent);
    *channel_out = m;
    return 0;
}

static int matrix_start(void *channel, char *err) {
    struct matrix *m = channel;
    m->h->health(m->host, 0, "Connecting to the homeserver.");
    if (m->h->lease(m->host, kit_str("sync"), on_lease) < 0) {
        snprintf(err, 256, "the lease could not be asked for.");
        return ERR_INVALID;
    }
    mx_sweeps_begin(m);
    mx_connect(m);
    return 0;
}

static void on_drained(void *arg) {
    struct matrix *m = arg;
    draht_done_fn done = m->stopped;
    m->h->timer_stop(m->drain_timer);
    m->drain_timer = NULL;
    m->stopped = NULL;
    done(m->stopped_arg, 0);
}

/* Not at once: whoever ended is still on the stack. */
void mx_drained(struct matrix *m) {
    if (m->stopped && !m->drain_timer && m->accepts_n == 0 && m->sends_n == 0)
        m->drain_timer = m->h->timer(m->host, 0, 0, on_drained, m);
}

static void matrix_stop(void *channel, draht_done_fn done, void *arg) {
    struct matrix *m = channel;
    m->is_stopping = true;
    m->stopped = done;
    m->stopped_arg = arg;
    mx_sync_stop(m);
    if (m->connect_timer)
        m->h->timer_stop(m->connect_timer);
    m->connect_timer = NULL;
    mx_drained(m);
}

static void matrix_close(void *channel) {
    struct matrix *m = channel;
    mx_sync_stop(m);
    mx_orphans_free(m);
    mx_sends_free(m);
    mx_joins_free(m);
    mx_notices_free(m);
    mx_readings_free(m);
    mx_directs_free(m);
    mx_leavings_free(m);
    mx_sweep_free(m);
    if (m->sweep_timer)
        m->h->timer_stop(m->sweep_timer);
    mx_calls_free(m);
    if (m->connect_timer)
        m->h->timer_stop(m->connect_timer);
    if (m->drain_timer)
        m->h->timer_stop(m->drain_timer);
    mx_options_free(&m->o);
    if (m->token)
        explicit_bzero(m->token, strlen(m->token));
    free(m->token);
    free(m->base);
    free(m->me);
    free(m->device);
    free(m->since);
    free(m->sent);
    free(m);
}

static int matrix_reload(void *channel, const char *options_json) {
    struct matrix *m = channel;
    struct mx_options o;
    char err[256];
    if (mx_options_read(options_json, &o, err) < 0)
        return 1;
    bool is_same = strcmp(o.homeserver, m->o.homeserver) == 0 && strcmp(o.user, m->o.user) == 0 &&
                   strcmp(o.password, m->o.password) == 0 &&
                   strcmp(o.access_token, m->o.access_token) == 0;
    if (is_same) {
        mx_options_free(&m->o);
        m->o = o;
    } else {
        mx_options_free(&o);
    }
    return is_same ? 0 : 1;
}

const struct draht_channel_ops matrix_ops = {
    .size = sizeof(struct draht_channel_ops),
    .caps = DRAHT_CAP_ATTACHMENTS | DRAHT_CAP_READ | DRAHT_CAP_TYPING,
    .type = "matrix",
    .options = options,
    .text_max = MX_TEXT_MAX,
    .concurrency = 8,
    .open = matrix_open,
    .start = matrix_start,
    .stop = matrix_stop,
    .close = matrix_close,
    .send = matrix_send,
    .typing = matrix_typing,
    .notify = matrix_notify,
    .normalize = matrix_normalize,
    .reload = matrix_reload,
};
