/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp_normalize: one PDU in hex becomes what intake would see. No state is touched. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/smpp/smpp_channel.h"
#include "gateway/base/utf8.h"

#define TEXT_BYTES_MAX (200 * 1024)
#define COUNTRY "49"

static json_t *start(const char *kind) {
    json_t *o = json_object();
    json_puts(o, "kind", kind);
    json_puts(o, "channel", "smpp");
    return o;
}

static json_t *ignored(const char *reason) {
    json_t *o = start("ignored");
    json_puts(o, "reason", reason);
    return o;
}

static json_t *receipt(const struct pdu *p) {
    static const char *const names[] = {[DRAHT_RECEIPT_SENT] = "sent",
                                        [DRAHT_RECEIPT_DELIVERED] = "delivered",
                                        [DRAHT_RECEIPT_READ] = "read",
                                        [DRAHT_RECEIPT_FAILED] = "failed"};
    struct dlr r;
    if (!dlr_read(p, DLR_SAME, &r))
        return ignored("a receipt without an id");
    json_t *o = start("receipt");
    json_puts(o, "external_id", r.id);
    json_puts(o, "state", names[r.state]);
    json_puts(o, "reason", *r.reason ? r.reason : NULL);
    return o;
}

static void put_warnings(json_t *o, const struct smpp_read *r, bool is_odd,
                         const struct utf8_notes *notes) {
    json_t *list = json_array();
    for (size_t i = 0; i < r->warnings_n; i++)
        json_array_append_new(list, json_string(r->warnings[i]));
    if (is_odd)
        json_array_append_new(list, json_string("some characters could not be read"));
    if (notes->had_controls)
        json_array_append_new(list, json_string("control characters were removed"));
    json_object_set_new(o, "warnings", list);
}

static void put_people(json_t *o, const struct smpp_read *r) {
    json_t *sender = json_object(), *recipients = json_array();
    json_puts(sender, "address", r->from);
    json_object_set_new(sender, "name", json_null());
    json_object_set_new(o, "sender", sender);
    json_array_append_new(recipients, json_string(r->to));
    json_object_set_new(o, "recipients", recipients);
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
    json_t *o = start("message");
    smpp_read(p, COUNTRY, SMS_GSM, SMS_GSM, &r);
    sms_decode(r.coding, r.head.single, r.head.locking, buf_span(&r.body), &text, &is_odd);
    struct span clean = utf8_clean(a, buf_span(&text), TEXT_BYTES_MAX, &notes);
    json_object_set_new(o, "external_id", json_null());
    put_people(o, &r);
    json_object_set_new(o, "subject", json_null());
    json_put(o, "text", clean);
    json_object_set_new(o, "html_present", json_false());
    json_object_set_new(o, "in_reply_to", json_null());
    json_object_set_new(o, "references", json_array());
    json_object_set_new(o, "attachments", json_array());
    json_object_set_new(o, "automatic", json_false());
    json_object_set_new(o, "sent_at", json_null());
    put_part(o, &r);
    put_warnings(o, &r, is_odd, &notes);
    buf_free(&r.body);
    buf_free(&text);
    arena_free(&a);
    return o;
}

static bool from_hex(struct span raw, struct buf *out) {
    int high = -1;
    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        if (isspace(c))
            continue;
        if (!isxdigit(c))
            return false;
        int v = isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
        if (high < 0) {
            high = v;
            continue;
        }
        char octet = (char)(high * 16 + v);
        buf_add(out, &octet, 1);
        high = -1;
    }
    return high < 0 && out->n > 0;
}

static json_t *one(struct span bytes) {
    struct pdu p;
    char why[80];
    if (pdu_length(bytes) != (int64_t)bytes.n)
        return ignored("not one whole PDU");
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
    struct buf bytes = {0};
    (void)err;
    json_t *o =
        from_hex((struct span){raw, n}, &bytes) ? one(buf_span(&bytes)) : ignored("no PDU in hex");
    char *text = json_text(o);
    struct buf line = {0};
    buf_addf(&line, "%s\n", text);
    *out = buf_take(&line, NULL);
    free(text);
    json_decref(o);
    buf_free(&bytes);
    return 0;
}
