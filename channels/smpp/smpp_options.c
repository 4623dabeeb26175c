/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp_options: the settings of an SMS channel, and what they must satisfy together. */
#include <ctype.h>
#include <stdio.h>

#include "channels/smpp/smpp_channel.h"

#define OPTIONS_BYTES_MAX (1 << 20)
#define STOP_WORDS "STOP,STOPP,ABMELDEN"
#define START_WORDS "START,ANMELDEN"

const struct draht_option smpp_option_rows[] = {
    {"smsc", DRAHT_OPT_STRING, NULL, 3, 300, NULL, DRAHT_OPT_REQUIRED,
     "The provider's message centre, host:port."},
    {"tls", DRAHT_OPT_BOOL, "false", 0, 0, NULL, 0,
     "Encrypt the connection with TLS 1.2 or newer; the certificate must name the host."},
    {"tls_ca", DRAHT_OPT_STRING, "", 0, 4096, NULL, 0,
     "PEM file with the authorities that sign the centre's certificate. Empty: the system's."},
    {"system_id", DRAHT_OPT_STRING, NULL, 1, 15, NULL, DRAHT_OPT_REQUIRED,
     "User name at the message centre."},
    {"password", DRAHT_OPT_STRING, NULL, 0, 8, NULL, DRAHT_OPT_REQUIRED | DRAHT_OPT_SECRET,
     "Password at the message centre, at most 8 characters."},
    {"system_type", DRAHT_OPT_STRING, "", 0, 12, NULL, 0, "Only if the provider names one."},
    {"bind", DRAHT_OPT_ENUM, "transceiver", 0, 0, "transceiver|pair", 0,
     "One connection for both directions, or a transmitter and a receiver (old centres)."},
    {"source", DRAHT_OPT_STRING, NULL, 1, 20, NULL, DRAHT_OPT_REQUIRED,
     "The city's number as citizens see it: +4915112345678, a short code (12345), or a name of at "
     "most 11 characters (nobody can answer a name)."},
    {"source_ton", DRAHT_OPT_INT, "-1", -1, 6, NULL, 0,
     "Type of number of the source. -1: by its notation (1, 3 or 5)."},
    {"source_npi", DRAHT_OPT_INT, "-1", -1, 18, NULL, 0,
     "Numbering plan of the source. -1: by its notation (1 or 0)."},
    {"country", DRAHT_OPT_STRING, "49", 1, 3, NULL, 0,
     "Country code of numbers that come without one (0170...)."},
    {"language", DRAHT_OPT_ENUM, "de", 0, 0, "de|en|de-easy", 0,
     "Language of the answers to STOP, START and HELP."},
    {"charset", DRAHT_OPT_ENUM, "gsm", 0, 0, "gsm|packed|latin1", 0,
     "What data_coding 0 means at this centre: GSM 03.38 with one character an octet, packed into "
     "7 bits, or ISO 8859-1."},
    {"charset_1", DRAHT_OPT_ENUM, "gsm", 0, 0, "gsm|ascii", 0,
     "What data_coding 1 means in messages from this centre."},
    {"concat", DRAHT_OPT_ENUM, "udh8", 0, 0, "udh8|udh16|sar|payload", 0,
     "How long messages go out: header with 8 or 16 bit reference, SAR parameters, or whole in "
     "message_payload."},
    {"transliterate", DRAHT_OPT_BOOL, "false", 0, 0, NULL, 0,
     "Replace typographic quotes, dashes and the like by plain ones, so that 160 characters fit "
     "instead of 70."},
    {"parts_max", DRAHT_OPT_INT, "10", 1, 255, NULL, 0,
     "Longest message, in parts; each part costs money."},
    {"part_hours", DRAHT_OPT_INT, "24", 1, 168, NULL, 0,
     "After how many hours a long message is taken in although parts are missing."},
    {"window", DRAHT_OPT_INT, "10", 1, SESSION_WINDOW_MAX, NULL, 0,
     "Messages that may be under way without an answer."},
    {"rate", DRAHT_OPT_INT, "0", 0, 10000, NULL, 0,
     "Most messages a second. 0: as fast as the window allows."},
    {"response_s", DRAHT_OPT_INT, "30", 1, 300, NULL, 0,
     "How long an answer of the centre may take."},
    {"enquire_s", DRAHT_OPT_INT, "30", 1, 3600, NULL, 0,
     "Ask whether the centre is there after this many seconds of silence."},
    {"again_s", DRAHT_OPT_INT, "1", 1, 60, NULL, 0,
     "First wait after a lost connection; it doubles up to a minute."},
    {"receipts", DRAHT_OPT_BOOL, "true", 0, 0, NULL, 0, "Ask for delivery receipts."},
    {"receipt_ids", DRAHT_OPT_ENUM, "same", 0, 0, "same|hex|decimal", 0,
     "How receipts write ids that the centre's answers write the other way."},
    {"unknown_errors", DRAHT_OPT_ENUM, "retry", 0, 0, "retry|reject", 0,
     "What the provider's own error codes (0x400 and above) mean."},
    {"stop_words", DRAHT_OPT_LIST, STOP_WORDS, 0, KIT_WORDS_MAX, NULL, 0,
     "Whoever sends nothing but one of these gets no messages any more."},
    {"start_words", DRAHT_OPT_LIST, START_WORDS, 0, KIT_WORDS_MAX, NULL, 0,
     "Whoever sends nothing but one of these gets messages again."},
    {"help_words", DRAHT_OPT_LIST, KIT_HELP_WORDS, 0, KIT_WORDS_MAX, NULL, 0,
     "Whoever sends nothing but one of these gets an explanation."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL},
};

static int complain(char *err, const char *sentence) {
    snprintf(err, 256, "%s", sentence);
    return -1;
}

static int which(json_t *o, const char *key, const char *const *names) {
    const char *v = json_str(o, key, names[0]);
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], v) == 0)
            return i;
    return 0;
}

static void choices(struct smpp_settings *s, json_t *o) {
    static const char *const zero[] = {"gsm", "packed", "latin1", NULL},
                             *const one[] = {"gsm", "ascii", NULL},
                             *const concat[] = {"udh8", "udh16", "sar", "payload", NULL},
                             *const ids[] = {"same", "hex", "decimal", NULL},
                             *const unknown[] = {"retry", "reject", NULL},
                             *const bind[] = {"transceiver", "pair", NULL};
    static const enum sms_coding codings[] = {SMS_GSM, SMS_PACKED, SMS_LATIN1};
    s->zero = codings[which(o, "charset", zero)];
    s->one = which(o, "charset_1", one) ? SMS_ASCII : SMS_GSM;
    s->concat = (enum sms_concat)which(o, "concat", concat);
    s->receipt_ids = (enum dlr_ids)which(o, "receipt_ids", ids);
    s->retries_unknown = which(o, "unknown_errors", unknown) == 0;
    s->is_pair = which(o, "bind", bind) == 1;
    s->is_tls = json_flag(o, "tls", false);
    s->transliterate = json_flag(o, "transliterate", false);
    s->wants_receipts = json_flag(o, "receipts", true);
}

static void numbers(struct smpp_settings *s, json_t *o) {
    s->window = (uint32_t)json_int(o, "window", 10);
    s->response_ms = (uint32_t)json_int(o, "response_s", 30) * 1000;
    s->enquire_ms = (uint32_t)json_int(o, "enquire_s", 30) * 1000;
    s->rate = (uint32_t)json_int(o, "rate", 0);
    s->parts_max = (uint32_t)json_int(o, "parts_max", SMPP_PARTS_DEFAULT);
    s->part_ms = (uint32_t)json_int(o, "part_hours", 24) * 3600000u;
}

static int source(struct smpp_settings *s, json_t *o, char *err) {
    const char *text = json_str(o, "source", "");
    int64_t ton = json_int(o, "source_ton", -1), npi = json_int(o, "source_npi", -1);
    if (!number_to_address(span_str(text), &s->source))
        return complain(err, "source: a number, or a name of at most 11 characters");
    snprintf(s->source_text, sizeof s->source_text, "%s", text);
    if (ton >= 0)
        s->source.ton = (uint8_t)ton;
    if (npi >= 0)
        s->source.npi = (uint8_t)npi;
    return 0;
}

static int check(struct smpp_settings *s, json_t *o, char *err) {
    const char *colon = strrchr(s->smsc, ':');
    unsigned long long port = 0;
    if (!colon || colon == s->smsc || span_u64(span_str(colon + 1), 65535, &port) != 0 ||
        port == 0 || strpbrk(s->smsc, "/@?# "))
        return complain(err, "smsc: host:port is needed");
    for (const char *p = s->country; *p; p++)
        if (!isdigit((unsigned char)*p) || s->country[0] == '0')
            return complain(err, "country: digits without a leading 0, for example 49");
    if (strlen(s->system_id) > 15 || !*s->system_id)
        return complain(err, "system_id: 1 to 15 characters");
    if (strlen(s->password) > 8)
        return complain(err, "password: at most 8 characters");
    return source(s, o, err);
}

int smpp_settings_parse(struct smpp_settings *s, const char *options_json, char *err) {
    json_t *o = json_parse(span_str(options_json), OPTIONS_BYTES_MAX, NULL);
    if (!o)
        return complain(err, "the options are no JSON object");
    *s = (struct smpp_settings){.json = o,
                                .smsc = json_str(o, "smsc", ""),
                                .ca = json_str(o, "tls_ca", ""),
                                .system_id = json_str(o, "system_id", ""),
                                .password = json_str(o, "password", ""),
                                .system_type = json_str(o, "system_type", ""),
                                .country = json_str(o, "country", "49"),
                                .language = json_str(o, "language", "de")};
    kit_words_read(&s->words, KIT_WORD_STOP, o, "stop_words", STOP_WORDS);
    kit_words_read(&s->words, KIT_WORD_START, o, "start_words", START_WORDS);
    kit_words_read(&s->words, KIT_WORD_HELP, o, "help_words", KIT_HELP_WORDS);
    choices(s, o);
    numbers(s, o);
    if (check(s, o, err) == 0)
        return 0;
    smpp_settings_free(s);
    return -1;
}

void smpp_settings_free(struct smpp_settings *s) {
    json_decref(s->json);
    *s = (struct smpp_settings){0};
}
