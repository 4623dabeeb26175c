/* SPDX-License-Identifier: EUPL-1.2 */
/* notify: tells systemd how the service is doing, when NOTIFY_SOCKET is set. */
#ifndef DRAHT_NOTIFY_H
#define DRAHT_NOTIFY_H

void notify_state(const char *state); /* "READY=1" */

#endif
