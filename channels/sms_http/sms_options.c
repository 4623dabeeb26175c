/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_options: the settings of the generic channel, and what they must satisfy together. */
#include <stdio.h>

#include "channels/sms_http/sms_http_private.h"

#define SECRET_BYTES_MIN 8

const struct draht_option sms_http_options[] = {
    {"url", DRAHT_OPT_STRING, NULL, 1, 2000, NULL, DRAHT_OPT_REQUIRED,
     "Where a text message is sent, with words in braces; their values are escaped."},
    {"method", DRAHT_OPT_ENUM, "POST", 0, 0, "GET|POST|PUT", 0,
     "Method of that request; with GET the fields go into the address."},
    {"content_type", DRAHT_OPT_ENUM, "form", 0, 0, "form|json|xml|none", 0,
     "What the request carries; none: the fields go into the address."},
    {"fields", DRAHT_OPT_TREE, NULL, 0, 0, NULL, 0,
     "Names and values of the request; with json a tree. Not with body."},
    {"body", DRAHT_OPT_STRING, "", 0, 8000, NULL, 0,
     "The request's body as text, for numbers in JSON and for XML. Not with fields."},
    {"headers", DRAHT_OPT_LIST, "", 0, 20, NULL, 0,
     "More headers, \"Name: value\", such as \"Authorization: Bearer {secret}\"."},
    {"user", DRAHT_OPT_STRING, "", 0, 200, NULL, 0,
     "Name of the account: {user}; also for basic_auth."},
    {"password", DRAHT_OPT_STRING, "", 0, 500, NULL, DRAHT_OPT_SECRET,
     "Its password: {password}; also for basic_auth."},
    {"secret", DRAHT_OPT_STRING, "", 0, 2000, NULL, DRAHT_OPT_SECRET,
     "Key or token of the account: {secret}."},
    {"basic_auth", DRAHT_OPT_BOOL, "false", 0, 0, NULL, 0,
     "Sends user and password as basic authentication."},
    {"from", DRAHT_OPT_STRING, "", 0, 64, NULL, 0, "The city's number or name: {from}."},
    {"country", DRAHT_OPT_STRING, "49", 1, 4, NULL, 0,
     "Country of numbers that come in without one, in digits."},
    {"number", DRAHT_OPT_ENUM, "plus", 0, 0, "plus|digits|zeros", 0,
     "How {to} is written: +4915..., 4915... or 004915..."},
    {"part_chars", DRAHT_OPT_INT, "1530", 20, 10000, NULL, 0,
     "Longest text of one request in UTF-16 units; longer ones become several requests."},
    {"max_parts", DRAHT_OPT_INT, "10", 1, SMS_PARTS_MAX, NULL, 0,
     "Most requests for one reply; a longer reply is refused."},
    {"timeout_s", DRAHT_OPT_INT, "30", 1, 120, NULL, 0, "How long the provider may take."},
    {"idempotent", DRAHT_OPT_BOOL, "false", 0, 0, NULL, 0,
     "The provider sends the same {id} once only, so that nothing is ever in doubt."},
    {"ok_status", DRAHT_OPT_LIST, "200-299", 1, 10, NULL, 0,
     "HTTP status of success: 200, 2xx, 200-204."},
    {"ok", DRAHT_OPT_STRING, "", 0, 200, NULL, 0,
     "What else must be there: json:/pointer, or text:pattern with * for anything."},
    {"ok_values", DRAHT_OPT_LIST, "", 0, 20, NULL, 0, "What must stand there. Empty: anything."},
    {"message_id", DRAHT_OPT_STRING, "", 0, 200, NULL, 0,
     "Where the provider's id stands: json:/pointer or text:pattern with {} for it. Empty: "
     "receipts carry our {id}."},
    {"error", DRAHT_OPT_STRING, "status", 1, 200, NULL, 0,
     "Where the code of a failure stands: status, json:/pointer or text:pattern."},
    {"errors", DRAHT_OPT_TREE, NULL, 0, 0, NULL, 0,
     "Codes (or HTTP status) and what they mean: retry, throttled, rejected, opted_out, "
     "misconfigured, in_doubt."},
    {"in", DRAHT_OPT_TREE, NULL, 0, 0, NULL, 0,
     "Names or /pointers of an incoming message: id, from, to, text, time, charset, list."},
    {"receipt", DRAHT_OPT_TREE, NULL, 0, 0, NULL, 0,
     "Names or /pointers of a receipt: id, state, error, list."},
    {"states", DRAHT_OPT_TREE, NULL, 0, 0, NULL, 0,
     "The provider's words for states: sent, delivered, read, failed, ignored."},
    {"charset", DRAHT_OPT_ENUM, "auto", 0, 0, "auto|utf-8|latin-1|gsm|utf-16be", 0,
     "Alphabet of incoming texts. auto: UTF-8, or the mobile network's when it shows."},
    {"in_secret", DRAHT_OPT_STRING, "", 0, 200, NULL, DRAHT_OPT_SECRET,
     "Word that proves that a request is the provider's."},
    {"in_secret_at", DRAHT_OPT_STRING, "path", 1, 80, NULL, 0,
     "Where it stands: path, header:Name or query:name."},
    {"in_user", DRAHT_OPT_STRING, "", 0, 100, NULL, 0,
     "The provider authenticates itself (basic): name."},
    {"in_password", DRAHT_OPT_STRING, "", 0, 200, NULL, DRAHT_OPT_SECRET, "The password to it."},
    {"hmac_secret", DRAHT_OPT_STRING, "", 0, 500, NULL, DRAHT_OPT_SECRET,
     "The provider signs the body: key of the HMAC."},
    {"hmac_header", DRAHT_OPT_STRING, "X-Signature", 1, 60, NULL, 0, "Header with the signature."},
    {"hmac", DRAHT_OPT_ENUM, "sha256", 0, 0, "sha256|sha1", 0, "Its hash."},
    {"hmac_encoding", DRAHT_OPT_ENUM, "hex", 0, 0, "hex|base64", 0, "Its notation."},
    {"hmac_prefix", DRAHT_OPT_STRING, "", 0, 20, NULL, 0,
     "What stands before it, such as \"sha256=\"."},
    {"allow", DRAHT_OPT_LIST, "", 0, 50, NULL, 0,
     "Addresses and networks that the provider calls from. Empty: any."},
    {"confirm", DRAHT_OPT_BOOL, "true", 0, 0, NULL, 0,
     "Answers STOP, START and HELP by a text message. false: the provider does it itself."},
    {"language", DRAHT_OPT_ENUM, "de", 0, 0, "de|en|de-easy", 0, "Language of these answers."},
    {"stop_words", DRAHT_OPT_LIST, KIT_STOP_WORDS, 0, KIT_WORDS_MAX, NULL, 0,
     "Whoever sends nothing but one of these gets no messages any more."},
    {"start_words", DRAHT_OPT_LIST, KIT_START_WORDS, 0, KIT_WORDS_MAX, NULL, 0,
     "Whoever sends nothing but one of these gets messages again."},
    {"help_words", DRAHT_OPT_LIST, KIT_HELP_WORDS, 0, KIT_WORDS_MAX, NULL, 0,
     "Whoever sends nothing but one of these gets an explanation."},
    {"answer", DRAHT_OPT_STRING, "", 0, 500, NULL, 0,
     "Text of our yes. Some providers send it to the citizen."},
    {"answer_status", DRAHT_OPT_INT, "200", 200, 299, NULL, 0, "HTTP status of our yes."},
    {"answer_type", DRAHT_OPT_STRING, "text/plain; charset=utf-8", 1, 80, NULL, 0,
     "Content type of our yes."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL}};

const struct sms_value sms_http_words[SMS_VALUES] = {
    {"to", {"1", 1}},          {"from", {"1", 1}},  {"text", {"1", 1}},      {"id", {"1", 1}},
    {"receipt_url", {"1", 1}}, {"user", {"1", 1}},  {"part", {"1", 1}},      {"password", {"1", 1}},
    {"secret", {"1", 1}},      {"parts", {"1", 1}}, {"in_secret", {"1", 1}}, {"coding", {"1", 1}}};

#define SAY(...) return snprintf(err, 256, __VA_ARGS__), false

static bool template_is_good(const char *name, const char *text, char *err) {
    size_t n;
    const char *p = sms_template_stranger(text, sms_http_words, SMS_VALUES, &n);
    if (p)
        SAY("%.40s: %.*s is unknown; there are {to} {from} {text} {id} {receipt_url} {user} "
            "{password} {secret} {in_secret} {part} {parts} {coding}.",
            name, (int)(n < 40 ? n : 40), p);
    return true;
}

static bool tree_is_good(const char *name, const json_t *v, bool is_flat, int depth, char *err) {
    const char *key;
    json_t *item;
    size_t i;
    if (json_is_string(v))
        return template_is_good(name, json_string_value(v), err);
    if (depth == 0 || (is_flat && json_is_array(v)) || (!json_is_object(v) && !json_is_array(v)))
        SAY("%.40s must have a value, and only json may have a tree.", name);
    json_array_foreach(v, i,
                       item) if (!tree_is_good(name, item, false, depth - 1, err)) return false;
    json_object_foreach(
        (json_t *)(uintptr_t)v, key,
        item) if (!tree_is_good(key, item, is_flat, is_flat ? 0 : depth - 1, err)) return false;
    return true;
}

static bool url_is_good(const char *url, char *err) {
    const char *host = strncmp(url, "http://", 7) == 0    ? url + 7
                       : strncmp(url, "https://", 8) == 0 ? url + 8
                                                          : NULL;
    if (!host || !*host || *host == '/' || strcspn(host, "{") < strcspn(host, "/?"))
        SAY("url must be http:// or https:// and a host without braces.");
    if (strpbrk(url, " \t\r\n"))
        SAY("url must have no blanks.");
    return template_is_good("url", url, err);
}

static bool header_is_good(const char *h, char *err) {
    size_t n = strspn(h, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    if (!n || h[n] != ':' || strpbrk(h, "\r\n"))
        SAY("headers: \"%.40s\" is not \"Name: value\".", h);
    return template_is_good("headers", h, err);
}

static bool request_is_good(const json_t *o, char *err) {
    const char *type = json_str(o, "content_type", "form"), *body = json_str(o, "body", "");
    const json_t *fields = json_object_get(o, "fields"), *v;
    bool has_fields = json_is_object(fields) && json_object_size(fields);
    bool is_get = strcmp(json_str(o, "method", "POST"), "GET") == 0;
    size_t i;
    if (!url_is_good(json_str(o, "url", ""), err) || !template_is_good("body", body, err))
        return false;
    if (*body && (has_fields || is_get || strcmp(type, "none") == 0))
        SAY("body goes with POST or PUT, a content_type, and without fields.");
    if (strcmp(type, "xml") == 0 && !is_get && !*body)
        SAY("content_type xml needs body.");
    if (has_fields && !tree_is_good("fields", fields, strcmp(type, "json") != 0 || is_get, 8, err))
        return false;
    json_array_foreach(json_object_get(o, "headers"), i,
                       v) if (!header_is_good(json_string_value(v), err)) return false;
    if (json_flag(o, "basic_auth", false) && !*json_str(o, "user", ""))
        SAY("basic_auth needs user and password.");
    return true;
}

static bool words_are_good(const json_t *o, const char *name, const char *const *keys,
                           const char *const *values, char *err) {
    const json_t *tree = json_object_get(o, name), *v;
    const char *key;
    if (json_is_string(tree) && json_string_length(tree))
        SAY("%s must be a section with keys of its own.", name);
    json_object_foreach((json_t *)(uintptr_t)tree, key, v) {
        const char *const *k = keys ? keys : values;
        const char *word = keys ? key : json_string_value(v);
        while (*k && (!word || strcmp(*k, word) != 0))
            k++;
        if (!*k || !json_is_string(v) || !json_string_length(v))
            SAY("%s: %.40s: %.40s is unknown or empty.", name, key, word ? word : "");
    }
    return true;
}

static bool answers_are_good(const json_t *o, char *err) {
    static const char *const verdicts[] = {"retry",         "throttled", "rejected", "opted_out",
                                           "misconfigured", "in_doubt",  NULL};
    static const char *const states[] = {"sent", "delivered", "read", "failed", "ignored", NULL};
    static const char *const picks[] = {"ok", "message_id", "error"};
    for (size_t i = 0; i < sizeof picks / sizeof *picks; i++) {
        const char *pick = json_str(o, picks[i], "");
        if (*pick && !sms_pick_is_valid(pick))
            SAY("%s must be json:/pointer or text:pattern, not \"%.40s\".", picks[i], pick);
    }
    const char *id = json_str(o, "message_id", "");
    if (strcmp(id, "status") == 0 || (strncmp(id, "text:", 5) == 0 && !strstr(id, "{}")))
        SAY("message_id needs {} where the id stands.");
    const json_t *list = json_object_get(o, "ok_status");
    if (list && !sms_statuses_are_valid(list))
        SAY("ok_status must be numbers such as 200, 2xx or 200-204.");
    return words_are_good(o, "errors", NULL, verdicts, err) &&
           words_are_good(o, "states", NULL, states, err) &&
           words_are_good(o, "in", sms_in_names, NULL, err) &&
           words_are_good(o, "receipt", sms_receipt_names, NULL, err);
}

static bool doors_are_good(const json_t *o, char *err) {
    const char *at = json_str(o, "in_secret_at", "path");
    const char *secret = json_str(o, "in_secret", ""), *password = json_str(o, "in_password", "");
    const char *hmac = json_str(o, "hmac_secret", "");
    bool has_networks = json_array_size(json_object_get(o, "allow")) > 0;
    if (!*secret && !*password && !*hmac && !has_networks)
        SAY("one of in_secret, in_password, hmac_secret or allow is needed: else anybody could "
            "hand "
            "in messages.");
    if ((*secret && strlen(secret) < SECRET_BYTES_MIN) ||
        (*password && strlen(password) < SECRET_BYTES_MIN) ||
        (*hmac && strlen(hmac) < SECRET_BYTES_MIN))
        SAY("in_secret, in_password and hmac_secret have %d characters or more.", SECRET_BYTES_MIN);
    if (strcmp(at, "path") != 0 && (strncmp(at, "header:", 7) != 0 || !at[7]) &&
        (strncmp(at, "query:", 6) != 0 || !at[6]))
        SAY("in_secret_at must be path, header:Name or query:name.");
    if (strcmp(at, "path") == 0 &&
        secret[strspn(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")])
        SAY("in_secret in the path is letters, digits, - and _.");
    if (!*json_str(o, "in_user", "") != !*password)
        SAY("in_user and in_password belong together.");
    if (!sms_networks_are_valid(json_object_get(o, "allow")))
        SAY("allow must be addresses or networks such as 192.0.2.0/24.");
    const char *country = json_str(o, "country", "49");
    if (!*country || country[strspn(country, "0123456789")])
        SAY("country is digits, such as 49.");
    if (strpbrk(json_str(o, "answer_type", ""), "\r\n"))
        SAY("answer_type is one line.");
    return true;
}

int sms_http_check(const char *options_json, char err[256]) {
    json_t *o = json_parse(span_str(options_json), 1 << 20, NULL);
    bool good = false;
    if (!json_is_object(o))
        snprintf(err, 256, "the options are no JSON object.");
    else
        good = request_is_good(o, err) && answers_are_good(o, err) && doors_are_good(o, err);
    json_decref(o);
    return good ? 0 : ERR_INVALID;
}
