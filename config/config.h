/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * config: the settings of one installation, typed, checked and with defaults filled in. Modules
 * take const structs of this header and know neither YAML nor libfyaml.
 */
#ifndef DRAHT_CONFIG_CONFIG_H
#define DRAHT_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "channels/abi/draht_channel.h" /* option rows only: the ABI header stands below all strata */
#include "gateway/base/buf.h"
#include "gateway/base/error.h"
#include "gateway/base/json.h"

enum follow_up { FOLLOW_REOPEN, FOLLOW_NEW, FOLLOW_NEW_AFTER_DAYS };

struct config_queue {    /* an office */
    const char *id;      /* [a-z0-9-]{1,32} */
    const char *name;    /* shown to staff and citizens */
    const char *contact; /* named contact with telephone, put under replies */
    enum follow_up follow_up;
    int follow_up_days;
    const char *calendar;   /* calendar id */
    int first_answer_hours; /* service hours until the first answer is due */
};
struct config_block { /* a text that staff put into replies */
    const char *id, *name, *text;
    const char *queue; /* of this office alone; empty: of all */
};
struct config_hours {
    int weekday /* 0 Monday */, from_minute, to_minute;
};
struct config_calendar {
    const char *id;
    const char *timezone; /* IANA, e.g. Europe/Berlin */
    const struct config_hours *hours;
    int hours_n;
    const char *const *holidays; /* "2026-12-25" */
    int holidays_n;
};
struct config_rule { /* all given matches must hold; first to last, later ones may add */
    const char *name;
    const char *channel, *recipient, *language; /* NULL: any. recipient: glob on the address */
    const char *const *words;                   /* any of these, folded, in subject or text */
    int words_n;
    const char *time;     /* NULL, "open" or "closed" (calendar of the queue so far) */
    const char *queue;    /* NULL: leave */
    const char *priority; /* low normal high urgent */
    const char *const *tags;
    int tags_n;
    const char *acknowledge; /* NULL: leave; "none" or a locale key prefix: "ack" */
    bool stop;
};
struct config_channel {
    const char *id, *type;
    bool enabled;
    const char *queue;                /* where its messages go when no rule says otherwise */
    const char *in_doubt;             /* hold | resend */
    int concurrency, rate_per_minute; /* sends; 0: the channel type's default */
    const char *options; /* checked options with defaults, JSON text, for draht_channel_ops.open */
    int line, column;    /* where the entry stands */
};
struct config {
    const char *path;      /* of the file, or NULL for defaults alone */
    const char *state_dir; /* absolute */
    const char *listen_host;
    int listen_port;
    const char *public_url; /* https://... without trailing slash; derived from listen when empty */
    const char *tls_cert, *tls_key;
    bool trust_forwarded;
    const char *city_name, *city_phone, *privacy_url, *imprint_url, *accessibility_url,
        *default_language;
    const char *redis; /* "embedded" or an address */
    const char *redis_username, *redis_password;
    const char *durability; /* "disk" or "replicas:N" */
    const char *master_key; /* path; default STATE_DIR/master.key */
    int shards;             /* 1 */
    const char *log_level;
    const char *metrics_listen; /* "" : only /metrics on the main port from loopback */
    int session_hours, session_idle_minutes;
    const char *staff_access; /* all or own */
    int attachment_max_mb, message_text_max;
    int outbox_give_up_hours, outbox_visible_after, outbox_lease_s;
    int ack_per_day; /* automatic acknowledgements per correspondent and day */
    int undo_seconds;
    bool demo;
    const struct config_queue *queues;
    int queues_n;
    const struct config_calendar *calendars;
    int calendars_n;
    const struct config_rule *rules;
    int rules_n;
    const struct config_channel *channels;
    int channels_n;
    const struct config_block *text_blocks;
    int text_blocks_n;
};

/* Option rows of a channel type, or NULL when there is no such type (channels/registry hands it
 * in). */
typedef const struct draht_option *(*config_options_fn)(const char *type, int *rows_out);

/* Reads and checks. Returned (config_free); NULL when there was a fault: every fault is appended to
 * faults, one "file:line:column: text" a line. path NULL: defaults. No side effects, no network. */
struct config *config_load(const char *path, config_options_fn options, struct buf *faults);
void config_free(struct config **c);
/* Documentation of a key ("outbox.lease_s", "channels[].email.lmtp"), or of all when key is NULL,
 * appended to out. 0 or ERR_NOT_FOUND (out then holds the nearest names). */
int config_explain(const char *key, config_options_fn options, struct buf *out);
/* What differs between two, a line each, and which need a restart (returns how many do). */
int config_diff(const struct config *a, const struct config *b, struct buf *out);

const struct config_queue *config_queue(const struct config *c, const char *id);       /* or NULL */
const struct config_calendar *config_calendar(const struct config *c, const char *id); /* or NULL */
/* Service calendar. */
bool calendar_is_open(const struct config_calendar *c, int64_t now_ms);
int64_t calendar_next_open_ms(const struct config_calendar *c,
                              int64_t now_ms); /* now_ms when open */
/* The clock on the wall there, as if it were UTC: for showing. c NULL or of an unknown zone:
 * Europe/Berlin. */
int64_t calendar_local_ms(const struct config_calendar *c, int64_t utc_ms);
/* now plus that many service hours. */
int64_t calendar_add_hours(const struct config_calendar *c, int64_t now_ms, int hours);

/* Locale texts, embedded. lang: de, en, de-easy; missing falls back to de. Borrowed forever; NULL:
 * no such key. */
int locale_init(struct fault *f);
const char *locale_text(const char *lang, const char *key);
/* Replaces {name} by values (name, value, ..., NULL); in the arena. NULL: no such key. */
char *locale_format(struct arena *a, const char *lang, const char *key, ...)
    __attribute__((sentinel));

#endif
