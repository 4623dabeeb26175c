/* SPDX-License-Identifier: EUPL-1.2 */
/* tnef: winmail.dat unpacked in a child process of ours with limits on memory and time, because the
 * library behind it has been unsafe before. */
#ifndef DRAHT_EMAIL_TNEF_H
#define DRAHT_EMAIL_TNEF_H

#include "channels/email/mail.h"
#include "gateway/net/loop.h"

#define TNEF_HELPER_ARG "--tnef-helper"
#define TNEF_FILES_MAX 50

/* Adds the files inside to m->parts; the winmail.dat itself stays. A broken one adds a warning.
 * done runs exactly once, later. */
void tnef_unpack(struct loop *l, struct mail *m, void (*done)(void *arg), void *arg);

#endif
