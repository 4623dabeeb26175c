/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_http: text messages through any provider that speaks HTTP, by configuration alone. */
#ifndef DRAHT_SMS_HTTP_SMS_HTTP_H
#define DRAHT_SMS_HTTP_SMS_HTTP_H

#include "channels/abi/draht_channel.h"

extern const struct draht_channel_ops sms_http_ops;
/* Whether the options fit together. 0, or negative with a sentence in err. */
int sms_http_check(const char *options_json, char err[256]);

#endif
