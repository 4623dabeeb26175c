/* SPDX-License-Identifier: EUPL-1.2 */
/* twilio: options and life of the channel. */
#include <ctype.h>
#include <stdio.h>

#include "channels/sms_http/twilio_private.h"

#define API "https://api.twilio.com"
#define NUMBER_BYTES_MAX 16 /* E.164 with its plus */
#define NAME_BYTES_MAX 11   /* as the networks take names */
#define TEXT_MAX (10 * TWILIO_TEXT_UNITS)

static const struct draht_option options[] = {
    {"account_sid", DRAHT_OPT_STRING, NULL, 1, 64, NULL, DRAHT_OPT_REQUIRED,
     "Account SID from the provider's console (AC...)."},
    {"auth_token", DRAHT_OPT_STRING, NULL, 8, 200, NULL, DRAHT_OPT_REQUIRED | DRAHT_OPT_SECRET,
     "Auth token of the account; it also signs the webhooks."},
    {"from", DRAHT_OPT_STRING, NULL, 1, 64, NULL, DRAHT_OPT_REQUIRED,
     "The city's number (+49...) or the SID of a messaging service (MG...)."},
    {"api_url", DRAHT_OPT_STRING, API, 1, 300, NULL, 0,
     "Where the API is, scheme://host[:port]; another one for a provider that speaks the same."},
    {"media", DRAHT_OPT_BOOL, "false", 0, 0, NULL, 0,
     "Replies may carry files (MMS): the provider fetches them from public_url by signed "
     "addresses."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL}};

/* A number, a short code, a name, or the SID of a messaging service; with the name of another
 * network before it ("whatsapp:+49..."). */
static bool is_sender(struct span s) {
    struct span rest = s, network = span_cut(&rest, ':');
    if (rest.p && network.n)
        s = rest;
    bool is_number = s.n && s.p[0] == '+', has_letter = false;
    for (size_t i = is_number; i < s.n; i++) {
        bool is_digit = s.p[i] >= '0' && s.p[i] <= '9';
        bool is_letter = isalpha((unsigned char)s.p[i]) != 0;
        has_letter = has_letter || is_letter;
        if (!is_digit && (is_number || !(is_letter || strchr(" -_&+", s.p[i]))))
            return false;
    }
    bool is_service = s.n > 2 && memcmp(s.p, "MG", 2) == 0;
    return s.n > 0 && (is_number ? s.n > 1 && s.n <= NUMBER_BYTES_MAX
                                 : is_service || rest.p || s.n <= NAME_BYTES_MAX || !has_letter);
}

static const char *fault_of(const json_t *o) {
    const char *sid = json_str(o, "account_sid", ""), *from = json_str(o, "from", "");
    if (!*sid || sid[strspn(sid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")])
        return "account_sid is letters and digits, as the console shows it.";
    if (strlen(json_str(o, "auth_token", "")) < 8 || strpbrk(json_str(o, "auth_token", ""), "\r\n"))
        return "auth_token is missing or shorter than 8 characters.";
    if (!is_sender(span_str(from)))
        return "from is the city's number (+4930...), a short code, a name of at most 11 "
               "characters or the SID of a messaging service (MG...).";
    if (!kit_origin_is_valid(span_str(json_str(o, "api_url", API))))
        return "api_url is scheme://host[:port] without a path.";
    return NULL;
}

static int open_channel(const struct draht_host *h, void *host, const char *id, const char *json,
                        void **out, char *err) {
    json_t *o = json_parse(span_str(json), 1 << 20, err);
    const char *fault = o ? fault_of(o) : "the options are no JSON object.";
    if (fault) {
        snprintf(err, 256, "%s", fault);
        json_decref(o);
        return ERR_INVALID;
    }
    struct twilio *w =
        sms_base_new(sizeof *w, h, host, "twilio", id, o,
                     sms_basic(json_str(o, "account_sid", ""), json_str(o, "auth_token", "")));
    w->takes_files = json_flag(o, "media", false);
    *out = w;
    return 0;
}

/* What the provider takes, and where it fetches it. */
static void offer_files(struct twilio *w) {
    w->b.h->offer(w->b.host, twilio_ops.caps | DRAHT_CAP_ATTACHMENTS, TEXT_MAX, 0);
    w->b.h->files(w->b.host, &twilio_files);
    w->b.h->route(w->b.host, "GET", "/media/*", 0, twilio_on_fetch);
    w->b.h->route(w->b.host, "POST", "/status/*", TWILIO_BODY_BYTES_MAX, twilio_on_post);
}

static int start(void *channel, char *err) {
    struct twilio *w = channel;
    if (w->takes_files && !w->b.h->fact(w->b.host, "public.url").n) {
        snprintf(err, 256, "media needs public_url: the provider fetches files from there.");
        return ERR_INVALID;
    }
    w->b.h->route(w->b.host, "POST", "/message", TWILIO_BODY_BYTES_MAX, twilio_on_post);
    w->b.h->route(w->b.host, "POST", "/status", TWILIO_BODY_BYTES_MAX, twilio_on_post);
    const struct draht_text text = {.size = sizeof text, .unit = DRAHT_TEXT_SMS};
    w->b.h->text(w->b.host, &text);
    if (w->takes_files)
        offer_files(w);
    w->b.h->health(w->b.host, 1, "");
    return 0;
}

static void close_channel(void *channel) {
    struct twilio *w = channel;
    twilio_media_drop(w);
    sms_base_free(&w->b);
}

const struct draht_channel_ops twilio_ops = {
    .size = sizeof twilio_ops,
    .caps = DRAHT_CAP_DELIVERED | DRAHT_CAP_FIRST | DRAHT_CAP_UNTHREADED,
    .type = "twilio",
    .options = options,
    .text_max = TEXT_MAX,
    .open = open_channel,
    .start = start,
    .stop = sms_stop,
    .close = close_channel,
    .send = twilio_send,
    .notify = twilio_notify,
    .normalize = twilio_normalize,
};
