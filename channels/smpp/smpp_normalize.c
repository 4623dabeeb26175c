/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp_normalize: one PDU in hex becomes what intake would see. No state is touched. */
#include <ctype.h>
#include <stdio.h>

#include "channels/kit/normal.h"
#include "channels/smpp/smpp_channel.h"
#include "gateway/base/error.h"
#include "gateway/base/utf8.h"

#define TEXT_BYTES_MAX (200 * 1024)
#define COUNTRY "49"

static json_t *ignored(const char *reason) {
    return kit_normal_ignored("smpp", reason);
}

static json_t *receipt(const struct pdu *p) {
    struct dlr r;
    if (!dlr_read(p, DLR_SAME, &r))
        return ignored("a receipt without an id");
    return kit_normal_receipt("smpp", span_str(r.id), r.state, *r.code ? json_string(r.code) : NULL,
                              *r.reason ? r.reason : NULL);
}

static void put_part(json_t *o, const struct smpp_read *r) {
    json_t *part = json_null();
    if (r->head.total > 0) {
        part = json_object();
        json_puti(part, "ref", r->head.ref);
        json_puti(part, "total", r->head.total);
        json_puti(part, "number", r->head.number);
    }
    json_object_set_new(o, "part", part);
}

static json_t *message(const struct pdu *p) {
    struct arena *a = arena_new();
    struct smpp_read r;
    struct utf8_notes notes = {0};
    struct buf text = {0};
    bool is_odd = false;
    smpp_read(p, COUNTRY, SMS_GSM, SMS_GSM, &r);
    sms_decode(r.coding, r.head.single, r.head.locking, buf_span(&r.body), &text, &is_odd);
    struct span clean = utf8_clean(a, buf_span(&text), TEXT_BYTES_MAX, &notes);
    struct kit_normal m = {
        .channel = "smpp",
        .sender = span_str(r.from),
        .recipient = span_str(r.to),
        .text = clean,
        .had_controls = notes.had_controls,
        .had_bidi = notes.had_bidi,
        .was_cut = notes.was_cut,
        .warnings = {is_odd ? "some characters could not be read" : NULL},
    };
    json_t *o = kit_normal_message(&m);
    for (size_t i = 0; i < r.warnings_n; i++)
        kit_normal_warn(o, r.warnings[i]);
    put_part(o, &r);
    buf_free(&r.body);
    buf_free(&text);
    arena_free(&a);
    return o;
}

/* Where the first character stands that is no hex digit, or the end when one is missing: -1 when
 * all are there. */
static int64_t from_hex(struct span raw, struct buf *out) {
    int high = -1;
    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        if (isspace(c))
            continue;
        if (!isxdigit(c))
            return (int64_t)i;
        int v = isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
        if (high < 0) {
            high = v;
            continue;
        }
        char octet = (char)(high * 16 + v);
        buf_add(out, &octet, 1);
        high = -1;
    }
    return high < 0 && out->n > 0 ? -1 : (int64_t)raw.n;
}

static json_t *one(struct span bytes) {
    struct pdu p;
    char why[120];
    int64_t length = pdu_length(bytes);
    if (length != (int64_t)bytes.n) {
        snprintf(why, sizeof why, "not one whole PDU: %zu bytes%s", bytes.n,
                 length < 0                  ? ", and a length that no PDU has"
                 : length == 0               ? ", too few for a length"
                 : length > (int64_t)bytes.n ? ", fewer than its length says"
                                             : ", more than its length says");
        return ignored(why);
    }
    if (pdu_read(bytes, &p, NULL) != 0) {
        snprintf(why, sizeof why, "%s that cannot be read", pdu_name(p.command));
        return ignored(why);
    }
    if (p.command != PDU_DELIVER && p.command != PDU_DATA) {
        snprintf(why, sizeof why, "%s carries no message", pdu_name(p.command));
        return ignored(why);
    }
    return dlr_is(&p) ? receipt(&p) : message(&p);
}

int smpp_normalize(const char *raw, size_t n, char **out, char *err) {
    struct buf bytes = {0}, line = {0};
    int64_t at = from_hex((struct span){raw, n}, &bytes);
    if (at < 0) {
        kit_normal_print(&line, one(buf_span(&bytes)));
        *out = buf_take(&line, NULL);
    } else if (at < (int64_t)n) {
        snprintf(err, 256, "The input is no PDU in hex: byte %lld is no hex digit.",
                 (long long)at + 1);
    } else {
        snprintf(err, 256, "The input is no PDU in hex: %s.",
                 bytes.n ? "the last byte lacks a digit" : "it is empty");
    }
    buf_free(&bytes);
    return at < 0 ? 0 : ERR_INVALID;
}
