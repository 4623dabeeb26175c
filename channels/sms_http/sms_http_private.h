/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_http_private: what the files of the generic channel share. */
#ifndef DRAHT_SMS_HTTP_SMS_HTTP_PRIVATE_H
#define DRAHT_SMS_HTTP_SMS_HTTP_PRIVATE_H

#include "channels/sms_http/sms_base.h"
#include "channels/sms_http/sms_fields.h"
#include "channels/sms_http/sms_http.h"
#include "channels/sms_http/sms_pick.h"
#include "channels/sms_http/sms_template.h"

#define SMS_PARTS_MAX 50
#define SMS_ANSWER_BYTES_MAX (256u << 10)
#define SMS_URL_BYTES_MAX 8000

#define SMS_SAYS_MAX 50 /* answers to words under way at once */

struct sms_http {
    struct sms_base b;
    struct kit_words words;
    bool confirms; /* answers them itself */
    size_t says_n;
};

extern const struct draht_option sms_http_options[];
/* What may stand in braces; the values are those of a try-out. */
enum { SMS_VALUES = 12 };
extern const struct sms_value sms_http_words[SMS_VALUES];

/* NULL, or why this request is not the provider's. In constant time as to secrets. */
const char *sms_stranger(struct sms_http *w, struct draht_http *x);
/* Whether every item is an address or a network such as 192.0.2.0/24. */
bool sms_networks_are_valid(const json_t *list);
bool sms_network_has(const json_t *list, struct span peer);
/* The secret of the path as it stands in addresses, or "". */
const char *sms_path_secret(const struct sms_http *w);

void sms_on_message(void *channel, struct draht_http *x);
void sms_on_receipt(void *channel, struct draht_http *x);
int sms_send(void *channel, const struct draht_outbound *m, struct draht_token *t);
/* Sends a text of the city's own, once; copied. What becomes of it stands in the log. */
void sms_say(struct sms_http *w, struct span number, struct span text);

#endif
