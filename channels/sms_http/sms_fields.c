/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_fields: names first, then values; the text's octets in whatever alphabet they came. */
#include "channels/sms_http/sms_fields.h"

#include <stdio.h>

#include "channels/kit/gsm0338.h"
#include "channels/sms_http/sms_pick.h"
#include "gateway/base/clock.h"
#include "gateway/base/utf8.h"

#define YEAR_2000_S 946684800
#define YEAR_2100_MS 4102444800000ll

const char *const sms_in_names[] = {"id", "from", "to", "text", "time", "charset", "list", NULL};
const char *const sms_receipt_names[] = {"id", "state", "error", "list", NULL};

const char *sms_name(const json_t *o, const char *kind, const char *field) {
    bool has_default = strcmp(field, "list") != 0;
    return json_str(json_object_get(o, kind), field, has_default ? field : "");
}

int sms_state_of(const json_t *o, struct span value) {
    static const struct {
        const char *word;
        int state;
    } rows[] = {{"sent", DRAHT_RECEIPT_SENT},           {"accepted", DRAHT_RECEIPT_SENT},
                {"delivered", DRAHT_RECEIPT_DELIVERED}, {"delivrd", DRAHT_RECEIPT_DELIVERED},
                {"read", DRAHT_RECEIPT_READ},           {"failed", DRAHT_RECEIPT_FAILED},
                {"undelivered", DRAHT_RECEIPT_FAILED},  {"undeliv", DRAHT_RECEIPT_FAILED},
                {"rejected", DRAHT_RECEIPT_FAILED},     {"rejectd", DRAHT_RECEIPT_FAILED},
                {"expired", DRAHT_RECEIPT_FAILED},      {"ignored", 0}};
    const json_t *own = json_object_get(o, "states");
    char key[64];
    snprintf(key, sizeof key, "%.*s", (int)(value.n < 63 ? value.n : 63), value.p ? value.p : "");
    struct span word = span_str(json_str(own, key, key));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (span_ieq(word, rows[i].word))
            return rows[i].state;
    return -1;
}

int sms_read_body(struct arena *a, struct span type, struct span body, struct form *form,
                  json_t **json) {
    if (!span_istarts(type, "application/json")) {
        form->fields_n = 0;
        return body.n || !span_istarts(type, "application/x-www-form-urlencoded")
                   ? form_parse(a, type, body, form)
                   : 0;
    }
    *json = json_parse(body, SMS_BODY_BYTES_MAX, NULL);
    return *json ? 0 : ERR_INVALID;
}

int sms_items(const json_t *o, const char *kind, const json_t *body, struct sms_source *out) {
    const json_t *v = sms_pointer(body, sms_name(o, kind, "list"));
    if (json_is_object(v)) {
        out[0] = (struct sms_source){NULL, v};
        return 1;
    }
    size_t n = json_array_size(v);
    if (!json_is_array(v) || n > SMS_LIST_MAX)
        return n > SMS_LIST_MAX ? ERR_TOO_LARGE : ERR_INVALID;
    for (size_t i = 0; i < n; i++)
        out[i] = (struct sms_source){NULL, json_array_get(v, i)};
    return (int)n;
}

static struct span field(struct arena *a, const json_t *o, const char *kind, const char *name,
                         const struct sms_source *s) {
    const char *their = sms_name(o, kind, name);
    if (s->form)
        return form_value(s->form, their);
    return sms_scalar(a, sms_pointer(s->json, their));
}

/* Ids and codes: printable, bounded. */
static struct span plain(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '!' || s.p[i] > '~')
            return SPAN_NONE;
    return s.n <= SMS_ID_BYTES_MAX ? s : SPAN_NONE;
}

int64_t sms_time(struct span s) {
    char text[40];
    unsigned long long n;
    int64_t ms = 0;
    s = span_trim(s);
    if (span_u64(s, (unsigned long long)YEAR_2100_MS, &n) == 0)
        return n < YEAR_2000_S ? 0 : (int64_t)(n < YEAR_2100_MS / 1000 ? n * 1000 : n);
    if (s.n < 19 || s.n > 35)
        return 0;
    snprintf(text, sizeof text, "%.*s%s", (int)s.n, s.p, s.n == 19 ? "Z" : "");
    text[10] = text[10] == ' ' ? 'T' : text[10];
    return clock_parse_rfc3339(text, &ms) == 0 && ms > 0 ? ms : 0;
}

enum charset { UTF8, LATIN1, GSM, UTF16, AUTO };
static enum charset charset_of(struct span s, enum charset fallback) {
    static const struct {
        const char *name;
        enum charset is;
    } rows[] = {{"utf-8", UTF8},         {"utf8", UTF8},    {"latin-1", LATIN1},
                {"latin1", LATIN1},      {"gsm", GSM},      {"iso-8859-1", LATIN1},
                {"iso-8859-15", LATIN1}, {"gsm-7", GSM},    {"windows-1252", LATIN1},
                {"utf-16be", UTF16},     {"utf-16", UTF16}, {"ucs-2", UTF16},
                {"ucs2", UTF16},         {"auto", AUTO}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (span_ieq(s, rows[i].name))
            return rows[i].is;
    return fallback;
}

/* The provider's word counts, but for "UTF-8": Kannel says that of the octets of the mobile network
 * too. */
static enum charset charset(const json_t *o, struct span label) {
    enum charset own = charset_of(span_str(json_str(o, "charset", "auto")), AUTO);
    enum charset said = charset_of(label, own);
    return said == UTF8 ? own : said;
}

/* No text in UTF-8 has an escape or other controls of this kind, the network's alphabet does. */
static bool is_like_gsm(struct span s) {
    bool has_control = false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x80)
            return false;
        has_control = has_control || (c && c < 0x20 && !strchr("\t\n\r", c));
    }
    return has_control;
}

/* The network's alphabet has seven bits: with more it is what the label said after all. */
static bool is_utf8_after_all(struct span s) {
    bool has_high = false;
    for (size_t i = 0; i < s.n && !has_high; i++)
        has_high = (unsigned char)s.p[i] >= 0x80;
    return has_high && utf8_is_valid(s);
}

static void from_utf16(struct span s, struct buf *b, bool *is_odd) {
    for (size_t i = 0; i + 1 < s.n; i += 2) {
        const unsigned char *p = (const unsigned char *)s.p + i;
        uint32_t c = (uint32_t)(p[0] << 8 | p[1]);
        uint32_t low = i + 3 < s.n ? (uint32_t)(p[2] << 8 | p[3]) : 0;
        if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            i += 2;
        }
        bool is_half = c >= 0xd800 && c < 0xe000;
        *is_odd = *is_odd || is_half;
        gsm_put(b, is_half ? 0xfffd : c);
    }
    *is_odd = *is_odd || s.n % 2;
}

static void from_latin1(struct span s, struct buf *b) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        gsm_put(b, c == 0x80 ? 0x20ac : c);
    }
}

static struct span text_of(struct arena *a, enum charset from, struct span raw, bool *is_odd) {
    struct buf b = {0};
    struct utf8_notes notes = {0};
    if (from == GSM ? !is_utf8_after_all(raw) : from == AUTO && is_like_gsm(raw))
        gsm_decode(raw, 0, 0, &b, is_odd);
    else if (from == UTF16)
        from_utf16(raw, &b, is_odd);
    else if (from == LATIN1)
        from_latin1(raw, &b);
    else
        buf_add(&b, raw.p ? raw.p : "", raw.n);
    struct span clean = utf8_clean(a, buf_span(&b), SMS_TEXT_BYTES_MAX, &notes);
    buf_free(&b);
    *is_odd = *is_odd || notes.was_invalid || notes.had_controls || notes.was_cut;
    return clean;
}

void sms_read_message(struct arena *a, const json_t *o, const struct sms_source *s,
                      struct sms_message *out) {
    struct sms_message m = {.id = plain(field(a, o, "in", "id", s))};
    struct span from = span_trim(field(a, o, "in", "from", s));
    struct span raw = field(a, o, "in", "text", s);
    char number[64];
    snprintf(number, sizeof number, "%.*s", (int)(from.n < 63 ? from.n : 63), from.p ? from.p : "");
    m.text = text_of(a, charset(o, field(a, o, "in", "charset", s)), raw, &m.is_odd);
    m.original = m.is_odd ? raw : SPAN_NONE;
    m.to = utf8_clean(a, span_trim(field(a, o, "in", "to", s)), 64, NULL);
    m.sent_ms = sms_time(field(a, o, "in", "time", s));
    if (!from.n || from.n > 63 ||
        !kit_phone(number, KIT_PHONE_ANY, json_str(o, "country", "49"), m.from))
        m.fault = "no sender";
    else if (!m.text.n)
        m.fault = "an empty message";
    *out = m;
}

void sms_read_state(struct arena *a, const json_t *o, const struct sms_source *s,
                    struct sms_state *out) {
    struct sms_state r = {.id = plain(field(a, o, "receipt", "id", s)),
                          .code = plain(field(a, o, "receipt", "error", s))};
    struct span value = span_trim(field(a, o, "receipt", "state", s));
    int state = value.n ? sms_state_of(o, value) : -1;
    if (!r.id.n)
        r.fault = "no id";
    else if (state < 0)
        r.fault = arena_printf(
            a, "an unknown state %.40s",
            arena_strndup(a, plain(value).p ? value.p : "?", plain(value).p ? value.n : 1));
    else if (state == 0)
        r.fault = "a state on the way";
    r.state = state > 0 ? (uint32_t)state : 0;
    *out = r;
}
