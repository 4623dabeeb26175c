/* SPDX-License-Identifier: EUPL-1.2 */
/* number: addresses of SMPP in the notation of kit/phone.h, and back. No I/O. */
#ifndef DRAHT_SMPP_NUMBER_H
#define DRAHT_SMPP_NUMBER_H

#include "channels/kit/phone.h"
#include "channels/smpp/pdu.h"

#define NUMBER_BYTES KIT_PHONE_BYTES

/* country: digits of the default country, "49". out: valid UTF-8. false: empty. */
bool number_canonical(const struct pdu_address *a, const char *country, char out[NUMBER_BYTES]);
/* Type of number and plan from the notation: 1/1 with a plus, 5/0 for names, 3/0 for short codes.
 * Texts that are too long are refused. */
bool number_to_address(struct span canonical, struct pdu_address *out);

#endif
