/* SPDX-License-Identifier: EUPL-1.2 */
/* options: the settings of a Telegram channel. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/telegram/telegram_private.h"

const struct draht_option telegram_option_rows[] = {
    {"token", DRAHT_OPT_STRING, NULL, 20, 200, NULL, DRAHT_OPT_REQUIRED | DRAHT_OPT_SECRET,
     "Token of the bot, as BotFather gives it: digits, a colon, letters."},
    {"mode", DRAHT_OPT_ENUM, "poll", 0, 0, "poll|webhook", 0,
     "poll: Draht asks Telegram (nothing need be reachable from outside). webhook: Telegram calls "
     "listen.public_url."},
    {"secret", DRAHT_OPT_STRING, "", 0, 256, NULL, DRAHT_OPT_SECRET,
     "For webhook: a word of your own (A-Z a-z 0-9 _ -) that Telegram sends with every call."},
    {"api_url", DRAHT_OPT_STRING, "https://api.telegram.org", 8, 300, NULL, 0,
     "Root of the Bot API; another one for a Bot API server of your own."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL},
};

#define WORD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

static int complain(char *err, const char *sentence) {
    snprintf(err, 256, "%s", sentence);
    return ERR_INVALID;
}

static bool is_token(const char *s) {
    size_t digits = strspn(s, "0123456789");
    return digits > 0 && s[digits] == ':' && s[digits + 1] &&
           !s[digits + 1 + strspn(s + digits + 1, WORD)];
}

static int check(const json_t *o, char *err) {
    const char *secret = json_str(o, "secret", "");
    bool is_webhook = strcmp(json_str(o, "mode", "poll"), "webhook") == 0;
    if (!is_token(json_str(o, "token", "")))
        return complain(err, "token is digits, a colon and letters, as BotFather gives it.");
    if (secret[strspn(secret, WORD)])
        return complain(err, "secret consists of A-Z a-z 0-9 _ and -.");
    if (is_webhook && strlen(secret) < 16)
        return complain(err, "secret is needed for mode: webhook, with at least 16 characters.");
    if (!kit_origin_is_valid(span_str(json_str(o, "api_url", "https://api.telegram.org"))))
        return complain(err, "api_url is scheme://host[:port] without a path.");
    return 0;
}

int tg_settings_read(const char *json, struct tg_settings *s, char *err) {
    json_t *o = json_parse(span_str(json), 1 << 20, err);
    int rc = o ? check(o, err) : ERR_INVALID;
    if (rc == 0) {
        s->token = xstrdup(json_str(o, "token", ""));
        s->secret = xstrdup(json_str(o, "secret", ""));
        s->api = xstrdup(json_str(o, "api_url", "https://api.telegram.org"));
        s->is_webhook = strcmp(json_str(o, "mode", "poll"), "webhook") == 0;
    }
    json_decref(o);
    return rc;
}

void tg_settings_free(struct tg_settings *s) {
    free(s->token);
    free(s->secret);
    free(s->api);
    *s = (struct tg_settings){0};
}
