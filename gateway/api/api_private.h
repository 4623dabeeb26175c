/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * api_private: what the files of gateway/api share: the call under way with its session, and
 * answers. auth.c guards every call; nobody outside gateway/api includes this.
 */
#ifndef DRAHT_API_API_PRIVATE_H
#define DRAHT_API_API_PRIVATE_H

#include "gateway/api/api.h"

#define API_NUMBER_BYTES 24
#define API_MESSAGE_BYTES 32
#define API_USER_BYTES 33
#define API_NAME_BYTES 129
#define API_TOKEN_BYTES 56 /* 40 bytes as base64url and a NUL */
#define API_CSRF_BYTES 48
#define API_THREADS 4096
#define API_LOGINS_AT_ONCE 2 /* Argon2id takes a quarter of a gigabyte each */

struct inbox;
struct api_thread { /* where typing and notices of a ticket go; a cache, filled by readings */
    char ticket[API_NUMBER_BYTES];
    char *channel, *thread;
};
struct auth_guess { /* whose session it was the last time (auth.c) */
    char hash[CRYPTO_HASH_HEX], user[API_USER_BYTES];
};
#define AUTH_GUESSES 256
struct api_bound;
struct api {
    struct api_options o;
    struct api_bound *bound; /* routes of ours, for freeing */
    struct inbox *inbox;
    bool is_ready, is_stopping;
    int logins;
    struct api_thread threads[API_THREADS];
    struct auth_guess guesses[AUTH_GUESSES];
};

#define API_SCOPE_BYTES (API_USER_BYTES + API_QUEUES_MAX * 33)

struct api_user {
    char id[API_USER_BYTES], name[API_NAME_BYTES], language[17];
    char scope[API_SCOPE_BYTES]; /* what it may see, as router.h has it; "": everything */
    bool is_admin;
    int64_t epoch; /* raised with each new password: older sessions end */
};
struct api_call { /* lives in the exchange's arena until the answer */
    struct api *api;
    struct http_exchange *x;
    unsigned flags;
    void (*fn)(struct api_call *c);
    char token[API_TOKEN_BYTES];
    char hash[CRYPTO_HASH_HEX]; /* of the token: the session's key */
    char number[API_NUMBER_BYTES], message[API_MESSAGE_BYTES];
    struct span tail; /* what follows the number in the path */
    struct api_user user;
    json_t *session, *body;
    void *work;
};
typedef void (*api_call_fn)(struct api_call *c);

#define API_BODY 1u /* a JSON object (absent: empty) */
#define API_ADMIN 2u
/* What a route is about; one of them. Without, it is closed to whoever sees own offices only. */
#define API_TICKET 4u  /* the path goes on with a ticket's number: c->number */
#define API_MESSAGE 8u /* the path goes on with a message's id: c->message, c->number */
#define API_LIST 16u   /* the handler passes c->user.scope to the router */
#define API_PLAIN 32u  /* nothing of any ticket goes in or out */
struct api_row {       /* one route; borrowed forever */
    const char *methods, *path;
    unsigned flags;
    api_call_fn fn;
};
void api_rows(struct api *a, const struct api_row *rows, size_t n);
/* access.c: what an account may see; the gate of every call, which then calls fn or answers. */
bool access_is_own(const struct config *k, const json_t *account);
void access_scope(const struct config *k, const json_t *account, const char *id,
                  char out[API_SCOPE_BYTES]);
bool access_sees(const struct api_user *u, const json_t *summary);
void access_gate(struct api_call *c);
/* For a number that does not come from the path; arg of done is the call. */
void access_ticket(struct api_call *c, const char *number, router_done_fn done);

/* Answers 401, 403 or 404 by itself, otherwise calls fn with user, body and what the path names. */
void auth_enter(struct api *a, struct http_exchange *x, unsigned flags, api_call_fn fn);
/* Whether the pair of cookie and CSRF token is ours; no store needed. Answers 401 or 403 otherwise.
 */
bool auth_on_head(void *api, struct http_exchange *x);
void auth_routes(struct api *a);
/* Token of a raw Cookie header, its form and signature checked; the session is not. */
bool auth_cookie_token(const struct api *a, struct span cookie, char token[API_TOKEN_BYTES]);
void auth_token_hash(const struct api *a, const char *token, char hash[CRYPTO_HASH_HEX]);
/* Looks session and account up; user NULL when there is none (error says why: ERR_NOT_FOUND or the
 * store's). */
typedef void (*auth_check_fn)(void *arg, int error, const struct api_user *user, json_t *session);
void auth_check(struct api *a, const char *hash, auth_check_fn done, void *arg);

/* v is taken (json_decref). */
void api_answer(struct api_call *c, int status, json_t *v);
void api_answer_empty(struct api_call *c);
void api_problem(struct api_call *c, int status, const char *code, const char *detail);
void api_fail(struct api_call *c, int error);
/* Forms of router's completions: arg is the call. */
void api_done(void *arg, int error);                 /* 204 */
void api_done_json(void *arg, int error, json_t *v); /* 200 */
const char *api_query(struct api_call *c, const char *name, const char *fallback);
int api_query_int(struct api_call *c, const char *name, int fallback, int min, int max);
void api_route(struct api *a, const char *methods, const char *path, http_handler_fn fn);
bool api_peer_is_loopback(const char *peer);
void api_no_path(struct api_call *c);
bool api_word_is_of(const char *w, const char *const *list); /* list ends in NULL */
/* The conversation's channel hears what the citizen may know. */
void api_tell_channel(struct api_call *c, const char *what, const char *detail);
bool api_number_is_valid(struct span s);
bool api_message_is_valid(struct span s);

/* Turns the *_ms members of v into RFC 3339 *_at members; deep. */
void api_times(json_t *v);
const struct api_thread *api_thread_of(struct api *a, const char *ticket); /* or NULL */
/* Takes the conversation's key out of a summary: staff do not need it, the cache does. */
void api_thread_learn(struct api *a, json_t *summary);
json_t *api_channels(struct api *a);
json_t *api_settings(struct api *a);

void change_ticket(struct api_call *c);
void tickets_routes(struct api *a);
void messages_routes(struct api *a);
void admin_routes(struct api *a);
void desk_routes(struct api *a);
/* The answer c->message as a page to print. */
void letter_show(struct api_call *c, const struct config_channel *desk);
void health_routes(struct api *a);
void health_count(const struct feed_event *e);
void assets_routes(struct api *a);
struct inbox *inbox_new(struct api *a);
void inbox_feed(struct inbox *i, const struct feed_event *e);
void inbox_typing(struct inbox *i, const char *ticket, const char *id, const char *name, bool on);
/* Its sockets are checked at once; one that may see something else now is closed with 1012. */
void inbox_account_changed(struct inbox *i, const char *user);
void inbox_session_ended(struct inbox *i, const char *hash);
void inbox_stop(struct inbox *i);
void inbox_free(struct inbox **i);

#endif
