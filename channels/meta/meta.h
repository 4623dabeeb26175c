/* SPDX-License-Identifier: EUPL-1.2 */
/* meta: WhatsApp, Messenger and Instagram as channels: three flavours of one webhook and one API
 * (Meta's Graph). Off until the operator confirms the data protection notice. */
#ifndef DRAHT_META_H
#define DRAHT_META_H

#include "channels/abi/draht_channel.h"

extern const struct draht_channel_ops whatsapp_ops, messenger_ops, instagram_ops;

#endif
