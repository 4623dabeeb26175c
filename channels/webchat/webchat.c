/* SPDX-License-Identifier: EUPL-1.2 */
/* webchat: options, life and the sweep of the chat channel. What is said stands in the files
 * beside. */
#include "channels/webchat/webchat_private.h"

enum { SWEEP_MS = 1000, IDLE_EVERY = 15, PEER_SLOTS = 16384 };

static const struct draht_option options[] = {
    {"origins", DRAHT_OPT_LIST, "", 0, 200, NULL, DRAHT_OPT_RELOAD,
     "Pages that may show the chat: scheme://host[:port], *. for all hosts below. The gateway "
     "itself always may."},
    {"languages", DRAHT_OPT_LIST, "de,en,de-easy", 1, 20, NULL, DRAHT_OPT_RELOAD,
     "Languages offered in the window."},
    {"color_action", DRAHT_OPT_STRING, "#0b5394", 4, 7, NULL, DRAHT_OPT_RELOAD,
     "Colour of buttons, #rrggbb."},
    {"color_action_hover", DRAHT_OPT_STRING, "#073763", 4, 7, NULL, DRAHT_OPT_RELOAD,
     "Colour of buttons under the pointer."},
    {"color_on_action", DRAHT_OPT_STRING, "#ffffff", 4, 7, NULL, DRAHT_OPT_RELOAD,
     "Colour of text on buttons."},
    {"color_action_soft", DRAHT_OPT_STRING, "#e8f0f8", 4, 7, NULL, DRAHT_OPT_RELOAD,
     "Soft background of own messages."},
    {"upload_max_mb", DRAHT_OPT_INT, "10", 0, 100, NULL, 0,
     "Largest file in MiB; 0 switches files off."},
    {"upload_types", DRAHT_OPT_LIST,
     "image/jpeg,image/png,image/gif,image/webp,image/heic,application/pdf,text/plain,"
     "application/vnd.oasis.opendocument.text,"
     "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
     1, 40, NULL, DRAHT_OPT_RELOAD, "Media types that citizens may send; found by content."},
    {"files_max", DRAHT_OPT_INT, "5", 0, 5, NULL, DRAHT_OPT_RELOAD, "Files in one message."},
    {"text_max", DRAHT_OPT_INT, "4000", 100, 10000, NULL, DRAHT_OPT_RELOAD,
     "Characters in one message."},
    {"idle_minutes", DRAHT_OPT_INT, "240", 5, 1440, NULL, DRAHT_OPT_RELOAD,
     "A window that says nothing for so long is disconnected; it comes back by itself."},
    {"sockets_per_ip", DRAHT_OPT_INT, "64", 1, 100000, NULL, DRAHT_OPT_RELOAD,
     "Open windows of one address."},
    {"messages_per_10s", DRAHT_OPT_INT, "10", 1, 1000000, NULL, DRAHT_OPT_RELOAD,
     "Messages of one conversation in ten seconds; more are refused for a moment."},
    {"retention_days", DRAHT_OPT_INT, "90", 0, 3650, NULL, DRAHT_OPT_RELOAD,
     "Days after which you delete conversations; the window names them to citizens. 0: it does "
     "not. It deletes nothing by itself."},
    {"sign_url", DRAHT_OPT_STRING, "", 0, 500, NULL, DRAHT_OPT_RELOAD,
     "Page in sign language, linked when easy language is chosen. Empty: no link."},
    {"show_place", DRAHT_OPT_BOOL, "true", 0, 0, NULL, DRAHT_OPT_RELOAD,
     "The window says how many wait for an answer of the same office before the citizen."},
    {"fallback_minutes", DRAHT_OPT_INT, "0", 0, 10080, NULL, DRAHT_OPT_RELOAD,
     "A reply that is not read in the chat after so long goes to the citizen's confirmed mail "
     "address, through the first mail channel. 0: never."},
    {"clamd", DRAHT_OPT_STRING, "", 0, 200, NULL, DRAHT_OPT_RELOAD,
     "ClamAV daemon that looks at each upload first: unix:/path or host:port. Empty: no scan."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL},
};

/* A list option, as an array or as text with commas, becomes words separated by blanks. */
static char *words(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    const char *fallback = "";
    for (const struct draht_option *r = options; r->name; r++)
        if (strcmp(r->name, key) == 0)
            fallback = r->fallback;
    struct buf b = {0};
    if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++) {
            const char *s = json_string_value(json_array_get(v, i));
            buf_addf(&b, "%s%s", b.n ? " " : "", s ? s : "");
        }
    } else {
        buf_adds(&b, json_is_string(v) ? json_string_value(v) : fallback);
        for (size_t i = 0; i < b.n; i++)
            if (b.p[i] == ',')
                b.p[i] = ' ';
    }
    buf_add(&b, "", 0);
    return b.p ? buf_take(&b, NULL) : xstrdup("");
}

static bool color(const json_t *o, const char *key, const char *fallback, char out[8]) {
    const char *s = json_str(o, key, fallback);
    size_t n = strlen(s);
    if ((n != 4 && n != 7) || s[0] != '#' || strspn(s + 1, "0123456789abcdefABCDEF") != n - 1)
        return false;
    snprintf(out, 8, "%s", s);
    return true;
}

static bool origins_sound(const char *list, char *err) {
    struct span rest = span_str(list);
    while (rest.p && rest.n) {
        struct span one = span_cut(&rest, ' ');
        if (one.n && !kit_origin_is_valid(one)) {
            snprintf(err, 256, "origins: \"%.*s\" is not scheme://host[:port].",
                     (int)(one.n < 100 ? one.n : 100), one.p);
            return false;
        }
    }
    return true;
}

static bool clamd_sound(const char *s, char *err) {
    if (!*s || kit_clamd_is_valid(s))
        return true;
    snprintf(err, 256, "clamd: \"%.100s\" is neither unix:/path nor host:port.", s);
    return false;
}

static bool sign_url_sound(const char *s, char *err) {
    if (!*s || strncmp(s, "https://", 8) == 0 || strncmp(s, "http://", 7) == 0)
        return true;
    snprintf(err, 256, "sign_url: \"%.100s\" is no web address.", s);
    return false;
}

int chat_options_read(const char *json, struct chat_options *out, char *err) {
    json_t *o = json_parse(span_str(json && *json ? json : "{}"), 1 << 20, NULL);
    struct chat_options x = {0};
    x.origins = words(o, "origins");
    x.types = words(o, "upload_types");
    x.languages = words(o, "languages");
    x.upload_max_bytes = (size_t)json_int(o, "upload_max_mb", 10) * 1024 * 1024;
    x.files_max = (int)json_int(o, "files_max", 5);
    x.text_max = (int)json_int(o, "text_max", 4000);
    x.idle_minutes = (int)json_int(o, "idle_minutes", 240);
    x.sockets_per_ip = (int)json_int(o, "sockets_per_ip", 64);
    x.messages_per_10s = (int)json_int(o, "messages_per_10s", 10);
    x.retention_days = (int)json_int(o, "retention_days", 90);
    x.fallback_minutes = (int)json_int(o, "fallback_minutes", 0);
    x.show_place = json_flag(o, "show_place", true);
    x.sign_url = xstrdup(json_str(o, "sign_url", ""));
    x.clamd = xstrdup(json_str(o, "clamd", ""));
    x.messages_per_10s = x.messages_per_10s < 1 ? 1 : x.messages_per_10s;
    bool ok = color(o, "color_action", "#0b5394", x.color_action) &&
              color(o, "color_action_hover", "#073763", x.color_action_hover) &&
              color(o, "color_on_action", "#ffffff", x.color_on_action) &&
              color(o, "color_action_soft", "#e8f0f8", x.color_action_soft);
    if (!ok)
        snprintf(err, 256, "a colour is not #rgb or #rrggbb.");
    ok = ok && origins_sound(x.origins, err) && sign_url_sound(x.sign_url, err) &&
         clamd_sound(x.clamd, err);
    json_decref(o);
    if (!ok) {
        chat_options_free(&x);
        return ERR_INVALID;
    }
    *out = x;
    return 0;
}

void chat_options_free(struct chat_options *o) {
    free(o->origins);
    free(o->types);
    free(o->languages);
    free(o->sign_url);
    free(o->clamd);
    *o = (struct chat_options){0};
}

bool chat_origin_ok(struct webchat *wc, struct span origin) {
    struct span own = kit_in(wc->h->fact(wc->host, "public.url"));
    return (own.p && kit_origin_same(own, origin)) ||
           kit_origin_listed(span_str(wc->o.origins), origin);
}

const char *chat_fact(struct webchat *wc, struct arena *a, const char *name) {
    struct draht_span v = wc->h->fact(wc->host, name);
    return v.p ? arena_strndup(a, v.p, v.n) : NULL;
}

const char *chat_text(struct webchat *wc, struct arena *a, const char *lang, const char *key,
                      const char *fallback) {
    const char *v = chat_fact(wc, a, arena_printf(a, "locale.%s.%s", lang, key));
    return v ? v : fallback;
}

bool chat_language_listed(const struct webchat *wc, struct span lang) {
    struct span rest = span_str(wc->o.languages);
    if (lang.n == 0 || lang.n >= CHAT_LANG_BYTES)
        return false;
    while (rest.p && rest.n)
        if (span_is(span_cut(&rest, ' '), lang))
            return true;
    return false;
}

/* ---- sockets ---- */

static int on_handshake(void *channel, struct draht_span origin, struct draht_span peer) {
    struct webchat *wc = channel;
    if (wc->is_stopping)
        return 503;
    if (!chat_origin_ok(wc, kit_in(origin)))
        return 403;
    return kit_peers_add(wc->sockets, kit_in(peer), 0) >= wc->o.sockets_per_ip ? 429 : 0;
}

static void *on_open(void *channel, struct draht_socket *s) {
    struct webchat *wc = channel;
    struct client *t = client_new(wc, kit_in(wc->h->socket_peer(s)));
    t->socket = s;
    kit_peers_add(wc->sockets, span_str(t->peer), 1);
    return t;
}

static void on_text(void *user, struct draht_span text) {
    client_frame(user, kit_in(text));
}

static void on_close(void *user) {
    struct client *t = user;
    kit_peers_add(t->wc->sockets, span_str(t->peer), -1);
    client_gone(t);
}

static const struct draht_socket_ops socket_ops = {.size = sizeof(struct draht_socket_ops),
                                                   .handshake = on_handshake,
                                                   .open = on_open,
                                                   .text = on_text,
                                                   .close = on_close};

/* ---- sweep: one timer for all that ends by itself ---- */

static void sweep_chat(struct webchat *wc, struct chat *c, int64_t now) {
    if (c->is_typing && c->typing_until_ms <= now) {
        c->is_typing = false;
        wc->h->typing(wc->host, kit_str(c->thread), 0);
    }
    if (c->is_staff_typing && c->staff_typing_until_ms <= now) {
        c->is_staff_typing = false;
        chat_broadcast(wc, c, NULL, 0, SPAN("{\"t\":\"typing\",\"on\":false,\"name\":\"\"}"));
    }
    news_look(wc, c); /* again, when the store could not be asked */
}

static void sweep_active(struct webchat *wc, int64_t now) {
    struct chat *all = wc->active;
    wc->active = NULL;
    while (all) {
        struct chat *c = all;
        all = c->next_active;
        sweep_chat(wc, c, now);
        c->is_active = false;
        if (c->is_typing || c->is_staff_typing)
            chat_activate(wc, c);
        chat_unref(wc, c);
    }
}

static void on_sweep(void *arg) {
    struct webchat *wc = arg;
    int64_t now = chat_now(wc);
    bool look_for_idle = ++wc->ticks % IDLE_EVERY == 0;
    sweep_active(wc, now);
    if (look_for_idle)
        place_sweep(wc);
    struct client *next;
    for (struct client *t = wc->clients; t; t = next) {
        next = t->next;
        if (t->poll)
            poll_sweep(t, now);
        else if (look_for_idle && now - t->last_ms > (int64_t)wc->o.idle_minutes * 60000)
            client_close(t, 1000, "idle");
    }
}

/* ---- life ---- */

static int webchat_open(const struct draht_host *h, void *host, const char *id,
                        const char *options_json, void **channel_out, char *err) {
    struct webchat *wc = xcalloc(1, sizeof *wc);
    uint64_t seed;
    wc->h = h;
    wc->host = host;
    int rc = chat_options_read(options_json, &wc->o, err);
    if (rc < 0) {
        free(wc);
        return rc;
    }
    h->random(&seed, sizeof seed);
    wc->id = xstrdup(id);
    wc->sockets = kit_peers_new(PEER_SLOTS, seed);
    wc->forms = kit_peers_new(PEER_SLOTS, seed);
    *channel_out = wc;
    return 0;
}

static int webchat_start(void *channel, char *err) {
    struct webchat *wc = channel;
    if (wc->h->socket_route(wc->host, "/socket", "draht.chat.v1", &socket_ops) < 0) {
        snprintf(err, 256, "the socket's route could not be set.");
        return ERR_INVALID;
    }
    wc->h->route(wc->host, "POST", "/poll", FRAME_BYTES_MAX * 2, poll_route);
    pages_route(wc);
    form_route(wc);
    fallback_route(wc);
    wc->is_shut = !chat_is_open(wc);
    wc->sweep = wc->h->timer(wc->host, SWEEP_MS, SWEEP_MS, on_sweep, wc);
    wc->h->health(wc->host, 1, "");
    return 0;
}

static void webchat_stop(void *channel, draht_done_fn done, void *arg) {
    struct webchat *wc = channel;
    struct client *next;
    wc->is_stopping = true;
    for (struct client *t = wc->clients; t; t = next) {
        next = t->next;
        if (t->poll)
            poll_stop(t);
        else
            client_close(t, 1012, "restart");
    }
    done(arg, 0);
}

static void webchat_close(void *channel) {
    struct webchat *wc = channel;
    if (wc->sweep)
        wc->h->timer_stop(wc->sweep);
    while (wc->clients)
        client_gone(wc->clients);
    while (wc->active) {
        struct chat *c = wc->active;
        wc->active = c->next_active;
        chat_unref(wc, c);
    }
    free(wc->slots);
    kit_peers_free(&wc->sockets);
    kit_peers_free(&wc->forms);
    chat_options_free(&wc->o);
    buf_free(&wc->scratch);
    free(wc->id);
    free(wc);
}

static int webchat_reload(void *channel, const char *options_json) {
    struct webchat *wc = channel;
    struct chat_options o;
    char err[256];
    if (chat_options_read(options_json, &o, err) < 0)
        return 1;
    if (o.upload_max_bytes != wc->o.upload_max_bytes) {
        chat_options_free(&o);
        return 1;
    }
    chat_options_free(&wc->o);
    wc->o = o;
    return 0;
}

const struct draht_channel_ops webchat_ops = {
    .size = sizeof(struct draht_channel_ops),
    .caps = DRAHT_CAP_ATTACHMENTS | DRAHT_CAP_DELIVERED | DRAHT_CAP_READ | DRAHT_CAP_IDEMPOTENT |
            DRAHT_CAP_HISTORY | DRAHT_CAP_TYPING | DRAHT_CAP_UNTHREADED,
    .type = "webchat",
    .options = options,
    .text_max = 10000,
    .concurrency = 32,
    .open = webchat_open,
    .start = webchat_start,
    .stop = webchat_stop,
    .close = webchat_close,
    .send = webchat_send,
    .typing = webchat_typing,
    .notify = webchat_notify,
    .normalize = webchat_normalize,
    .reload = webchat_reload,
    .is_present = webchat_is_present,
};
