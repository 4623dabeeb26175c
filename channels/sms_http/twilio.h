/* SPDX-License-Identifier: EUPL-1.2 */
/* twilio: text messages through Twilio or a provider that speaks like it. */
#ifndef DRAHT_SMS_HTTP_TWILIO_H
#define DRAHT_SMS_HTTP_TWILIO_H

#include "channels/abi/draht_channel.h"

extern const struct draht_channel_ops twilio_ops;

#endif
