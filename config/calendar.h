/* SPDX-License-Identifier: EUPL-1.2 */
/* calendar: what the check of a configuration asks; the questions of other strata are in config.h.
 */
#ifndef DRAHT_CONFIG_CALENDAR_H
#define DRAHT_CONFIG_CALENDAR_H

#include "config/config.h"

bool calendar_knows_zone(const char *name);
bool calendar_knows_state(const char *state); /* "NW" */
bool calendar_is_date(const char *iso);       /* "2026-12-24", a day that exists */

#endif
