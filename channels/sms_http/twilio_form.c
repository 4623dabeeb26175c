/* SPDX-License-Identifier: EUPL-1.2 */
/* twilio_form: fields, signature and meaning of a posted form. The signature follows Twilio's own
 * library: names sorted, equal values of a name once and sorted. */
#include "channels/sms_http/twilio_form.h"

#include <stdio.h>
#include <stdlib.h>

#include "channels/kit/sha1.h"
#include "channels/sms_http/sms_common.h"
#include "gateway/base/crypto.h"
#include "gateway/base/json.h"
#include "gateway/base/utf8.h"

#define SIGNATURE_BYTES 28 /* 20 bytes in base64 */
#define ID_BYTES_MAX 64
#define ADDRESS_BYTES_MAX 64

static int json_fields(struct arena *a, struct span body, struct form *out) {
    json_t *o = json_parse(body, TWILIO_BODY_BYTES_MAX, NULL), *v;
    const char *key;
    struct form f = {0};
    if (!json_is_object(o)) {
        json_decref(o);
        return ERR_INVALID;
    }
    json_object_foreach(o, key, v) {
        struct span value = {json_string_value(v), json_string_length(v)};
        if (json_is_string(v) && f.fields_n < FORM_FIELDS_MAX)
            f.fields[f.fields_n++] =
                (struct form_field){span_str(arena_strdup(a, key)), arena_dup(a, value), SPAN_NONE};
    }
    json_decref(o);
    *out = f;
    return 0;
}

int twilio_fields(struct arena *a, struct span type, struct span body, struct form *out) {
    if (span_istarts(type, "application/json"))
        return json_fields(a, body, out);
    if (!span_istarts(type, "application/x-www-form-urlencoded"))
        return ERR_UNSUPPORTED;
    if (body.n)
        return form_parse(a, type, body, out);
    out->fields_n = 0;
    return 0;
}

static int compare(struct span a, struct span b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int by_name_and_value(const void *x, const void *y) {
    const struct form_field *const *a = x, *const *b = y;
    int c = compare((*a)->name, (*b)->name);
    return c ? c : compare((*a)->value, (*b)->value);
}

static void add_fields(const struct form *f, struct buf *b) {
    const struct form_field *sorted[FORM_FIELDS_MAX] = {0};
    for (size_t i = 0; i < f->fields_n; i++)
        sorted[i] = &f->fields[i];
    qsort(sorted, f->fields_n, sizeof *sorted, by_name_and_value);
    for (size_t i = 0; i < f->fields_n; i++) {
        if (i && by_name_and_value(&sorted[i - 1], &sorted[i]) == 0)
            continue;
        buf_add(b, sorted[i]->name.p, sorted[i]->name.n);
        if (sorted[i]->value.n)
            buf_add(b, sorted[i]->value.p, sorted[i]->value.n);
    }
}

static bool fits(struct span token, struct span url, const struct form *f, struct span given) {
    struct buf b = {0};
    uint8_t mac[KIT_SHA1_BYTES];
    struct buf want = {0};
    buf_add(&b, url.p, url.n);
    if (f)
        add_fields(f, &b);
    kit_hmac_sha1(token, buf_span(&b), mac);
    buf_free(&b);
    sms_base64(mac, sizeof mac, &want);
    bool ok = crypto_equal(given.p, want.p, SIGNATURE_BYTES);
    buf_free(&want);
    return ok;
}

/* The same address with its standard port added or left out; empty when it has another port. */
static void other_form(struct span url, struct buf *b) {
    const char *scheme = memmem(url.p, url.n, "://", 3);
    const char *port = url.n > 5 && memcmp(url.p, "https", 5) == 0 ? ":443" : ":80";
    const char *host = scheme ? scheme + 3 : url.p, *end = url.p + url.n, *at = host;
    while (at < end && *at != '/' && *at != '?')
        at++;
    size_t n = (size_t)(at - host), port_n = strlen(port);
    bool has = n > port_n && memcmp(at - port_n, port, port_n) == 0;
    if (!has && memchr(host, ':', n))
        return;
    buf_add(b, url.p, (size_t)(at - url.p) - (has ? port_n : 0));
    buf_adds(b, has ? "" : port);
    buf_add(b, at, (size_t)(end - at));
}

bool twilio_is_signed(struct span token, struct span url, const struct form *f, struct span given) {
    if (given.n != SIGNATURE_BYTES || !token.n || !url.n)
        return false;
    if (fits(token, url, f, given))
        return true;
    struct buf b = {0};
    other_form(url, &b);
    bool ok = b.n && fits(token, buf_span(&b), f, given);
    buf_free(&b);
    return ok;
}

/* Ids and addresses: printable ASCII of a bounded length, or empty. */
static struct span plain(const struct form *f, const char *name, size_t max) {
    struct span s = form_value(f, name);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '!' || s.p[i] > '~')
            return SPAN_NONE;
    return s.n <= max ? s : SPAN_NONE;
}

/* A number, or the name of a company, which may have blanks in it. */
static struct span sender(const struct form *f) {
    struct span s = span_trim(form_value(f, "From"));
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~')
            return SPAN_NONE;
    return s.n <= ADDRESS_BYTES_MAX ? s : SPAN_NONE;
}

static void read_status(struct span status, struct twilio_post *p) {
    static const struct {
        const char *name;
        uint32_t state;
    } states[] = {{"sent", DRAHT_RECEIPT_SENT},       {"delivered", DRAHT_RECEIPT_DELIVERED},
                  {"read", DRAHT_RECEIPT_READ},       {"undelivered", DRAHT_RECEIPT_FAILED},
                  {"canceled", DRAHT_RECEIPT_FAILED}, {"failed", DRAHT_RECEIPT_FAILED}};
    p->ignored = "a state on the way";
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (span_eq(status, states[i].name)) {
            p->state = states[i].state;
            p->kind = TWILIO_RECEIPT;
        }
}

static void read_media(struct arena *a, const struct form *f, struct twilio_post *p) {
    unsigned long long n = 0;
    span_u64(form_value(f, "NumMedia"), TWILIO_MEDIA_MAX, &n);
    for (unsigned long long i = 0; i < n; i++) {
        struct span url = plain(f, arena_printf(a, "MediaUrl%llu", i), 2000);
        if (!url.n)
            continue;
        p->media_type[p->media_n] = plain(f, arena_printf(a, "MediaContentType%llu", i), 100);
        p->media[p->media_n++] = url;
    }
}

static bool read_degrees(struct arena *a, const struct form *f, const char *name, double *out) {
    struct span s = plain(f, name, 20);
    char *end, *text = arena_strndup(a, s.p ? s.p : "", s.n);
    double v = strtod(text, &end);
    if (end == text || *end)
        return false;
    *out = v;
    return true;
}

/* A place that was shared and a choice (WhatsApp through Twilio) may come without a Body. */
static void read_text(struct arena *a, const struct form *f, struct twilio_post *p) {
    static const char *const names[] = {"Body", "Label", "Address"}, *const choices[] = {
                                                                         "ButtonText", "ListTitle"};
    struct utf8_notes notes = {0};
    struct buf b = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        kit_line(&b, form_value(f, names[i]));
    for (size_t i = 0; b.n == 0 && i < sizeof choices / sizeof *choices; i++)
        kit_line(&b, form_value(f, choices[i]));
    double latitude, longitude;
    if (read_degrees(a, f, "Latitude", &latitude) && read_degrees(a, f, "Longitude", &longitude))
        kit_place(&b, latitude, longitude);
    p->text = utf8_clean(a, buf_span(&b), TWILIO_TEXT_BYTES_MAX, &notes);
    p->had_controls = notes.had_controls;
    p->had_bidi = notes.had_bidi;
    p->was_cut = notes.was_cut;
    buf_free(&b);
}

/* A messaging service may have words of its own; Twilio then says what they mean. */
static enum kit_keyword word_of(struct span told, struct span text) {
    return span_ieq(told, "STOP")    ? KIT_WORD_STOP
           : span_ieq(told, "START") ? KIT_WORD_START
                                     : kit_keyword(text);
}

void twilio_read(struct arena *a, const struct form *f, struct twilio_post *p) {
    *p = (struct twilio_post){.id = plain(f, "MessageSid", ID_BYTES_MAX),
                              .account = plain(f, "AccountSid", ID_BYTES_MAX),
                              .from = sender(f),
                              .to = plain(f, "To", ADDRESS_BYTES_MAX)};
    struct span status = form_value(f, "MessageStatus");
    span_u64(form_value(f, "ErrorCode"), 999999, &p->code);
    if (!p->id.n) {
        p->ignored = "no MessageSid";
    } else if (status.n) {
        read_status(status, p);
    } else if (!p->from.n) {
        p->ignored = "no sender";
    } else {
        p->name = utf8_clean(a, form_value(f, "ProfileName"), 200, NULL);
        read_text(a, f, p);
        p->word = word_of(form_value(f, "OptOutType"), p->text);
        read_media(a, f, p);
        p->kind = p->text.n || p->media_n ? TWILIO_MESSAGE : TWILIO_IGNORED;
        p->ignored = "an empty message";
    }
}

const char *twilio_reason(struct arena *a, unsigned long long code) {
    static const struct {
        unsigned long long code;
        const char *text;
    } rows[] = {{21211, "The recipient's number is not valid."},
                {21408, "The account may not send to the recipient's country."},
                {21614, "The recipient's number cannot receive text messages."},
                {21610, "The recipient has opted out of text messages."},
                {21620, "The provider cannot fetch a file: its address is not reachable for it."},
                {21621, "The city's number cannot send files; send the text without them."},
                {21623, "There are more files than the provider takes."},
                {30011, "The recipient's telephone or network takes no files."},
                {30019, "The files are too large for the recipient's network."},
                {63019, "The provider could not fetch a file from the city."},
                {63034, "The files are too large for the provider."},
                {30003, "The telephone cannot be reached."},
                {30004, "The recipient blocks text messages from here."},
                {30005, "The number does not exist any more."},
                {30006, "The number is a landline or cannot receive text messages."},
                {30007, "The mobile network filtered the message."}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == code)
            return rows[i].text;
    return code ? arena_printf(a, "The provider could not deliver the text message (code %llu).",
                               code)
                : "The provider could not deliver the text message.";
}
