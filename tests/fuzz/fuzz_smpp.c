/* SPDX-License-Identifier: EUPL-1.2 */
/* Any bytes as a PDU of the message centre, as a header and as a text in every coding; what is read is written and read again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/smpp/smpp_channel.h"
#include "gateway/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void read_text(const struct pdu *p, enum sms_coding zero) {
    struct smpp_read r;
    struct buf text = {0};
    bool is_odd = false;
    struct dlr d;
    smpp_read(p, "49", zero, SMS_GSM, &r);
    sms_decode(r.coding, r.head.single, r.head.locking, buf_span(&r.body), &text, &is_odd);
    if (!utf8_is_valid(buf_span(&text))) abort();
    dlr_read(p, zero == SMS_GSM ? DLR_HEX : DLR_DECIMAL, &d);
    buf_free(&r.body);
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct pdu p, q;
    struct buf b = {0};
    struct span in = {(const char *)data, n};
    if (pdu_read(in, &p, NULL) == 0) {
        for (enum sms_coding zero = SMS_GSM; zero <= SMS_LATIN1; zero++) read_text(&p, zero);
        if (p.status == 0 && pdu_write(&b, &p) == 0) {
            if (pdu_read(buf_span(&b), &q, NULL) != 0 || !span_is(p.text, q.text) || p.sar_ref != q.sar_ref) abort();
        }
    } else if (n > 1) { /* the text alone: its first octet is the data coding */
        pdu_init(&q, PDU_DELIVER, 1);
        q.data_coding = data[0];
        q.esm_class = data[1] & 0x40;
        q.text = (struct span){in.p + 1, n - 1};
        for (enum sms_coding zero = SMS_GSM; zero <= SMS_LATIN1; zero++) read_text(&q, zero);
    }
    char err[256], *out = NULL;
    if (smpp_normalize(in.p, n, &out, err) == 0) free(out);
    buf_free(&b);
    return 0;
}
