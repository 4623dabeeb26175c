/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * inner: what the files of the router share behind its door (router.h): the struct, sealed
 * envelopes, keys of contacts, small helpers. Nobody outside router/ includes it.
 */
#ifndef DRAHT_ROUTER_INNER_H
#define DRAHT_ROUTER_INNER_H

#include "gateway/base/id.h"
#include "router/memo.h"
#include "router/router.h"
#include "router/store.h"

#define ENVELOPE_ID_BYTES 16                  /* a contact's id: 12 random bytes as base64url */
#define ENVELOPE_HEAD (1 + ENVELOPE_ID_BYTES) /* 'S' and the id, before the sealed bytes */
#define PREVIEW_BYTES 160
#define INDEX_WORDS_MAX 6 /* of a ticket's subject and sender */

struct contact { /* whose key seals something */
    char id[ENVELOPE_ID_BYTES + 1];
    uint8_t key[CRYPTO_KEY_BYTES];
};

struct contacts; /* contact.c: remembered keys by address hash */
struct contacts *contacts_new(size_t max);
void contacts_free(struct contacts **c);
bool contacts_find(struct contacts *c, const char *hash, struct contact *out);
void contacts_keep(struct contacts *c, const char *hash, const struct contact *k);
void contacts_forget(struct contacts *c, const char *id); /* the contact of this id is erased */

#define KNOWN_NAME_BYTES 65
struct known { /* known.c: of the tickets read last */
    char ticket[24];
    struct contact contact;
    char channel[KNOWN_NAME_BYTES], channel_type[KNOWN_NAME_BYTES];
};
struct router;
struct known_table;
struct known_table *known_new(void);
void known_free(struct known_table **t); /* wipes; accepts NULL, sets NULL */
/* Borrowed until the next call; NULL: not known. */
const struct known *known_find(struct known_table *t, const char *ticket);
void known_keep(struct known_table *t, const struct known *k); /* copied */
/* Remembers what the store said of a ticket, also in out (may be NULL; the caller wipes it).
 * Negative, and nothing is remembered: the key cannot be unwrapped (as contact_from). */
int known_learn(struct router *r, struct span ticket, struct span contact, struct span wrapped,
                struct span channel, struct span channel_type, struct known *out);
void known_forget(struct known_table *t, const char *ticket);
void known_forget_contact(struct known_table *t, const char *id); /* it is erased */

struct blobs; /* blob.c */
struct blobs *blobs_open(struct loop *l, struct crypto *c, const char *state_dir, struct fault *f);
void blobs_close(struct blobs **b); /* only when blobs_is_idle */
bool blobs_is_idle(const struct blobs *b);

struct rules; /* rules.c: the configuration's rules with folded words */
struct rules *rules_new(const struct config *c);
void rules_free(struct rules **r);
struct rules_facts {
    const char *channel;
    struct span recipient, language, subject, text;
    int64_t now_ms;
};
struct rules_verdict { /* strings borrowed from the configuration or the arena */
    const char *queue, *priority, *tags /* joined by commas */, *acknowledge;
};
void rules_apply(const struct rules *r, struct arena *a, const struct rules_facts *f,
                 struct rules_verdict *out);

struct outbox; /* outbox.c */
struct outbox *outbox_new(struct router *r);
void outbox_free(struct outbox **o);
void outbox_ready(struct outbox *o);
void outbox_wake(struct outbox *o, const char *channel);
void outbox_stop(struct outbox *o);
bool outbox_is_idle(const struct outbox *o);

uint64_t backoff_ms(uint32_t attempt,
                    uint32_t random); /* backoff.c: after this attempt, jittered by random */

struct names; /* staff.c: names of staff by id, for lists */
void names_set(struct router *r, const char *id, const char *name);
const char *names_get(const struct router *r, const char *id); /* or NULL */
void names_free(struct router *r);
void names_load(struct router *r);

struct router {
    struct loop *loop;
    struct crypto *crypto;
    const struct clock *clock;
    const struct config *config;
    struct store *store;
    struct blobs *blobs;
    struct contacts *contacts;
    struct known_table *known;
    struct rules *rules;
    struct outbox *outbox;
    json_t *staff_names;
    struct memo *staff_rows; /* memo.c */
    outbox_sender sender;
    void *sender_arg;
    feed_listener listener;
    void *listener_arg;
    void (*on_ready)(void *arg);
    void (*on_fatal)(void *arg, const char *why);
    void *arg;
    uint8_t house_key[CRYPTO_KEY_BYTES]; /* seals staff rows and reasons */
    char instance[ID_BYTES];
    struct loop_timer *minute; /* reminders */
    struct loop_timer *stopping;
    void (*stopped)(void *arg);
    void *stopped_arg;
    int64_t stop_ms;
    size_t open; /* calls of the door that still owe an answer */
    bool is_stopping;
};
static inline int64_t now_of(const struct router *r) {
    return clock_ms(r->clock);
}
struct args *args_new(struct router *r); /* released with args_free */
void args_free(struct args **a);

/* ---- envelopes (message.c): 'S', contact id, bytes sealed under the contact's key ---- */
void envelope_seal(const struct contact *c, struct span plain, struct buf *out);
void envelope_seal_json(const struct contact *c, const json_t *v, struct buf *out);
/* The JSON inside; NULL when it cannot be opened. wrapped: the contact's wrapped key. Returned. */
json_t *envelope_open(const struct router *r, struct span envelope, struct span wrapped);
/* The same with a key that is unwrapped already; NULL, too, when the envelope is another contact's.
 */
json_t *envelope_open_as(const struct contact *c, struct span envelope);
int contact_from(const struct router *r, struct span id, struct span wrapped, struct contact *out);
/* A ticket's f: face and preview as one pair of spans, borrowed. */
void face_split(struct span f, struct span *face, struct span *preview);
bool message_id_split(const char *id, char ticket[24], char n[16]); /* "2026-000001.3" */
void put_time(json_t *v, const char *key, int64_t ms);              /* null when 0 */
/* Addresses, thread keys and external ids become keyed hashes. */
void hash_address(const struct router *r, const char *type, struct span address,
                  char out[CRYPTO_HASH_HEX]);
void hash_external(const struct router *r, const char *channel, struct span id,
                   char out[CRYPTO_HASH_HEX]);
void hash_word(const struct router *r, struct span folded, char out[CRYPTO_HASH_HEX]);
/* Distinct folded words of at least 3 bytes, hashed, appended as arguments; at most max. */
void args_words(const struct router *r, struct args *a, struct span text, int max);
json_t *attachments_json(const struct attachment *list, size_t n);
/* Reads what attachments_json wrote; in the arena. */
struct attachment *attachments_from(struct arena *a, const json_t *list, size_t *n_out);
/* Why a send failed may name the citizen: an envelope like the message itself. */
void reason_seal(const struct contact *c, struct span text, struct buf *out);
/* A row of d:<ticket> in words. */
struct delivery {
    struct span state, channel, reason;
    int64_t attempt, next_ms, at_ms, part, undo_ms, seq, created_ms;
    bool is_automatic;
};
bool delivery_parse(struct span row, struct delivery *out);
/* wrapped: the key of the ticket's contact, for the reason. */
json_t *delivery_json(const struct router *r, const struct delivery *d, struct span wrapped);
/* view.c */
void args_cursor(struct args *a, const char *cursor);
json_t *view_summary(const struct router *r, const struct redis_value *row, json_t **face_out);
struct span view_wrapped(const struct redis_value *row);             /* the contact's wrapped key */
void view_remember(struct router *r, const struct redis_value *row); /* in r->known */
/* Appends a message's text; what an acknowledgement says about its ticket is filled in now that the
 * number is known. */
void view_text(const char *ticket, const json_t *record, struct buf *out);
json_t *view_message(const struct router *r, const char *ticket, int64_t n, const json_t *record,
                     const struct delivery *d, struct span wrapped);
/* One message as the API shows it; ERR_NOT_FOUND. (ticket.c) */
void message_read(struct router *r, const char *ticket, int64_t n, router_json_fn done, void *arg);

#endif
