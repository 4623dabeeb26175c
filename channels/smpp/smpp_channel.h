/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp_channel: what the parts of the channel share: settings, state, the calls between them.
 * Private to channels/smpp. */
#ifndef DRAHT_SMPP_SMPP_CHANNEL_H
#define DRAHT_SMPP_SMPP_CHANNEL_H

#include "channels/abi/draht_channel.h"
#include "channels/kit/keyword.h"
#include "channels/kit/kit.h"
#include "channels/smpp/dlr.h"
#include "channels/smpp/number.h"
#include "channels/smpp/session.h"
#include "channels/smpp/sms_text.h"
#include "gateway/base/json.h"

#define SMPP_CONCURRENCY 200
#define SMPP_PARTS_DEFAULT 10

struct smpp_settings {
    json_t *json; /* the strings live here */
    const char *smsc, *ca, *system_id, *password, *system_type, *country, *language;
    struct kit_words words;
    struct pdu_address source;
    char source_text[NUMBER_BYTES];
    enum sms_coding zero, one;
    enum sms_concat concat;
    enum dlr_ids receipt_ids;
    bool is_tls, is_pair, transliterate, wants_receipts, retries_unknown;
    uint32_t window, response_ms, enquire_ms, rate, parts_max, part_ms;
};

/* A message of the centre that is to be answered when it is safe. */
struct delivery {
    struct session *session;
    uint32_t generation, command, sequence;
};

struct smpp {
    const struct draht_host *h;
    void *host;
    struct smpp_settings set;
    struct loop *loop;
    struct transfers *transfers;
    struct session *out, *in; /* the same with a transceiver */
    char trouble[2][160];     /* of out and in */
    struct loop_timer *tick;
    struct smpp_job *jobs; /* in the order they came */
    size_t jobs_n, replies_n;
    int64_t paused_until_ms, pause_ms, started_ms;
    struct kit_bucket bucket;
    struct loop_timer *pump_timer;
    struct smpp_group *groups; /* long messages that are not whole, oldest first */
    size_t groups_n, group_bytes;
    size_t loading; /* answers of the store that are still to come */
    bool is_loaded, has_load_failed;
    struct smpp_held *held; /* receipts that nobody knows yet */
    size_t held_n;
    struct smpp_seen *seen;
    size_t seen_at;
    struct smpp_asking *asking; /* whose ids are still being looked up or kept */
    bool is_stopping, is_stopped;
    int stopping_n;
    struct loop_timer *stop_timer;
    draht_done_fn stopped;
    void *stopped_arg;
};

extern const struct draht_option smpp_option_rows[];
/* 0, or negative with a sentence in err (256 bytes). */
int smpp_settings_parse(struct smpp_settings *s, const char *options_json, char *err);
void smpp_settings_free(struct smpp_settings *s);

/* ---- out ---- */
int smpp_out_send(struct smpp *c, const struct draht_outbound *m, struct draht_token *t);
/* A short text of our own (answers to STOP and HELP); not tried again. */
void smpp_out_reply(struct smpp *c, const char *number, struct span text);
void smpp_out_pump(struct smpp *c);
void smpp_out_answer(void *channel, void *request, const struct pdu *p);
void smpp_out_tick(struct smpp *c);
/* What has not gone out is given back; what is open stays open. */
void smpp_out_give_up(struct smpp *c);
void smpp_out_free(struct smpp *c);
/* 32 hex digits that stand for a text in names of states. */
void smpp_hash(struct smpp *c, const char *kind, struct span text, char out[33]);

/* ---- in ---- */
/* One message as its PDU says it. Pure. */
struct smpp_read {
    char from[NUMBER_BYTES], to[NUMBER_BYTES];
    struct sms_head head; /* total -1: whole */
    bool is_sar;
    enum sms_coding coding;
    struct buf body; /* octets for sms_decode, owned */
    const char *warnings[4];
    size_t warnings_n;
};
void smpp_read(const struct pdu *p, const char *country, enum sms_coding zero, enum sms_coding one,
               struct smpp_read *out);
void smpp_in_message(void *channel, struct session *s, const struct pdu *p);
void smpp_answer(const struct delivery *d, uint32_t status);
/* PDU_OK for the delivery of that id. */
void smpp_answer_stored(struct smpp *c, const char *id, const struct delivery *d);
/* One whole text: decoded, not yet cleaned. */
struct smpp_text {
    struct delivery d; /* session NULL: nobody waits */
    char external_id[80], from[NUMBER_BYTES], to[NUMBER_BYTES];
    struct span text;
    const char *warnings[4];
    size_t warnings_n;
    void (*done)(void *arg, int status); /* before the answer; may be NULL */
    void *arg;
};
/* Copies what it keeps. */
void smpp_in_accept(struct smpp *c, const struct smpp_text *t);

/* ---- repeated deliveries ---- */
#define SMPP_REPEAT_MS (10 * 60 * 1000)
#define SMPP_SEEN_MAX 1024
struct smpp_seen {
    uint8_t hash[16];
    char id[80];
    uint32_t generation;
    const struct session *session;
    int64_t stored_ms; /* 0: not yet */
    bool is_told;      /* the connection that brought it last has heard that it is stored */
};
/* is_stored: what that delivery said is safe already. */
typedef void (*smpp_seen_fn)(void *arg, const char *id, bool is_stored);
/* Gives the id of this delivery: a new one, or that of the delivery it repeats (the connection
 * broke before our answer). The id is on disk by then. id NULL: the store cannot be reached. */
void smpp_seen_ask(struct smpp *c, const struct session *s, const struct pdu *p, smpp_seen_fn fn,
                   void *arg);
/* Whether deliveries may repeat what an earlier process took in. */
bool smpp_seen_is_young(const struct smpp *c);
/* The delivery id is stored, and d is being told so now. An answer to a connection that is gone, or
 * to one that has brought it since on another, tells nobody: the delivery goes on being a
 * repetition. */
void smpp_seen_stored(struct smpp *c, const char *id, const struct delivery *d);

/* ---- long messages ---- */
struct smpp_part {
    struct delivery d;
    char id[80], from[NUMBER_BYTES], to[NUMBER_BYTES];
    uint32_t ref;
    bool is_ref16, is_sar, is_repeated;
    uint8_t total, number;
    enum sms_coding coding;
    uint8_t single, locking;
    struct span bytes;
};
void smpp_parts_add(struct smpp *c, const struct smpp_part *p);
/* Reads what was there before the process; is_loaded says that it is done. */
void smpp_parts_load(struct smpp *c);
void smpp_parts_tick(struct smpp *c);
void smpp_parts_free(struct smpp *c);

/* ---- receipts ---- */
void smpp_receipt(struct smpp *c, const struct delivery *d, const struct dlr *r);
void smpp_receipts_tick(struct smpp *c);
void smpp_receipts_free(struct smpp *c);

/* ---- words ---- */
/* Whether the whole text is one of the words; then it is dealt with and answered. */
bool smpp_words(struct smpp *c, const struct smpp_text *t);
/* Name of the state that says somebody wants no messages. */
void smpp_stop_key(struct smpp *c, struct span number, char out[40]);

int smpp_normalize(const char *raw, size_t n, char **out, char *err);

#endif
