/* SPDX-License-Identifier: EUPL-1.2 */
/* error: error_code in the body decides, not the HTTP status. */
#include "channels/telegram/telegram_private.h"

#define RATE_WAIT_MS 3000

static struct tg_verdict no_answer(const struct draht_http_answer *a, bool is_send) {
    if (a->error == ERR_FORBIDDEN)
        return (struct tg_verdict){DRAHT_MISCONFIGURED, "The API's address may not be called.", 0};
    if (a->error && (a->is_unsent || !is_send))
        return (struct tg_verdict){DRAHT_RETRY, "Telegram does not answer.", 0};
    if (a->status == 429 || a->status >= 500)
        return (struct tg_verdict){DRAHT_RETRY, "Telegram has trouble right now.", 0};
    if (a->status >= 400)
        return (struct tg_verdict){DRAHT_MISCONFIGURED,
                                   "The API's address does not answer as expected.", 0};
    if (!is_send)
        return (struct tg_verdict){DRAHT_RETRY, "Telegram's answer cannot be read.", 0};
    return (struct tg_verdict){DRAHT_IN_DOUBT, "Telegram took the message and did not answer.", 0};
}

struct tg_verdict tg_error(const struct draht_http_answer *a, bool is_send) {
    json_t *v = a->error ? NULL : json_parse(kit_in(a->body), TG_UPDATE_BYTES_MAX, NULL);
    int code =
        json_is_object(v) && json_object_get(v, "ok") ? (int)json_int(v, "error_code", 0) : 0;
    int64_t wait_s = json_int(json_object_get(v, "parameters"), "retry_after", 0);
    struct span what = span_str(json_str(v, "description", ""));
    struct tg_verdict out;
    if (code == 0)
        out = no_answer(a, is_send);
    else if (code == 429)
        out = (struct tg_verdict){DRAHT_RETRY, "Telegram limits how much may be sent right now.",
                                  wait_s > 0 && wait_s < 86400 ? (uint64_t)wait_s * 1000
                                                               : RATE_WAIT_MS};
    else if (code == 403)
        out =
            (struct tg_verdict){DRAHT_OPTED_OUT, "The citizen has blocked the bot or is gone.", 0};
    else if (code == 401 || code == 404)
        out = (struct tg_verdict){
            DRAHT_MISCONFIGURED,
            "The bot's token is not valid any more. An operator must renew it.", 0};
    else if (code == 409)
        out = (struct tg_verdict){
            DRAHT_MISCONFIGURED,
            "Another program reads this bot's messages. An operator must end it.", 0};
    else if (code >= 500)
        out = (struct tg_verdict){DRAHT_RETRY, "Telegram has trouble right now.", 0};
    else if (code == 413 || span_istarts(what, "Request Entity Too Large"))
        out = (struct tg_verdict){DRAHT_REJECTED, "A file is larger than Telegram carries.", 0};
    else
        out = (struct tg_verdict){
            DRAHT_REJECTED,
            "Telegram refuses the message: the chat does not exist or takes no such content.", 0};
    json_decref(v);
    return out;
}
