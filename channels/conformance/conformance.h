/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * conformance: the kit that tries a channel. It opens the channel against a pretended host that
 * writes everything down, plays the provider by the channel's script (docs/channel-plugins.md),
 * runs one table of cases and says what to mend.
 */
#ifndef DRAHT_CHANNELS_CONFORMANCE_H
#define DRAHT_CHANNELS_CONFORMANCE_H

#include <stdbool.h>

struct conformance_options {
    const char *target;    /* a channel type, a shared object, a program, or a folder with one */
    const char *options;   /* YAML file laid over the options of the script, or NULL */
    const char *script;    /* NULL: conformance.yaml beside the target, or the one built in */
    const char *only;      /* the name of one case, or NULL */
    bool as_json, is_loud; /* loud: what the channel logs goes to stderr, too */
};
/* Blocks until all cases are done; the report goes to stdout, reasons why nothing could be tried to
 * stderr. 0: all passed; 1: a case failed, or nothing could be tried. */
int conformance_run(const struct conformance_options *o);

#endif
