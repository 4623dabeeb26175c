/* SPDX-License-Identifier: EUPL-1.2 */
/* pdu_write: fields to bytes, the mirror of pdu.c. */
#include "channels/smpp/pdu.h"

static void put(struct buf *b, uint32_t v, size_t n) {
    char out[4];
    for (size_t i = 0; i < n; i++)
        out[i] = (char)(v >> (8 * (n - 1 - i)));
    buf_add(b, out, n);
}

static void string(struct buf *b, const char *s) {
    buf_add(b, s, strlen(s) + 1);
}

static void address(struct buf *b, const struct pdu_address *a) {
    put(b, a->ton, 1);
    put(b, a->npi, 1);
    string(b, a->text);
}

static void tlv(struct buf *b, uint32_t tag, uint32_t v, size_t n) {
    put(b, tag, 2);
    put(b, (uint32_t)n, 2);
    put(b, v, n);
}

static void tlvs(struct buf *b, const struct pdu *p) {
    if (p->sar_ref >= 0)
        tlv(b, PDU_TAG_SAR_REF, (uint32_t)p->sar_ref, 2);
    if (p->sar_total >= 0)
        tlv(b, PDU_TAG_SAR_TOTAL, (uint32_t)p->sar_total, 1);
    if (p->sar_seq >= 0)
        tlv(b, PDU_TAG_SAR_SEQ, (uint32_t)p->sar_seq, 1);
    if (p->state >= 0)
        tlv(b, PDU_TAG_STATE, (uint32_t)p->state, 1);
    if (p->receipted_id[0]) {
        put(b, PDU_TAG_RECEIPTED_ID, 2);
        put(b, (uint32_t)strlen(p->receipted_id) + 1, 2);
        string(b, p->receipted_id);
    }
    if (p->has_payload) {
        put(b, PDU_TAG_PAYLOAD, 2);
        put(b, (uint32_t)p->text.n, 2);
        buf_add(b, p->text.p, p->text.n);
    }
}

static void bind(struct buf *b, const struct pdu *p) {
    string(b, p->system_id);
    string(b, p->password);
    string(b, p->system_type);
    put(b, p->interface_version, 1);
    put(b, 0, 2); /* no address range: all that the centre routes to us */
    string(b, "");
}

static void message(struct buf *b, const struct pdu *p) {
    bool is_data = p->command == PDU_DATA;
    string(b, p->service_type);
    address(b, &p->from);
    address(b, &p->to);
    put(b, p->esm_class, 1);
    if (!is_data) {
        put(b, p->protocol_id, 1);
        put(b, p->priority, 1);
        string(b, p->schedule);
        string(b, p->validity);
    }
    put(b, p->registered, 1);
    if (!is_data)
        put(b, p->replace, 1);
    put(b, p->data_coding, 1);
    if (!is_data) {
        size_t n = p->has_payload ? 0 : p->text.n;
        put(b, p->default_id, 1);
        put(b, (uint32_t)n, 1);
        buf_add(b, p->text.p, n);
    }
    tlvs(b, p);
}

static void body(struct buf *b, const struct pdu *p) {
    switch (p->command) {
    case PDU_BIND_RECEIVER:
    case PDU_BIND_TRANSMITTER:
    case PDU_BIND_TRANSCEIVER:
        bind(b, p);
        break;
    case PDU_SUBMIT:
    case PDU_DELIVER:
    case PDU_DATA:
        message(b, p);
        break;
    case PDU_BIND_RECEIVER | PDU_RESP:
    case PDU_BIND_TRANSMITTER | PDU_RESP:
    case PDU_BIND_TRANSCEIVER | PDU_RESP:
        if (p->status == 0)
            string(b, p->system_id);
        break;
    case PDU_SUBMIT | PDU_RESP:
    case PDU_DATA | PDU_RESP:
        if (p->status == 0)
            string(b, p->message_id);
        break;
    case PDU_DELIVER | PDU_RESP: /* its message_id is unused, and always there */
        string(b, "");
        break;
    default:
        break;
    }
}

int pdu_write(struct buf *b, const struct pdu *p) {
    bool is_data = p->command == PDU_DATA;
    if (p->text.n > (p->has_payload ? PDU_PAYLOAD_MAX - 512 : PDU_SHORT_MAX) ||
        (is_data && p->text.n && !p->has_payload))
        return -1;
    size_t from = b->n;
    put(b, 0, 4);
    put(b, p->command, 4);
    put(b, p->status, 4);
    put(b, p->sequence, 4);
    body(b, p);
    uint32_t n = (uint32_t)(b->n - from);
    for (int i = 0; i < 4; i++)
        b->p[from + (size_t)i] = (char)(n >> (24 - 8 * i));
    return 0;
}
