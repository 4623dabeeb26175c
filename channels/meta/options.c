/* SPDX-License-Identifier: EUPL-1.2 */
/* options: the settings of the three channels. None starts before somebody has confirmed that the
 * data protection notice was read, because every message passes through Meta's servers. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/meta/meta_private.h"

#define PRIVACY_ROW                                                                                \
    {                                                                                              \
        "privacy_acknowledged", DRAHT_OPT_BOOL, "false", 0, 0, NULL, 0,                            \
            "Set to true when your data protection officer has agreed: every message passes "      \
            "through "                                                                             \
            "Meta's servers. The channel does not start without it."                               \
    }
#define SECRET_ROWS                                                                                \
    {"app_secret",                                                                                 \
     DRAHT_OPT_STRING,                                                                             \
     NULL,                                                                                         \
     8,                                                                                            \
     200,                                                                                          \
     NULL,                                                                                         \
     DRAHT_OPT_REQUIRED | DRAHT_OPT_SECRET,                                                        \
     "App secret from Meta's app dashboard; webhooks are signed with it."},                        \
        {"verify_token",                                                                           \
         DRAHT_OPT_STRING,                                                                         \
         NULL,                                                                                     \
         8,                                                                                        \
         200,                                                                                      \
         NULL,                                                                                     \
         DRAHT_OPT_REQUIRED | DRAHT_OPT_SECRET,                                                    \
         "A word of your own that you also type into the webhook form at Meta."},                  \
    {                                                                                              \
        "access_token", DRAHT_OPT_STRING, NULL, 8, 4096, NULL,                                     \
            DRAHT_OPT_REQUIRED | DRAHT_OPT_SECRET,                                                 \
            "Permanent access token of a system user (WhatsApp) or of the page."                   \
    }
#define API_ROWS                                                                                   \
    {"api_url",                                                                                    \
     DRAHT_OPT_STRING,                                                                             \
     "https://graph.facebook.com",                                                                 \
     8,                                                                                            \
     300,                                                                                          \
     NULL,                                                                                         \
     0,                                                                                            \
     "Root of the Graph API, without version."},                                                   \
        {"api_version", DRAHT_OPT_STRING, "v25.0", 2, 10, NULL, 0, "Version of the Graph API."}, { \
        "mark_read", DRAHT_OPT_BOOL, "true", 0, 0, NULL, 0,                                        \
            "Citizens see that their message was read when staff answer it."                       \
    }
#define AGENT_ROW                                                                                  \
    {                                                                                              \
        "human_agent", DRAHT_OPT_BOOL, "false", 0, 0, NULL, 0,                                     \
            "The app has Meta's permission Human Agent: replies may go out for seven days."        \
    }
#define PAGE_ROW                                                                                   \
    {                                                                                              \
        "page_id", DRAHT_OPT_STRING, NULL, 1, 40, NULL, DRAHT_OPT_REQUIRED,                        \
            "Id of the Facebook page (digits)."                                                    \
    }
#define END_ROW                                                                                    \
    { NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL }

/* clang-format off */
const struct draht_option whatsapp_option_rows[] = {
    PRIVACY_ROW, SECRET_ROWS,
    {"phone_number_id", DRAHT_OPT_STRING, NULL, 1, 40, NULL, DRAHT_OPT_REQUIRED,
     "Phone number id from the API setup page (digits); not the phone number itself."},
    {"template_name", DRAHT_OPT_STRING, "", 0, 512, NULL, 0,
     "Approved template with one variable in its body, which receives the reply when the citizen "
     "wrote more than 24 hours ago. Empty: such replies are refused."},
    {"template_language", DRAHT_OPT_STRING, "de", 2, 15, NULL, 0, "Language code of the template."},
    API_ROWS, END_ROW};
const struct draht_option messenger_option_rows[] = {PRIVACY_ROW, SECRET_ROWS, PAGE_ROW, AGENT_ROW,
                                                     API_ROWS, END_ROW};
const struct draht_option instagram_option_rows[] = {
    PRIVACY_ROW, SECRET_ROWS, PAGE_ROW,
    {"account_id", DRAHT_OPT_STRING, NULL, 1, 40, NULL, DRAHT_OPT_REQUIRED,
     "Id of the Instagram professional account (digits) that is linked to the page."},
    AGENT_ROW, API_ROWS, END_ROW};
/* clang-format on */

static int complain(char *err, const char *sentence) {
    snprintf(err, 256, "%s", sentence);
    return ERR_INVALID;
}

static bool is_digits(const char *s) {
    return *s && strlen(s) <= 40 && s[strspn(s, "0123456789")] == 0;
}

static bool is_word(const char *s) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return s[strspn(s, allowed)] == 0;
}

static int check_texts(const json_t *o, char *err) {
    static const char *const secrets[] = {"app_secret", "verify_token", "access_token"};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        const char *s = json_str(o, secrets[i], "");
        if (strlen(s) < 8 || strpbrk(s, "\r\n")) {
            snprintf(err, 256, "%s is missing or shorter than 8 characters.", secrets[i]);
            return ERR_INVALID;
        }
    }
    if (!is_word(json_str(o, "api_version", "v25.0")) ||
        !is_word(json_str(o, "template_name", "")) ||
        !is_word(json_str(o, "template_language", "de")))
        return complain(err, "api_version, template_name and template_language are plain words.");
    return 0;
}

static int check(enum meta_flavour f, const json_t *o, char *err) {
    static const char *const ids[] = {[META_WHATSAPP] = "phone_number_id",
                                      [META_MESSENGER] = "page_id",
                                      [META_INSTAGRAM] = "account_id"};
    if (!json_flag(o, "privacy_acknowledged", false))
        return complain(err, "Every message of this channel passes through Meta's servers. Read "
                             "the notice in docs/channels, then set privacy_acknowledged: true.");
    if (!is_digits(json_str(o, ids[f], ""))) {
        snprintf(err, 256, "%s must be the id that Meta shows, digits only.", ids[f]);
        return ERR_INVALID;
    }
    if (f == META_INSTAGRAM && !is_digits(json_str(o, "page_id", "")))
        return complain(err, "page_id must be the id that Meta shows, digits only.");
    if (!kit_origin_is_valid(span_str(json_str(o, "api_url", "https://graph.facebook.com"))))
        return complain(err, "api_url is scheme://host[:port] without a path.");
    return check_texts(o, err);
}

static void fill(enum meta_flavour f, const json_t *o, struct meta_settings *s) {
    struct buf api = {0};
    buf_addf(&api, "%s/%s", json_str(o, "api_url", "https://graph.facebook.com"),
             json_str(o, "api_version", "v25.0"));
    s->api = buf_take(&api, NULL);
    s->app_secret = xstrdup(json_str(o, "app_secret", ""));
    s->verify_token = xstrdup(json_str(o, "verify_token", ""));
    s->access_token = xstrdup(json_str(o, "access_token", ""));
    const char *node = json_str(o, f == META_WHATSAPP ? "phone_number_id" : "page_id", "");
    s->node = xstrdup(node);
    s->account = xstrdup(f == META_INSTAGRAM ? json_str(o, "account_id", "") : node);
    s->template_name = xstrdup(json_str(o, "template_name", ""));
    s->template_language = xstrdup(json_str(o, "template_language", "de"));
    s->marks_read = json_flag(o, "mark_read", true);
    s->has_agent = json_flag(o, "human_agent", false);
}

int meta_settings_read(enum meta_flavour f, const char *json, struct meta_settings *s, char *err) {
    json_t *o = json_parse(span_str(json), 1 << 20, err);
    int rc = o ? check(f, o, err) : ERR_INVALID;
    if (rc == 0)
        fill(f, o, s);
    json_decref(o);
    return rc;
}

void meta_settings_free(struct meta_settings *s) {
    free(s->app_secret);
    free(s->verify_token);
    free(s->access_token);
    free(s->account);
    free(s->node);
    free(s->api);
    free(s->template_name);
    free(s->template_language);
    *s = (struct meta_settings){0};
}
