/* SPDX-License-Identifier: EUPL-1.2 */
/* registry: opening this file is reading the list of channels. It decides nothing. */
#include "channels/registry.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "channels/desk/desk.h"
#include "channels/email/email.h"
#include "channels/exec/exec.h"
#include "channels/mastodon/mastodon.h"
#include "channels/matrix/matrix.h"
#include "channels/meta/meta.h"
#include "channels/open311/open311.h"
#include "channels/shared_object.h"
#include "channels/sms_http/sms_http.h"
#include "channels/sms_http/twilio.h"
#include "channels/smpp/smpp.h"
#include "channels/telegram/telegram.h"
#include "channels/webchat/webchat.h"

static const struct draht_channel_ops *const built_in[] = {
    &webchat_ops,       /* chat window on the city's pages, and its form without JavaScript */
    &email_ops,         /* mail by LMTP and IMAP, answers by SMTP */
    &matrix_ops,        /* rooms of the Matrix network */
    &whatsapp_ops,      /* WhatsApp Cloud API; this and the next two: off until confirmed */
    &messenger_ops,     /* Facebook Messenger */
    &instagram_ops,     /* Instagram direct messages */
    &open311_ops,       /* GeoReport v2: reports from other systems, their state back */
    &twilio_ops,        /* text messages through Twilio or who speaks like it */
    &sms_http_ops,      /* text messages through any provider that speaks HTTP */
    &exec_ops,          /* a program of the operator, in any language */
    &shared_object_ops, /* a shared object of the operator */
    &mastodon_ops,      /* an account on a Mastodon instance */
    &desk_ops,          /* counter, telephone and letter, by way of staff */
    &smpp_ops,          /* text messages (SMS) by SMPP 3.4 */
    &telegram_ops,      /* a bot at Telegram */
};
static const int built_in_n = (int)(sizeof built_in / sizeof *built_in);

const struct draht_channel_ops *registry_at(int i) {
    return i >= 0 && i < built_in_n ? built_in[i] : NULL;
}

const struct draht_channel_ops *registry_find(const char *type) {
    for (int i = 0; type && i < built_in_n; i++)
        if (strcmp(built_in[i]->type, type) == 0)
            return built_in[i];
    return NULL;
}

const struct draht_option *registry_options(const char *type, int *rows_out) {
    const struct draht_channel_ops *ops = registry_find(type);
    if (!ops)
        return NULL;
    int n = 0;
    while (ops->options && ops->options[n].name)
        n++;
    if (rows_out)
        *rows_out = n;
    return ops->options;
}

/* What a built-in channel may want of its host before it starts. */
static void no_random(void *out, size_t n) {
    memset(out, 0, n);
}

static int check_built_in(const struct draht_channel_ops *ops, const char *options_json,
                          char err[256]) {
    static const struct draht_host host = {.size = sizeof host, .random = no_random};
    void *channel = NULL;
    int rc = ops->open(&host, NULL, "check", options_json, &channel, err);
    if (rc >= 0)
        ops->close(channel);
    return rc;
}

int registry_check(const char *type, const char *options_json, char err[256]) {
    const struct draht_channel_ops *ops = registry_find(type);
    char *settings = NULL;
    if (!ops)
        return 0;
    if (ops == &exec_ops)
        return exec_check(options_json, err);
    if (ops != &shared_object_ops)
        return check_built_in(ops, options_json, err);
    bool good = shared_object_load(options_json, &settings, err) != NULL;
    free(settings);
    return good ? 0 : -1;
}
