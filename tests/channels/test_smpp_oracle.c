/* SPDX-License-Identifier: EUPL-1.2 */
/* Our PDUs against libsmpp34's: what one writes the other reads, byte for byte the same, by a table of edges and by seeded
 * random values; and what both refuse. */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <smpp34.h>
#include <smpp34_heap.h>
#include <smpp34_structs.h>

#include "channels/smpp/pdu.h"

/* Of short_message theirs writes one octet fewer than it reads. */
enum { ROUNDS = 400, ORACLE_PAYLOAD_MAX = 1024, ORACLE_SHORT_MAX = 253, TLV_VENDOR = 0x1403 };

/* libsmpp34 keeps memory of what it refuses and offers no way to it, so the test gives out the memory and takes it back. */
static struct {
    void *p[512];
    size_t n;
} pool;

static void *pool_malloc(size_t n) {
    void *p = calloc(1, n);
    ck_assert_uint_lt(pool.n, sizeof pool.p / sizeof *pool.p);
    pool.p[pool.n++] = p;
    return p;
}

static void *pool_realloc(void *old, size_t n) {
    void *p = realloc(old, n);
    for (size_t i = 0; i < pool.n; i++)
        if (pool.p[i] == old) pool.p[i] = p;
    return p;
}

static void pool_free(void *p) {
    for (size_t i = 0; i < pool.n; i++) {
        if (pool.p[i] != p) continue;
        pool.p[i] = pool.p[--pool.n];
        free(p);
        return;
    }
}

static void pool_empty(void) {
    while (pool.n) free(pool.p[--pool.n]);
}

union oracle {
    unbind_t head;
    bind_transceiver_t bind;
    bind_transceiver_resp_t bind_resp;
    outbind_t outbind;
    submit_sm_t submit;
    submit_sm_resp_t submit_resp;
    deliver_sm_t deliver;
    deliver_sm_resp_t deliver_resp;
    data_sm_t data;
    data_sm_resp_t data_resp;
};

/* ---- our fields as theirs ---- */

static void text_to(uint8_t *out, const char *s) {
    memcpy(out, s, strlen(s) + 1);
}

static tlv_t *node(tlv_t *nodes, size_t *n, tlv_t *before, uint16_t tag, uint16_t length) {
    tlv_t *t = &nodes[(*n)++];
    *t = (tlv_t){.tag = tag, .length = length};
    if (before) before->next = t;
    return t;
}

/* In the order in which we write them. */
static tlv_t *tlvs_to(tlv_t *nodes, const struct pdu *p) {
    tlv_t *last = NULL;
    size_t n = 0;
    if (p->sar_ref >= 0) {
        last = node(nodes, &n, last, TLVID_sar_msg_ref_num, 2);
        last->value.val16 = (uint16_t)p->sar_ref;
    }
    if (p->sar_total >= 0) {
        last = node(nodes, &n, last, TLVID_sar_total_segments, 1);
        last->value.val08 = (uint8_t)p->sar_total;
    }
    if (p->sar_seq >= 0) {
        last = node(nodes, &n, last, TLVID_sar_segment_seqnum, 1);
        last->value.val08 = (uint8_t)p->sar_seq;
    }
    if (p->state >= 0) {
        last = node(nodes, &n, last, TLVID_message_state, 1);
        last->value.val08 = (uint8_t)p->state;
    }
    if (p->receipted_id[0]) {
        last = node(nodes, &n, last, TLVID_receipted_message_id, (uint16_t)(strlen(p->receipted_id) + 1));
        text_to(last->value.octet, p->receipted_id);
    }
    if (p->has_payload) {
        last = node(nodes, &n, last, TLVID_message_payload, (uint16_t)p->text.n);
        if (p->text.n) memcpy(last->value.octet, p->text.p, p->text.n);
    }
    return n ? nodes : NULL;
}

#define ADDRESSES_TO(t, p)                                                                                             \
    do {                                                                                                               \
        text_to((t)->service_type, (p)->service_type);                                                                 \
        (t)->source_addr_ton = (p)->from.ton;                                                                          \
        (t)->source_addr_npi = (p)->from.npi;                                                                          \
        text_to((t)->source_addr, (p)->from.text);                                                                     \
        (t)->dest_addr_ton = (p)->to.ton;                                                                              \
        (t)->dest_addr_npi = (p)->to.npi;                                                                              \
        text_to((t)->destination_addr, (p)->to.text);                                                                  \
        (t)->esm_class = (p)->esm_class;                                                                               \
        (t)->registered_delivery = (p)->registered;                                                                    \
        (t)->data_coding = (p)->data_coding;                                                                           \
    } while (0)
#define MESSAGE_TO(t, p)                                                                                               \
    do {                                                                                                               \
        ADDRESSES_TO(t, p);                                                                                            \
        (t)->protocol_id = (p)->protocol_id;                                                                           \
        (t)->priority_flag = (p)->priority;                                                                            \
        text_to((t)->schedule_delivery_time, (p)->schedule);                                                           \
        text_to((t)->validity_period, (p)->validity);                                                                  \
        (t)->replace_if_present_flag = (p)->replace;                                                                   \
        (t)->sm_default_msg_id = (p)->default_id;                                                                      \
        (t)->sm_length = (uint8_t)((p)->has_payload ? 0 : (p)->text.n);                                                \
        if ((t)->sm_length) memcpy((t)->short_message, (p)->text.p, (t)->sm_length);                                   \
    } while (0)

static bool is_bind(uint32_t command) {
    return command == PDU_BIND_RECEIVER || command == PDU_BIND_TRANSMITTER || command == PDU_BIND_TRANSCEIVER;
}

static void to_oracle(const struct pdu *p, union oracle *o, tlv_t *nodes) {
    memset(o, 0, sizeof *o);
    o->head = (unbind_t){.command_id = p->command, .command_status = p->status, .sequence_number = p->sequence};
    if (is_bind(p->command)) {
        text_to(o->bind.system_id, p->system_id);
        text_to(o->bind.password, p->password);
        text_to(o->bind.system_type, p->system_type);
        o->bind.interface_version = p->interface_version;
    } else if (is_bind(p->command & ~PDU_RESP)) {
        text_to(o->bind_resp.system_id, p->system_id);
    } else if (p->command == PDU_SUBMIT) {
        MESSAGE_TO(&o->submit, p);
        o->submit.tlv = tlvs_to(nodes, p);
    } else if (p->command == PDU_DELIVER) {
        MESSAGE_TO(&o->deliver, p);
        o->deliver.tlv = tlvs_to(nodes, p);
    } else if (p->command == PDU_DATA) {
        ADDRESSES_TO(&o->data, p);
        o->data.tlv = tlvs_to(nodes, p);
    } else if (p->command == (PDU_SUBMIT | PDU_RESP)) {
        text_to(o->submit_resp.message_id, p->message_id);
    } else if (p->command == (PDU_DATA | PDU_RESP)) {
        text_to(o->data_resp.message_id, p->message_id);
    }
}

/* ---- the same fields ---- */

static void same_tlvs(const struct pdu *p, const tlv_t *have) {
    static tlv_t want[8];
    const tlv_t *w = tlvs_to(want, p);
    /* Their list may be read in either order; each of ours must be there, and no other. */
    size_t wanted = 0, had = 0;
    for (const tlv_t *t = have; t; t = t->next) had++;
    for (; w; w = w->next, wanted++) {
        const tlv_t *t = have;
        while (t && t->tag != w->tag) t = t->next;
        ck_assert_ptr_nonnull(t);
        ck_assert_uint_eq(t->length, w->length);
        ck_assert_mem_eq(t->value.octet, w->value.octet, w->length);
    }
    ck_assert_uint_eq(had, wanted);
}

#define SAME_ADDRESSES(a, b)                                                                                           \
    do {                                                                                                               \
        ck_assert_str_eq((char *)(a)->service_type, (char *)(b)->service_type);                                        \
        ck_assert_uint_eq((a)->source_addr_ton, (b)->source_addr_ton);                                                 \
        ck_assert_uint_eq((a)->source_addr_npi, (b)->source_addr_npi);                                                 \
        ck_assert_str_eq((char *)(a)->source_addr, (char *)(b)->source_addr);                                          \
        ck_assert_uint_eq((a)->dest_addr_ton, (b)->dest_addr_ton);                                                     \
        ck_assert_uint_eq((a)->dest_addr_npi, (b)->dest_addr_npi);                                                     \
        ck_assert_str_eq((char *)(a)->destination_addr, (char *)(b)->destination_addr);                                \
        ck_assert_uint_eq((a)->esm_class, (b)->esm_class);                                                             \
        ck_assert_uint_eq((a)->registered_delivery, (b)->registered_delivery);                                         \
        ck_assert_uint_eq((a)->data_coding, (b)->data_coding);                                                         \
    } while (0)
#define SAME_MESSAGE(a, b)                                                                                             \
    do {                                                                                                               \
        SAME_ADDRESSES(a, b);                                                                                          \
        ck_assert_uint_eq((a)->protocol_id, (b)->protocol_id);                                                         \
        ck_assert_uint_eq((a)->priority_flag, (b)->priority_flag);                                                     \
        ck_assert_str_eq((char *)(a)->schedule_delivery_time, (char *)(b)->schedule_delivery_time);                    \
        ck_assert_str_eq((char *)(a)->validity_period, (char *)(b)->validity_period);                                  \
        ck_assert_uint_eq((a)->replace_if_present_flag, (b)->replace_if_present_flag);                                 \
        ck_assert_uint_eq((a)->sm_default_msg_id, (b)->sm_default_msg_id);                                             \
        ck_assert_uint_eq((a)->sm_length, (b)->sm_length);                                                             \
        ck_assert_mem_eq((a)->short_message, (b)->short_message, (a)->sm_length);                                      \
    } while (0)

/* Whether theirs read from our bytes what we had meant. */
static void same_as_oracle(const struct pdu *p, union oracle *o) {
    static tlv_t nodes[8];
    union oracle want;
    to_oracle(p, &want, nodes);
    ck_assert_uint_eq(o->head.command_id, p->command);
    ck_assert_uint_eq(o->head.command_status, p->status);
    ck_assert_uint_eq(o->head.sequence_number, p->sequence);
    if (is_bind(p->command)) {
        ck_assert_str_eq((char *)o->bind.system_id, p->system_id);
        ck_assert_str_eq((char *)o->bind.password, p->password);
        ck_assert_str_eq((char *)o->bind.system_type, p->system_type);
        ck_assert_uint_eq(o->bind.interface_version, p->interface_version);
    } else if (is_bind(p->command & ~PDU_RESP)) {
        ck_assert_str_eq((char *)o->bind_resp.system_id, p->system_id);
    } else if (p->command == PDU_SUBMIT) {
        SAME_MESSAGE(&o->submit, &want.submit);
        same_tlvs(p, o->submit.tlv);
    } else if (p->command == PDU_DELIVER) {
        SAME_MESSAGE(&o->deliver, &want.deliver);
        same_tlvs(p, o->deliver.tlv);
    } else if (p->command == PDU_DATA) {
        SAME_ADDRESSES(&o->data, &want.data);
        same_tlvs(p, o->data.tlv);
    } else if (p->command == (PDU_SUBMIT | PDU_RESP)) {
        ck_assert_str_eq((char *)o->submit_resp.message_id, p->message_id);
    } else if (p->command == (PDU_DATA | PDU_RESP)) {
        ck_assert_str_eq((char *)o->data_resp.message_id, p->message_id);
    }
}

static void same_as_ours(const struct pdu *p, const struct pdu *q) {
    ck_assert_uint_eq(q->command, p->command);
    ck_assert_uint_eq(q->status, p->status);
    ck_assert_uint_eq(q->sequence, p->sequence);
    ck_assert_str_eq(q->system_id, p->system_id);
    ck_assert_str_eq(q->password, p->password);
    ck_assert_str_eq(q->system_type, p->system_type);
    ck_assert_uint_eq(q->interface_version, p->interface_version);
    ck_assert_str_eq(q->service_type, p->service_type);
    ck_assert_str_eq(q->schedule, p->schedule);
    ck_assert_str_eq(q->validity, p->validity);
    ck_assert(q->from.ton == p->from.ton && q->from.npi == p->from.npi);
    ck_assert_str_eq(q->from.text, p->from.text);
    ck_assert(q->to.ton == p->to.ton && q->to.npi == p->to.npi);
    ck_assert_str_eq(q->to.text, p->to.text);
    const uint8_t have[] = {q->esm_class, q->protocol_id, q->priority, q->registered, q->replace, q->data_coding, q->default_id};
    const uint8_t want[] = {p->esm_class, p->protocol_id, p->priority, p->registered, p->replace, p->data_coding, p->default_id};
    ck_assert_mem_eq(have, want, sizeof have);
    ck_assert(span_is(q->text, p->text));
    ck_assert_int_eq(q->has_payload, p->has_payload);
    ck_assert_str_eq(q->message_id, p->message_id);
    ck_assert_int_eq(q->sar_ref, p->sar_ref);
    ck_assert_int_eq(q->sar_total, p->sar_total);
    ck_assert_int_eq(q->sar_seq, p->sar_seq);
    ck_assert_int_eq(q->state, p->state);
    ck_assert_str_eq(q->receipted_id, p->receipted_id);
}

/* Ours to theirs, theirs to ours, and the same bytes from both. */
static void both_ways(const struct pdu *p) {
    static uint8_t bytes[4096];
    static tlv_t nodes[8];
    union oracle o;
    struct pdu q;
    struct buf b = {0};
    int n = 0;
    ck_assert_int_eq(pdu_write(&b, p), 0);
    memset(&o, 0, sizeof o);
    ck_assert_msg(smpp34_unpack2(&o, (const uint8_t *)b.p, (int)b.n) == 0, "%s: %s", pdu_name(p->command), smpp34_strerror);
    same_as_oracle(p, &o);
    pool_empty();
    to_oracle(p, &o, nodes);
    if (!p->has_payload && p->text.n > ORACLE_SHORT_MAX) {
        n = (int)b.n;
        memcpy(bytes, b.p, b.n);
    } else {
        ck_assert_msg(smpp34_pack2(bytes, sizeof bytes, &n, &o) == 0, "%s: %s", pdu_name(p->command), smpp34_strerror);
        ck_assert_uint_eq((size_t)n, b.n);
        ck_assert_mem_eq(bytes, b.p, b.n);
    }
    char *exact = malloc((size_t)n); /* so that a read behind the end is seen */
    memcpy(exact, bytes, (size_t)n);
    ck_assert_int_eq(pdu_read((struct span){exact, (size_t)n}, &q, NULL), 0);
    same_as_ours(p, &q);
    free(exact);
    buf_free(&b);
}

/* ---- values ---- */

static const uint32_t commands[] = {PDU_BIND_RECEIVER, PDU_BIND_TRANSMITTER, PDU_BIND_TRANSCEIVER, PDU_BIND_RECEIVER | PDU_RESP,
    PDU_BIND_TRANSMITTER | PDU_RESP, PDU_BIND_TRANSCEIVER | PDU_RESP, PDU_SUBMIT, PDU_SUBMIT | PDU_RESP, PDU_DELIVER,
    PDU_DELIVER | PDU_RESP, PDU_DATA, PDU_DATA | PDU_RESP, PDU_ENQUIRE, PDU_ENQUIRE | PDU_RESP, PDU_UNBIND, PDU_UNBIND | PDU_RESP,
    PDU_NACK};
static const size_t commands_n = sizeof commands / sizeof *commands;

static bool is_message(uint32_t command) {
    return command == PDU_SUBMIT || command == PDU_DELIVER || command == PDU_DATA;
}

/* Lengths at their limits as often as between them. */
static size_t some_length(size_t max) {
    switch (rand() % 4) {
    case 0: return 0;
    case 1: return max;
    default: return (size_t)rand() % (max + 1);
    }
}

static void some_string(char *out, size_t max) {
    size_t n = some_length(max);
    for (size_t i = 0; i < n; i++) out[i] = (char)(1 + rand() % 255);
    out[n] = 0;
}

static uint8_t some_octet(void) {
    return (uint8_t)rand();
}

/* Theirs knows only the kinds of numbers and the states that the protocol names. */
static void some_address(struct pdu_address *a) {
    static const uint8_t npis[] = {0, 1, 3, 4, 6, 8, 9, 10, 14, 18};
    a->ton = (uint8_t)(rand() % 7);
    a->npi = npis[(size_t)rand() % sizeof npis];
    some_string(a->text, 20);
}

static void some_message(struct pdu *p, char *text) {
    some_string(p->service_type, 5);
    some_address(&p->from);
    some_address(&p->to);
    p->esm_class = some_octet();
    p->registered = some_octet();
    p->data_coding = some_octet();
    if (p->command != PDU_DATA) {
        p->protocol_id = some_octet();
        p->priority = some_octet();
        p->replace = some_octet();
        p->default_id = some_octet();
    }
    if (p->command == PDU_SUBMIT) { /* in deliver_sm both must be empty, and theirs holds one octet */
        some_string(p->schedule, 16);
        some_string(p->validity, 16);
    }
    p->has_payload = p->command == PDU_DATA || rand() % 2;
    p->text = (struct span){text, some_length(p->has_payload ? ORACLE_PAYLOAD_MAX : ORACLE_SHORT_MAX)};
    for (size_t i = 0; i < p->text.n; i++) text[i] = (char)rand();
    if (rand() % 2) p->sar_ref = rand() % 0x10000;
    if (rand() % 2) p->sar_total = some_octet();
    if (rand() % 2) p->sar_seq = some_octet();
    if (rand() % 2) p->state = some_octet();
    if (rand() % 2) some_string(p->receipted_id, 64);
}

static void some_pdu(struct pdu *p, uint32_t command, char *text) {
    pdu_init(p, command, 1 + (uint32_t)rand() % PDU_SEQUENCE_MAX);
    if (is_bind(command)) {
        some_string(p->system_id, 15);
        some_string(p->password, 8);
        some_string(p->system_type, 12);
        p->interface_version = 0x34;
    } else if (is_bind(command & ~PDU_RESP)) {
        some_string(p->system_id, 15);
    } else if (is_message(command)) {
        some_message(p, text);
    } else if (command == (PDU_SUBMIT | PDU_RESP) || command == (PDU_DATA | PDU_RESP)) {
        some_string(p->message_id, 64);
    } else if (command == PDU_NACK) {
        static const uint32_t states[] = {PDU_RINVMSGLEN, PDU_RINVCMDLEN, PDU_RINVCMDID, PDU_RSYSERR, PDU_RTHROTTLED, PDU_RUNKNOWNERR};
        p->status = states[(size_t)rand() % (sizeof states / sizeof *states)];
    }
}

/* ---- the tests ---- */

START_TEST(random_values) {
    static char text[ORACLE_PAYLOAD_MAX];
    struct pdu p;
    srand(20261128u + (unsigned)_i);
    for (int round = 0; round < ROUNDS; round++) {
        some_pdu(&p, commands[_i], text);
        both_ways(&p);
    }
}
END_TEST

static const struct {
    uint32_t command;
    size_t text_n, address_n, id_n;
    bool has_payload;
    int32_t sar_ref, sar_total, sar_seq, state;
    uint8_t esm_class, data_coding;
} edges[] = {
    {PDU_SUBMIT, 0, 0, 0, false, -1, -1, -1, -1, 0, 0},
    {PDU_SUBMIT, 1, 20, 0, false, -1, -1, -1, -1, 0x40, 0},
    {PDU_SUBMIT, PDU_SHORT_MAX, 20, 0, false, -1, -1, -1, -1, 0x43, 8},
    {PDU_SUBMIT, 134, 11, 0, false, 0, 1, 1, -1, 0, 3},
    {PDU_SUBMIT, 134, 11, 0, false, 0xffff, 255, 255, -1, 0, 4},
    {PDU_SUBMIT, 0, 11, 0, true, -1, -1, -1, -1, 0, 0xf5},
    {PDU_SUBMIT, ORACLE_PAYLOAD_MAX, 11, 0, true, -1, -1, -1, -1, 0xff, 0xff},
    {PDU_DELIVER, 0, 0, 0, false, -1, -1, -1, -1, 0, 0},
    {PDU_DELIVER, PDU_SHORT_MAX, 20, 64, false, 0, 0, 0, 0, 4, 0},
    {PDU_DELIVER, 140, 13, 1, false, -1, -1, -1, 2, 4, 1},
    {PDU_DELIVER, 1, 13, 64, true, 0x8000, 2, 2, 255, 0x44, 8},
    {PDU_DELIVER, ORACLE_PAYLOAD_MAX, 13, 0, true, -1, -1, -1, -1, 0, 0},
    {PDU_DATA, 0, 0, 0, false, -1, -1, -1, -1, 0, 0},
    {PDU_DATA, ORACLE_PAYLOAD_MAX, 20, 64, true, 65535, 255, 1, 8, 4, 8},
};

START_TEST(edges_of_messages) {
    static char text[ORACLE_PAYLOAD_MAX];
    struct pdu p;
    memset(text, 0xfe, sizeof text);
    pdu_init(&p, edges[_i].command, _i % 2 ? 1 : PDU_SEQUENCE_MAX);
    p.text = (struct span){text, edges[_i].text_n};
    p.has_payload = edges[_i].has_payload;
    memset(p.from.text, '4', edges[_i].address_n);
    memset(p.to.text, 'Z', edges[_i].address_n);
    memset(p.receipted_id, 'f', edges[_i].id_n);
    p.sar_ref = edges[_i].sar_ref;
    p.sar_total = edges[_i].sar_total;
    p.sar_seq = edges[_i].sar_seq;
    p.state = edges[_i].state;
    p.esm_class = edges[_i].esm_class;
    p.data_coding = edges[_i].data_coding;
    both_ways(&p);
}
END_TEST

/* Parameters of theirs that we have no use for are stepped over, wherever they stand. */
START_TEST(foreign_parameters) {
    static uint8_t bytes[4096];
    static tlv_t nodes[4];
    struct pdu q;
    union oracle o;
    int n = 0;
    for (int at = 0; at < 3; at++) {
        struct pdu p;
        pdu_init(&p, PDU_DELIVER, 5);
        p.text = SPAN("kurz");
        p.state = 2;
        to_oracle(&p, &o, nodes);
        tlv_t foreign = {.tag = at == 0 ? TLVID_network_error_code : at == 1 ? TLV_VENDOR : TLVID_user_message_reference,
                         .length = at == 0 ? 3 : at == 1 ? 200 : 2};
        tlv_t *ours = o.deliver.tlv;
        if (at == 2) {
            ours->next = &foreign;
        } else {
            foreign.next = ours;
            o.deliver.tlv = &foreign;
        }
        ck_assert_msg(smpp34_pack2(bytes, sizeof bytes, &n, &o) == 0, "%s", smpp34_strerror);
        ck_assert_int_eq(pdu_read((struct span){(char *)bytes, (size_t)n}, &q, NULL), 0);
        same_as_ours(&p, &q);
    }
    /* The answer to a bind names the version of the centre. */
    tlv_t version = {.tag = TLVID_sc_interface_version, .length = 1, .value.val08 = 0x34};
    o = (union oracle){.bind_resp = {.command_id = BIND_TRANSCEIVER_RESP, .sequence_number = 1, .system_id = "lab", .tlv = &version}};
    ck_assert_msg(smpp34_pack2(bytes, sizeof bytes, &n, &o) == 0, "%s", smpp34_strerror);
    ck_assert_int_eq(pdu_read((struct span){(char *)bytes, (size_t)n}, &q, NULL), 0);
    ck_assert_str_eq(q.system_id, "lab");
}
END_TEST

static void set_length(char *bytes, size_t n) {
    for (size_t i = 0; i < 4; i++) bytes[i] = (char)(n >> (24 - 8 * i));
}

/* A body that ends early, and says so: never is one of the two content with what the other refuses. */
START_TEST(cut_bodies) {
    static char text[ORACLE_PAYLOAD_MAX];
    struct pdu p, q;
    union oracle o;
    srand(4);
    some_pdu(&p, commands[_i], text);
    if (is_message(p.command)) p.has_payload = p.command == PDU_DATA, p.text = SPAN("ein Text"), p.sar_ref = 7, p.state = 2;
    struct buf b = {0};
    ck_assert_int_eq(pdu_write(&b, &p), 0);
    for (size_t n = PDU_HEAD_BYTES; n < b.n; n++) {
        char *cut = malloc(n);
        memcpy(cut, b.p, n);
        set_length(cut, n);
        bool ours = pdu_read((struct span){cut, n}, &q, NULL) == 0;
        memset(&o, 0, sizeof o);
        bool theirs = smpp34_unpack2(&o, (const uint8_t *)cut, (int)n) == 0;
        pool_empty();
        free(cut);
        /* We take answers without a body, which some centres give with a refusal; theirs does not for all of them. */
        if (n == PDU_HEAD_BYTES && p.command & PDU_RESP)
            ck_assert(ours);
        else
            ck_assert_msg(ours == theirs, "%s cut to %zu of %zu: ours %d, theirs %d", pdu_name(p.command), n, b.n, ours, theirs);
    }
    buf_free(&b);
}
END_TEST

static const struct {
    const char *name;
    const char *tail; /* behind a message without text */
    size_t tail_n;
    uint8_t sm_length;
    bool ours, theirs;
} refusals[] = {
    {"nothing", "", 0, 0, true, true},
    {"text longer than the PDU", "ab", 2, 3, false, false},
    {"text of 255 octets", "", 0, 255, false, false},
    {"half a parameter", "\x02\x0c", 2, 0, false, false},
    {"a parameter behind the end", "\x02\x0c\x00\x02\x01", 5, 0, false, false},
    {"a parameter of a wrong length", "\x04\x27\x00\x04\x00\x00\x00\x02", 8, 0, false, false},
    {"a reference of one octet", "\x02\x0c\x00\x01\x07", 5, 0, false, false},
    {"an unknown parameter", "\x06\x00\x00\x03xyz", 7, 0, true, true},
    {"a vendor's parameter", "\x14\x00\x00\x00", 4, 0, true, true},
};

START_TEST(refused_by_both) {
    struct pdu p;
    union oracle o;
    struct buf b = {0};
    pdu_init(&p, PDU_DELIVER, 9);
    ck_assert_int_eq(pdu_write(&b, &p), 0);
    b.p[b.n - 1] = (char)refusals[_i].sm_length;
    buf_add(&b, refusals[_i].tail, refusals[_i].tail_n);
    set_length(b.p, b.n);
    memset(&o, 0, sizeof o);
    ck_assert_msg((pdu_read(buf_span(&b), &p, NULL) == 0) == refusals[_i].ours, "ours: %s", refusals[_i].name);
    ck_assert_msg((smpp34_unpack2(&o, (const uint8_t *)b.p, (int)b.n) == 0) == refusals[_i].theirs, "theirs: %s", refusals[_i].name);
    buf_free(&b);
    pool_empty();
}
END_TEST

/* Where the oracle ends, ours must go on: a centre may send 64 KiB. */
START_TEST(beyond_the_oracle) {
    static char text[ORACLE_PAYLOAD_MAX + 1];
    struct pdu p, q;
    union oracle o;
    struct buf b = {0};
    pdu_init(&p, PDU_DELIVER, 1);
    p.has_payload = true;
    p.text = (struct span){text, sizeof text};
    ck_assert_int_eq(pdu_write(&b, &p), 0);
    memset(&o, 0, sizeof o);
    ck_assert_int_ne(smpp34_unpack2(&o, (const uint8_t *)b.p, (int)b.n), 0);
    ck_assert_int_eq(pdu_read(buf_span(&b), &q, NULL), 0);
    ck_assert(span_is(q.text, p.text));
    buf_free(&b);
    pool_empty();
}
END_TEST

int main(void) {
    static const struct smpp34_memory_functions memory = {pool_malloc, pool_realloc, pool_free};
    smpp34_set_memory_functions(&memory);
    Suite *s = suite_create("smpp_oracle");
    TCase *t = tcase_create("libsmpp34");
    tcase_add_loop_test(t, random_values, 0, (int)commands_n);
    tcase_add_loop_test(t, edges_of_messages, 0, sizeof edges / sizeof *edges);
    tcase_add_test(t, foreign_parameters);
    tcase_add_loop_test(t, cut_bodies, 0, (int)commands_n);
    tcase_add_loop_test(t, refused_by_both, 0, sizeof refusals / sizeof *refusals);
    tcase_add_test(t, beyond_the_oracle);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad != 0;
}
