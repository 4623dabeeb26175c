/* SPDX-License-Identifier: EUPL-1.2 */
/* pdu: bytes to fields. A reader walks once and never behind the end; what it cannot read it
 * refuses with the state that the protocol has for it. */
#include "channels/smpp/pdu.h"

#include <stdio.h>

struct reader {
    const uint8_t *p, *end;
    uint32_t fault; /* first one counts */
};

static uint32_t be(const uint8_t *p, size_t n) {
    uint32_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static void fail(struct reader *r, uint32_t status) {
    if (!r->fault)
        r->fault = status;
    r->p = r->end;
}

static uint8_t octet(struct reader *r) {
    if (r->p < r->end)
        return *r->p++;
    fail(r, PDU_RINVCMDLEN);
    return 0;
}

/* size counts the NUL, which must be there. */
static void string(struct reader *r, char *out, size_t size) {
    size_t left = (size_t)(r->end - r->p), look = left < size ? left : size;
    const uint8_t *nul = look ? memchr(r->p, 0, look) : NULL;
    out[0] = 0;
    if (!nul) {
        fail(r, PDU_RINVPARLEN);
        return;
    }
    size_t n = (size_t)(nul - r->p);
    memcpy(out, r->p, n + 1);
    r->p = nul + 1;
}

static void address(struct reader *r, struct pdu_address *a) {
    a->ton = octet(r);
    a->npi = octet(r);
    string(r, a->text, sizeof a->text);
}

static void number_tlv(struct reader *r, const uint8_t *v, size_t n, size_t want, int32_t *out) {
    if (n != want)
        fail(r, PDU_RINVPARLEN);
    else
        *out = (int32_t)be(v, n);
}

/* Some centres end the id with a NUL, some do not; both are read. */
static void id_tlv(struct reader *r, const uint8_t *v, size_t n, char *out, size_t size) {
    size_t len = strnlen((const char *)v, n);
    if (len >= size) {
        fail(r, PDU_RINVPARLEN);
        return;
    }
    memcpy(out, v, len);
    out[len] = 0;
}

static void tlv(struct reader *r, struct pdu *o, uint32_t tag, const uint8_t *v, size_t n) {
    switch (tag) {
    case PDU_TAG_RECEIPTED_ID:
        id_tlv(r, v, n, o->receipted_id, sizeof o->receipted_id);
        break;
    case PDU_TAG_SAR_REF:
        number_tlv(r, v, n, 2, &o->sar_ref);
        break;
    case PDU_TAG_SAR_TOTAL:
        number_tlv(r, v, n, 1, &o->sar_total);
        break;
    case PDU_TAG_SAR_SEQ:
        number_tlv(r, v, n, 1, &o->sar_seq);
        break;
    case PDU_TAG_STATE:
        number_tlv(r, v, n, 1, &o->state);
        break;
    case PDU_TAG_PAYLOAD:
        o->text = (struct span){(const char *)v, n};
        o->has_payload = true;
        break;
    default: /* unknown and vendor's own */
        break;
    }
}

static void tlvs(struct reader *r, struct pdu *o) {
    for (int i = 0; r->p < r->end && !r->fault; i++) {
        size_t left = (size_t)(r->end - r->p);
        if (left < 4 || i >= PDU_TLVS_MAX) {
            fail(r, PDU_RINVOPTPARSTREAM);
            return;
        }
        uint32_t tag = be(r->p, 2);
        size_t n = be(r->p + 2, 2);
        if (n > left - 4) {
            fail(r, PDU_RINVOPTPARSTREAM);
            return;
        }
        const uint8_t *v = r->p + 4;
        r->p = v + n;
        tlv(r, o, tag, v, n);
    }
}

static void bind(struct reader *r, struct pdu *o) {
    char range[41];
    string(r, o->system_id, 16);
    string(r, o->password, 9);
    string(r, o->system_type, 13);
    o->interface_version = octet(r);
    (void)octet(r); /* the range of addresses is no business of a client */
    (void)octet(r);
    string(r, range, sizeof range);
}

static void message(struct reader *r, struct pdu *o) {
    string(r, o->service_type, 6);
    address(r, &o->from);
    address(r, &o->to);
    o->esm_class = octet(r);
    o->protocol_id = octet(r);
    o->priority = octet(r);
    string(r, o->schedule, 17);
    string(r, o->validity, 17);
    o->registered = octet(r);
    o->replace = octet(r);
    o->data_coding = octet(r);
    o->default_id = octet(r);
    size_t n = octet(r);
    if (r->fault)
        return;
    if (n > PDU_SHORT_MAX || n > (size_t)(r->end - r->p)) {
        fail(r, PDU_RINVMSGLEN);
        return;
    }
    o->text = (struct span){(const char *)r->p, n};
    r->p += n;
    tlvs(r, o);
}

static void data(struct reader *r, struct pdu *o) {
    string(r, o->service_type, 6);
    o->from.ton = octet(r);
    o->from.npi = octet(r);
    string(r, o->from.text, sizeof o->from.text);
    address(r, &o->to);
    o->esm_class = octet(r);
    o->registered = octet(r);
    o->data_coding = octet(r);
    tlvs(r, o);
}

/* A refusal may come without a body, and some centres leave out the id of an acceptance, too. */
static void answer(struct reader *r, struct pdu *o, char *id, size_t size) {
    if (r->p == r->end)
        return;
    string(r, id, size);
    if (!r->fault)
        tlvs(r, o);
}

static void body(struct reader *r, struct pdu *o) {
    switch (o->command) {
    case PDU_BIND_RECEIVER:
    case PDU_BIND_TRANSMITTER:
    case PDU_BIND_TRANSCEIVER:
        bind(r, o);
        break;
    case PDU_OUTBIND:
        string(r, o->system_id, 16);
        string(r, o->password, 9);
        break;
    case PDU_SUBMIT:
    case PDU_DELIVER:
        message(r, o);
        break;
    case PDU_DATA:
        data(r, o);
        break;
    case PDU_BIND_RECEIVER | PDU_RESP:
    case PDU_BIND_TRANSMITTER | PDU_RESP:
    case PDU_BIND_TRANSCEIVER | PDU_RESP:
        answer(r, o, o->system_id, sizeof o->system_id);
        break;
    case PDU_SUBMIT | PDU_RESP:
    case PDU_DELIVER | PDU_RESP:
    case PDU_DATA | PDU_RESP:
        answer(r, o, o->message_id, 65);
        break;
    default:
        break;
    }
}

void pdu_init(struct pdu *p, uint32_t command, uint32_t sequence) {
    *p = (struct pdu){.command = command,
                      .sequence = sequence,
                      .sar_ref = -1,
                      .sar_total = -1,
                      .sar_seq = -1,
                      .state = -1};
}

int64_t pdu_length(struct span bytes) {
    if (bytes.n < 4)
        return 0;
    uint32_t n = be((const uint8_t *)bytes.p, 4);
    return n < PDU_HEAD_BYTES || n > PDU_BYTES_MAX ? -1 : (int64_t)n;
}

int pdu_read(struct span bytes, struct pdu *out, uint32_t *status_out) {
    const uint8_t *p = (const uint8_t *)bytes.p;
    struct reader r = {0};
    pdu_init(out, 0, 0);
    if (bytes.n < PDU_HEAD_BYTES) {
        r.fault = PDU_RINVCMDLEN;
    } else {
        out->command = be(p + 4, 4);
        out->status = be(p + 8, 4);
        out->sequence = be(p + 12, 4);
        r.p = p + PDU_HEAD_BYTES;
        r.end = p + bytes.n;
        if (be(p, 4) != bytes.n)
            r.fault = PDU_RINVCMDLEN;
        else
            body(&r, out);
    }
    if (status_out)
        *status_out = r.fault;
    return r.fault ? -1 : 0;
}

const char *pdu_name(uint32_t command) {
    static const struct {
        uint32_t command;
        const char *name;
    } names[] = {{PDU_BIND_RECEIVER, "bind_receiver"},
                 {PDU_BIND_TRANSMITTER, "bind_transmitter"},
                 {PDU_BIND_TRANSCEIVER, "bind_transceiver"},
                 {PDU_SUBMIT, "submit_sm"},
                 {PDU_DELIVER, "deliver_sm"},
                 {PDU_UNBIND, "unbind"},
                 {PDU_OUTBIND, "outbind"},
                 {PDU_ENQUIRE, "enquire_link"},
                 {PDU_ALERT, "alert_notification"},
                 {PDU_DATA, "data_sm"},
                 {PDU_NACK, "generic_nack"},
                 {PDU_BIND_RECEIVER | PDU_RESP, "bind_receiver_resp"},
                 {PDU_BIND_TRANSMITTER | PDU_RESP, "bind_transmitter_resp"},
                 {PDU_BIND_TRANSCEIVER | PDU_RESP, "bind_transceiver_resp"},
                 {PDU_SUBMIT | PDU_RESP, "submit_sm_resp"},
                 {PDU_DELIVER | PDU_RESP, "deliver_sm_resp"},
                 {PDU_UNBIND | PDU_RESP, "unbind_resp"},
                 {PDU_ENQUIRE | PDU_RESP, "enquire_link_resp"},
                 {PDU_DATA | PDU_RESP, "data_sm_resp"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].command == command)
            return names[i].name;
    return "unknown";
}
