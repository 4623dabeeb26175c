/* SPDX-License-Identifier: EUPL-1.2 */
/* error: one table for the three; codes of the Messenger Platform that mean something else on
 * WhatsApp do not exist. */
#include "channels/meta/error.h"

#include "gateway/base/error.h"
#include "gateway/base/json.h"

#define PAIR_WAIT_MS 6000 /* one message in six seconds to one person */
#define RATE_WAIT_MS 60000
#define ANSWER_BYTES_MAX (1u << 20)

static const char rate[] = "The provider limits how many messages may be sent right now.";
static const char window[] =
    "The citizen wrote too long ago: only an approved template may be sent.";
static const char token[] = "The access token is not valid any more. An operator must renew it.";
static const char rights[] = "The access token lacks a permission. An operator must look.";
static const char account[] = "The provider has blocked the account. An operator must look.";
static const char template[] = "The template does not exist as configured. An operator must look.";
static const char trouble[] = "The provider has trouble right now.";
static const char person[] = "The citizen cannot be reached on this channel.";

static const struct {
    int code, subcode; /* subcode 0: any */
    struct meta_verdict v;
} rows[] = {
    {10, 2018278, {DRAHT_REJECTED, window, 0, true}},
    {10, 2534022, {DRAHT_REJECTED, window, 0, true}},
    {100, 2018001, {DRAHT_REJECTED, person, 0, false}},
    {131047, 0, {DRAHT_REJECTED, window, 0, true}},
    {4, 0, {DRAHT_RETRY, rate, RATE_WAIT_MS, false}},
    {32, 0, {DRAHT_RETRY, rate, RATE_WAIT_MS, false}},
    {613, 0, {DRAHT_RETRY, rate, RATE_WAIT_MS, false}},
    {80006, 0, {DRAHT_RETRY, rate, RATE_WAIT_MS, false}},
    {80007, 0, {DRAHT_RETRY, rate, RATE_WAIT_MS, false}},
    {130429, 0, {DRAHT_RETRY, rate, RATE_WAIT_MS, false}},
    {131048, 0, {DRAHT_RETRY, rate, RATE_WAIT_MS, false}},
    {131056, 0, {DRAHT_RETRY, rate, PAIR_WAIT_MS, false}},
    {133016, 0, {DRAHT_RETRY, rate, RATE_WAIT_MS, false}},
    {1, 0, {DRAHT_RETRY, trouble, 0, false}},
    {2, 0, {DRAHT_RETRY, trouble, 0, false}},
    {1200, 0, {DRAHT_RETRY, trouble, 0, false}},
    {130497, 0, {DRAHT_REJECTED, "The account may not write to people in this country.", 0, false}},
    {131000, 0, {DRAHT_RETRY, trouble, 0, false}},
    {131016, 0, {DRAHT_RETRY, trouble, 0, false}},
    {131052, 0, {DRAHT_RETRY, "The provider could not fetch a file.", 0, false}},
    {131053, 0, {DRAHT_RETRY, "The provider could not take in a file.", 0, false}},
    {131057, 0, {DRAHT_RETRY, "The account is being maintained by the provider.", 0, false}},
    {133004, 0, {DRAHT_RETRY, trouble, 0, false}},
    {0, 0, {DRAHT_MISCONFIGURED, token, 0, false}},
    {102, 0, {DRAHT_MISCONFIGURED, token, 0, false}},
    {190, 0, {DRAHT_MISCONFIGURED, token, 0, false}},
    {3, 0, {DRAHT_MISCONFIGURED, rights, 0, false}},
    {10, 0, {DRAHT_MISCONFIGURED, rights, 0, false}},
    {200, 0, {DRAHT_MISCONFIGURED, rights, 0, false}},
    {230, 0, {DRAHT_MISCONFIGURED, rights, 0, false}},
    {131005, 0, {DRAHT_MISCONFIGURED, rights, 0, false}},
    {368, 0, {DRAHT_MISCONFIGURED, account, 0, false}},
    {130403, 0, {DRAHT_MISCONFIGURED, account, 0, false}},
    {131031, 0, {DRAHT_MISCONFIGURED, account, 0, false}},
    {131042, 0, {DRAHT_MISCONFIGURED, "Payment of the account is not settled.", 0, false}},
    {131045, 0, {DRAHT_MISCONFIGURED, "The phone number is not registered.", 0, false}},
    {133010, 0, {DRAHT_MISCONFIGURED, "The phone number is not registered.", 0, false}},
    {132000, 0, {DRAHT_MISCONFIGURED, template, 0, false}},
    {132001, 0, {DRAHT_MISCONFIGURED, template, 0, false}},
    {132007, 0, {DRAHT_MISCONFIGURED, template, 0, false}},
    {132012, 0, {DRAHT_MISCONFIGURED, template, 0, false}},
    {132015, 0, {DRAHT_MISCONFIGURED, "The provider has paused the template.", 0, false}},
    {132016, 0, {DRAHT_MISCONFIGURED, "The provider has disabled the template.", 0, false}},
    {132005, 0, {DRAHT_REJECTED, "The text is too long for the template.", 0, false}},
    {551, 0, {DRAHT_REJECTED, person, 0, false}},
    {130472, 0, {DRAHT_REJECTED, person, 0, false}},
    {131021, 0, {DRAHT_REJECTED, "The recipient is the city's own number.", 0, false}},
    {131026, 0, {DRAHT_REJECTED, person, 0, false}},
    {131030, 0, {DRAHT_REJECTED, "The number is not on the test account's list.", 0, false}},
    {131049,
     0,
     {DRAHT_REJECTED, "The provider holds the message back from this citizen.", 0, false}},
    {131050, 0, {DRAHT_OPTED_OUT, "The citizen does not want messages of this kind.", 0, false}},
    {131051, 0, {DRAHT_REJECTED, "The channel does not carry this kind of message.", 0, false}},
    {100, 0, {DRAHT_REJECTED, "The provider refuses the message as it is.", 0, false}},
    {131008, 0, {DRAHT_REJECTED, "The provider refuses the message as it is.", 0, false}},
    {131009, 0, {DRAHT_REJECTED, "The provider refuses the message as it is.", 0, false}},
};

struct meta_verdict meta_error_of(int code, int subcode) {
    if (code < 0)
        return (struct meta_verdict){
            DRAHT_REJECTED, "The provider reports a failure and does not say why.", 0, false};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == code && (rows[i].subcode == 0 || rows[i].subcode == subcode))
            return rows[i].v;
    return (struct meta_verdict){DRAHT_REJECTED,
                                 "The provider refuses the message and names a code unknown to us.",
                                 0, false};
}

bool meta_error_is_for_all(int code, int status) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == code)
            return rows[i].v.retry_ms == RATE_WAIT_MS;
    return code < 0 && status == 429;
}

/* Without a code in the body: a proxy spoke, or nobody did. */
static struct meta_verdict without_code(const struct draht_http_answer *a, bool is_send) {
    static const char silent[] = "The provider did not answer.";
    bool was_heard = a->status == 429 || a->status == 503 || a->status == 500;
    if (a->error == ERR_FORBIDDEN)
        return (struct meta_verdict){DRAHT_MISCONFIGURED,
                                     "The provider's address may not be called.", 0, false};
    if (a->error && (a->is_unsent || !is_send))
        return (struct meta_verdict){DRAHT_RETRY, silent, 0, false};
    if (was_heard || (a->status >= 500 && !is_send))
        return (struct meta_verdict){DRAHT_RETRY, trouble, 0, false};
    if (a->status >= 400 && a->status < 500)
        return (struct meta_verdict){
            DRAHT_MISCONFIGURED, "The provider's address does not answer as expected.", 0, false};
    return (struct meta_verdict){DRAHT_IN_DOUBT, silent, 0, false};
}

struct meta_verdict meta_error_answer(const struct draht_http_answer *a, bool is_send,
                                      int *code_out) {
    struct span body = {a->body.p, a->body.p ? a->body.n : 0};
    json_t *v = a->error ? NULL : json_parse(body, ANSWER_BYTES_MAX, NULL);
    const json_t *error = json_object_get(v, "error");
    int code = (int)json_int(error, "code", -1);
    struct meta_verdict out = code >= 0
                                  ? meta_error_of(code, (int)json_int(error, "error_subcode", 0))
                                  : without_code(a, is_send);
    if (out.verdict == DRAHT_RETRY && a->retry_after_ms > 0)
        out.retry_ms = (uint64_t)a->retry_after_ms;
    *code_out = code;
    json_decref(v);
    return out;
}
