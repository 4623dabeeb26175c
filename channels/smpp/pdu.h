/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * pdu: one SMPP 3.4 PDU, read from bytes of a stranger or written for one. Bounded: every C string
 * has the size of its field, every TLV lies inside the PDU. No I/O.
 */
#ifndef DRAHT_SMPP_PDU_H
#define DRAHT_SMPP_PDU_H

#include <stdint.h>

#include "gateway/base/buf.h"

#define PDU_HEAD_BYTES 16u
#define PDU_BYTES_MAX 65536u
#define PDU_SHORT_MAX 254
#define PDU_PAYLOAD_MAX 65535u
#define PDU_TLVS_MAX 64
#define PDU_SEQUENCE_MAX 0x7fffffffu

enum pdu_command {
    PDU_BIND_RECEIVER = 1,
    PDU_BIND_TRANSMITTER = 2,
    PDU_SUBMIT = 4,
    PDU_DELIVER = 5,
    PDU_UNBIND = 6,
    PDU_BIND_TRANSCEIVER = 9,
    PDU_OUTBIND = 11,
    PDU_ENQUIRE = 0x15,
    PDU_ALERT = 0x102,
    PDU_DATA = 0x103
};
#define PDU_RESP 0x80000000u
#define PDU_NACK 0x80000000u /* generic_nack */

/* Command states that we give or must know. SMPP 3.4, 5.1.3. */
enum pdu_status {
    PDU_OK = 0,
    PDU_RINVMSGLEN = 0x01,
    PDU_RINVCMDLEN = 0x02,
    PDU_RINVCMDID = 0x03,
    PDU_RINVBNDSTS = 0x04,
    PDU_RALYBND = 0x05,
    PDU_RSYSERR = 0x08,
    PDU_RINVSRCADR = 0x0a,
    PDU_RINVDSTADR = 0x0b,
    PDU_RBINDFAIL = 0x0d,
    PDU_RINVPASWD = 0x0e,
    PDU_RINVSYSID = 0x0f,
    PDU_RMSGQFUL = 0x14,
    PDU_RSUBMITFAIL = 0x45,
    PDU_RINVESMCLASS = 0x43,
    PDU_RINVSRCTON = 0x48,
    PDU_RINVSRCNPI = 0x49,
    PDU_RINVDSTTON = 0x50,
    PDU_RINVDSTNPI = 0x51,
    PDU_RTHROTTLED = 0x58,
    PDU_RINVSCHED = 0x61,
    PDU_RINVEXPIRY = 0x62,
    PDU_RX_T_APPN = 0x64,
    PDU_RX_P_APPN = 0x65,
    PDU_RX_R_APPN = 0x66,
    PDU_ROPTPARNOTALLWD = 0xc1,
    PDU_RINVOPTPARSTREAM = 0xc0,
    PDU_RINVPARLEN = 0xc2,
    PDU_RDELIVERYFAILURE = 0xfe,
    PDU_RUNKNOWNERR = 0xff,
    PDU_VENDOR_FIRST = 0x400
};

enum pdu_tag {
    PDU_TAG_RECEIPTED_ID = 0x1e,
    PDU_TAG_SAR_REF = 0x20c,
    PDU_TAG_SAR_TOTAL = 0x20e,
    PDU_TAG_SAR_SEQ = 0x20f,
    PDU_TAG_PAYLOAD = 0x424,
    PDU_TAG_STATE = 0x427
};

struct pdu_address {
    uint8_t ton, npi;
    char text[21];
};
struct pdu {
    uint32_t command, status, sequence;
    /* bind and its answer */
    char system_id[17], password[10], system_type[14];
    uint8_t interface_version;
    /* messages */
    char service_type[7];
    struct pdu_address from, to;
    uint8_t esm_class, protocol_id, priority, registered, replace, data_coding, default_id;
    char schedule[18], validity[18];
    struct span text; /* short_message, or message_payload when given; borrowed */
    bool has_payload;
    /* answers to messages */
    char message_id[66];
    /* TLVs that matter; -1: not given */
    int32_t sar_ref, sar_total, sar_seq, state;
    char receipted_id[66];
};

/* What a stream begins with: the length of its first PDU; 0: more bytes are needed (fewer than 4);
 * negative: no PDU has such a length. */
int64_t pdu_length(struct span bytes);
/* One whole PDU. 0, or negative with *status_out (may be NULL) naming what to answer: the head
 * fields of *out are set when there were 16 bytes. Text spans are borrowed from bytes. */
int pdu_read(struct span bytes, struct pdu *out, uint32_t *status_out);
/* Appends the PDU. Its text goes into message_payload when has_payload is set. An answer with a
 * status other than 0 has no body. Negative, and nothing is appended: the text is too long. */
int pdu_write(struct buf *b, const struct pdu *p);
/* Zeroed but for the fields that say "not given". */
void pdu_init(struct pdu *p, uint32_t command, uint32_t sequence);
/* "submit_sm_resp"; "unknown" else. Borrowed forever. */
const char *pdu_name(uint32_t command);

#endif
