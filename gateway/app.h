/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * app: introduces all parts to each other and ends them in order. The two seams of the house are
 * tied here: outbox_sender (router to channels) and feed_listener (router to the inbox).
 */
#ifndef DRAHT_APP_H
#define DRAHT_APP_H

#include <stdbool.h>

#define DRAHT_VERSION "0.1.0"

struct app_options {
    const char *config_path; /* NULL: defaults */
    const char *state_dir;   /* NULL: as configured */
    bool demo;
};
/* Runs until a signal. The exit status: 0 ended in order, 1 could not start or lost its footing. */
int app_run(const struct app_options *o);

/* draht user: the store of the running installation, or its own when none runs. The exit status. */
struct app_user_command {
    const char *action;                      /* add, passwd, list, erase */
    const char *id, *name, *role, *password; /* password NULL: a random one is printed */
    const char *access, *queues;             /* all or own; offices, joined by commas; or NULL */
};
int app_user(const struct app_options *o, const struct app_user_command *u);

#endif
