/* SPDX-License-Identifier: EUPL-1.2 */
/* The pure parts of the SMS channel by tables: PDUs, alphabets, cutting, receipts, numbers. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/smpp/dlr.h"
#include "channels/kit/gsm0338.h"
#include "channels/smpp/number.h"
#include "channels/smpp/sms_text.h"

START_TEST(pdu_goes_there_and_back) {
    struct pdu p, q;
    struct buf b = {0};
    pdu_init(&p, PDU_SUBMIT, 7);
    p.from = (struct pdu_address){5, 0, "Stadt"};
    p.to = (struct pdu_address){1, 1, "491700000001"};
    p.text = SPAN("hallo");
    p.registered = 1;
    p.sar_ref = 300;
    p.sar_total = 2;
    p.sar_seq = 1;
    p.state = 2;
    snprintf(p.receipted_id, sizeof p.receipted_id, "abc");
    ck_assert_int_eq(pdu_write(&b, &p), 0);
    ck_assert_int_eq(pdu_length(buf_span(&b)), (int64_t)b.n);
    ck_assert_int_eq(pdu_read(buf_span(&b), &q, NULL), 0);
    ck_assert_str_eq(q.from.text, "Stadt");
    ck_assert_str_eq(q.to.text, "491700000001");
    ck_assert(span_eq(q.text, "hallo"));
    ck_assert_int_eq(q.sar_ref, 300);
    ck_assert_int_eq(q.state, 2);
    ck_assert_str_eq(q.receipted_id, "abc");
    /* Every shorter piece is refused, none is read behind its end. */
    for (size_t n = 0; n < b.n; n++) {
        char *cut = malloc(n ? n : 1);
        memcpy(cut, b.p, n);
        ck_assert_int_lt(pdu_read((struct span){cut, n}, &q, NULL), 0);
        free(cut);
    }
    buf_free(&b);
}
END_TEST

START_TEST(pdu_limits) {
    struct pdu p, q;
    struct buf b = {0};
    char text[300];
    memset(text, 'x', sizeof text);
    pdu_init(&p, PDU_DELIVER, 1);
    p.text = (struct span){text, PDU_SHORT_MAX};
    ck_assert_int_eq(pdu_write(&b, &p), 0);
    ck_assert_int_eq(pdu_read(buf_span(&b), &q, NULL), 0);
    p.text.n++;
    ck_assert_int_lt(pdu_write(&b, &p), 0);
    static const char lengths[][4] = {"\0\0\0\x0f", "\0\0\0\x10", "\0\x01\0\0", "\0\x01\0\x01"};
    static const int64_t want[] = {-1, 16, 65536, -1};
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pdu_length((struct span){lengths[i], 4}), want[i]);
    ck_assert_int_eq(pdu_length(SPAN("\0\0")), 0);
    buf_free(&b);
}
END_TEST

static const struct {
    const char *utf8;
    enum sms_coding zero, coding;
    enum sms_concat how;
    size_t parts, first;
} cuts[] = {
    {"x160", SMS_GSM, SMS_GSM, SMS_UDH8, 1, 160},  {"x161", SMS_GSM, SMS_GSM, SMS_UDH8, 2, 153},
    {"x306", SMS_GSM, SMS_GSM, SMS_UDH8, 2, 153},  {"x307", SMS_GSM, SMS_GSM, SMS_UDH8, 3, 153},
    {"x305", SMS_GSM, SMS_GSM, SMS_UDH16, 3, 152}, {"x304", SMS_GSM, SMS_GSM, SMS_UDH16, 2, 152},
    {"e80", SMS_GSM, SMS_GSM, SMS_UDH8, 1, 160},   {"e81", SMS_GSM, SMS_GSM, SMS_UDH8, 2, 152},
    {"u70", SMS_GSM, SMS_UCS2, SMS_UDH8, 1, 140},  {"u71", SMS_GSM, SMS_UCS2, SMS_UDH8, 2, 134},
    {"p35", SMS_GSM, SMS_UCS2, SMS_UDH8, 1, 140},  {"p36", SMS_GSM, SMS_UCS2, SMS_UDH8, 2, 132},
    {"x161", SMS_GSM, SMS_GSM, SMS_PAYLOAD, 1, 161}, {"u71", SMS_GSM, SMS_UCS2, SMS_UDH16, 2, 132},
    {"x160", SMS_LATIN1, SMS_LATIN1, SMS_UDH8, 1, 160}, {"e10", SMS_LATIN1, SMS_UCS2, SMS_UDH8, 1, 20},
};

START_TEST(texts_are_cut) {
    static const char *const letters[] = {['x'] = "x", ['e'] = "\u20ac", ['u'] = "\u044f", ['p'] = "\U0001F600"};
    struct arena *a = arena_new();
    struct buf text = {0}, back = {0};
    struct sms_parts p;
    bool is_odd = false;
    for (int i = atoi(cuts[_i].utf8 + 1); i > 0; i--)
        buf_adds(&text, letters[(unsigned char)cuts[_i].utf8[0]]);
    ck_assert(sms_split(a, buf_span(&text), cuts[_i].zero, cuts[_i].how, false, &p));
    ck_assert_uint_eq(p.coding, cuts[_i].coding);
    ck_assert_uint_eq(p.n, cuts[_i].parts);
    ck_assert_uint_eq(p.part[0].n, cuts[_i].first);
    for (size_t i = 0; i < p.n; i++)
        sms_decode(p.coding, 0, 0, p.part[i], &back, &is_odd);
    ck_assert(span_is(buf_span(&text), buf_span(&back)));
    ck_assert(!is_odd); /* no pair was torn */
    buf_free(&text);
    buf_free(&back);
    arena_free(&a);
}
END_TEST

START_TEST(parts_have_a_limit) {
    struct arena *a = arena_new();
    struct sms_parts p;
    char *text = malloc(153 * 255 + 1);
    memset(text, 'x', 153 * 255 + 1);
    ck_assert(sms_split(a, (struct span){text, 153 * 255}, SMS_GSM, SMS_UDH8, false, &p));
    ck_assert_uint_eq(p.n, 255);
    ck_assert(!sms_split(a, (struct span){text, 153 * 255 + 1}, SMS_GSM, SMS_UDH8, false, &p));
    ck_assert(sms_split(a, SPAN("\u201eGr\u00fc\u00dfe\u201c \u2013 gar\u00e7on"), SMS_GSM, SMS_UDH8, true, &p));
    ck_assert_uint_eq(p.coding, SMS_GSM);
    free(text);
    arena_free(&a);
}
END_TEST

START_TEST(packed_texts_come_back) {
    char text[200];
    memset(text, 'x', sizeof text);
    for (size_t n = 1; n <= 160; n++) {
        struct sms_parts p = {SMS_PACKED, 2, (struct span[]){{text, n}, {text, n}}};
        struct buf out = {0}, body = {0};
        struct sms_head h;
        sms_put_part(&out, &p, 1, SMS_UDH8, 9);
        sms_head_read(buf_span(&out), &h);
        ck_assert_int_eq(h.number, 2);
        sms_body(SMS_PACKED, buf_span(&out), h.n, &body);
        ck_assert(span_is(buf_span(&body), (struct span){text, n}));
        buf_free(&out);
        buf_free(&body);
    }
}
END_TEST

static const struct {
    uint8_t dc;
    const char *bytes;
    size_t n;
    uint8_t single, locking;
    const char *utf8;
    bool is_odd;
} reads[] = {
    {0, "Gr~\x1e" "e \x1b" "e", 8, 0, 0, "Gr\u00fc\u00dfe \u20ac", false},
    {0, "Ende\x1b", 5, 0, 0, "Ende ", true},
    {0, "\x1b\x1b", 2, 0, 0, " ", false},
    {0, "\xe4", 1, 0, 0, "\ufffd", true},
    {3, "Gr\xfc\xdf" "e", 5, 0, 0, "Gr\u00fc\u00dfe", false},
    {8, "\0a\xd8\x3d\xde\0", 6, 0, 0, "a\U0001F600", false},
    {8, "\0a\0", 3, 0, 0, "a", true},
    {8, "\xd8\x3d\0a", 4, 0, 0, "\ufffd" "a", true},
    {8, "\xde\0", 2, 0, 0, "\ufffd", true},
    {4, "\1\2", 2, 0, 0, "[2 bytes]", false},
    {0xf0, "@", 1, 0, 0, "\u00a1", false},
    {0xf5, "@", 1, 0, 0, "[1 bytes]", false},
    {0x18, "\0a", 2, 0, 0, "a", false},
    {0, "\x1b\x47\x07", 3, 1, 1, "\u011e\u0131", false},
    {0, "\x1b\x41", 2, 2, 0, "\u00c1", false},
    {0, "\x1b\x7f\x5b", 3, 3, 3, "\u00e2\u00c3", false},
    {0, "\x1b\x47", 2, 9, 9, "G", false},
};

START_TEST(texts_are_read) {
    struct buf out = {0};
    bool is_odd = false;
    enum sms_coding c = sms_coding_of(reads[_i].dc, SMS_GSM, SMS_GSM);
    sms_decode(c, reads[_i].single, reads[_i].locking, (struct span){reads[_i].bytes, reads[_i].n}, &out, &is_odd);
    ck_assert_str_eq(out.p, reads[_i].utf8);
    ck_assert_int_eq(is_odd, reads[_i].is_odd);
    buf_free(&out);
}
END_TEST

static const struct {
    const char *bytes;
    size_t n;
    int ref, total, number;
    bool is_broken;
} heads[] = {
    {"\5\0\3\7\3\2rest", 10, 7, 3, 2, false}, {"\6\x08\4\1\2\3\1", 7, 258, 3, 1, false},
    {"\x20\0\3", 3, -1, -1, -1, true},        {"\5\0\3\7\3", 5, -1, -1, -1, true},
    {"\3\x24\1\1", 4, -1, -1, -1, false},     {"\4\x24\1\1\0", 5, -1, -1, -1, true},
    {"\0", 1, -1, -1, -1, false},             {"\xb\5\4\1\2\3\4\0\3\7\0\0", 12, 7, 0, 0, false},
};

START_TEST(headers_are_read) {
    struct sms_head h;
    sms_head_read((struct span){heads[_i].bytes, heads[_i].n}, &h);
    ck_assert_int_eq(h.ref, heads[_i].ref);
    ck_assert_int_eq(h.total, heads[_i].total);
    ck_assert_int_eq(h.number, heads[_i].number);
    ck_assert_int_eq(h.is_broken, heads[_i].is_broken);
}
END_TEST

static const struct {
    const char *text;
    enum dlr_ids ids;
    const char *id;
    enum draht_receipt_state state;
} receipts[] = {
    {"id:12 sub:001 dlvrd:001 submit date:2611230030 done date:2611230030 stat:DELIVRD err:000 text:x", DLR_SAME, "12", DRAHT_RECEIPT_DELIVERED},
    {"ID:ff STAT:undeliv", DLR_HEX, "255", DRAHT_RECEIPT_FAILED},
    {"id:255 stat:EXPIRED done date:261123003012", DLR_DECIMAL, "ff", DRAHT_RECEIPT_FAILED},
    {"stat:ACCEPTD id:a-b", DLR_HEX, "a-b", DRAHT_RECEIPT_SENT},
    {"id:1 stat:WHATEVER", DLR_SAME, "1", DRAHT_RECEIPT_SENT},
    {"sub:001", DLR_SAME, "", DRAHT_RECEIPT_SENT},
    {"grid:5 id:6 stat:REJECTD err:9", DLR_SAME, "6", DRAHT_RECEIPT_FAILED},
};

START_TEST(receipts_are_read) {
    struct pdu p;
    struct dlr r;
    pdu_init(&p, PDU_DELIVER, 1);
    p.esm_class = 4;
    p.text = span_str(receipts[_i].text);
    ck_assert(dlr_is(&p));
    ck_assert_int_eq(dlr_read(&p, receipts[_i].ids, &r), receipts[_i].id[0] != 0);
    ck_assert_str_eq(r.id, receipts[_i].id);
    ck_assert_uint_eq(r.state, receipts[_i].state);
    p.state = 5; /* the TLV counts more than the text */
    snprintf(p.receipted_id, sizeof p.receipted_id, "77");
    ck_assert(dlr_read(&p, DLR_SAME, &r));
    ck_assert_str_eq(r.id, "77");
    ck_assert_uint_eq(r.state, DRAHT_RECEIPT_FAILED);
}
END_TEST

static const struct {
    uint8_t ton;
    const char *text, *want;
} numbers[] = {
    {0, "0170 1234567", "+491701234567"}, {0, "00491701234567", "+491701234567"}, {1, "491701234567", "+491701234567"},
    {0, "+49 (170) 1234567", "+491701234567"}, {0, "491701234567", "+491701234567"}, {2, "1701234567", "+491701234567"},
    {5, "Stadtwerke", "Stadtwerke"}, {0, "12345", "12345"}, {3, "12345", "12345"}, {0, "Bank\x01", "Bank?"},
    {1, "0041791234567", "+41791234567"}, {0, "01701234567890123456", "+49170123456789012345"},
};

START_TEST(numbers_have_one_notation) {
    struct pdu_address a = {.ton = numbers[_i].ton};
    char out[NUMBER_BYTES];
    snprintf(a.text, sizeof a.text, "%s", numbers[_i].text);
    ck_assert(number_canonical(&a, "49", out));
    if (strlen(numbers[_i].text) < 18)
        ck_assert_str_eq(out, numbers[_i].want);
}
END_TEST

START_TEST(numbers_become_addresses) {
    struct pdu_address a;
    ck_assert(number_to_address(SPAN("+491701234567"), &a) && a.ton == 1 && a.npi == 1);
    ck_assert_str_eq(a.text, "491701234567");
    ck_assert(number_to_address(SPAN("12345"), &a) && a.ton == 3 && a.npi == 0);
    ck_assert(number_to_address(SPAN("Stadt Muste"), &a) && a.ton == 5);
    ck_assert(!number_to_address(SPAN("Stadt Muster"), &a));
    ck_assert(!kit_phone_is_dialable(SPAN("Stadt")));
    ck_assert(!kit_phone_is_dialable(SPAN("+1234567890123456")));
    ck_assert(kit_phone_is_dialable(SPAN("+123456789012345")));
}
END_TEST

int main(void) {
    Suite *s = suite_create("smpp");
    TCase *t = tcase_create("pure");
    tcase_add_test(t, pdu_goes_there_and_back);
    tcase_add_test(t, pdu_limits);
    tcase_add_loop_test(t, texts_are_cut, 0, sizeof cuts / sizeof *cuts);
    tcase_add_test(t, parts_have_a_limit);
    tcase_add_test(t, packed_texts_come_back);
    tcase_add_loop_test(t, texts_are_read, 0, sizeof reads / sizeof *reads);
    tcase_add_loop_test(t, headers_are_read, 0, sizeof heads / sizeof *heads);
    tcase_add_loop_test(t, receipts_are_read, 0, sizeof receipts / sizeof *receipts);
    tcase_add_loop_test(t, numbers_have_one_notation, 0, sizeof numbers / sizeof *numbers);
    tcase_add_test(t, numbers_become_addresses);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad != 0;
}
