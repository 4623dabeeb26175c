/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * session: one bind to a message centre: connects, binds, keeps the link alive, matches answers to
 * requests, refuses what is no SMPP, comes back after a loss with jittered patience. What messages
 * mean is the owner's business.
 */
#ifndef DRAHT_SMPP_SESSION_H
#define DRAHT_SMPP_SESSION_H

#include "channels/smpp/pdu.h"
#include "gateway/net/loop.h"
#include "gateway/net/stream_client.h"

#define SESSION_WINDOW_MAX 1000
#define SESSION_OPEN_DELIVERS_MAX 1000 /* messages whose answer is still to come */

struct session;
struct session_options {
    const char *address, *ca, *system_id, *password, *system_type; /* borrowed while it lives */
    bool is_tls;
    uint32_t command; /* PDU_BIND_... */
    uint32_t window, response_ms, enquire_ms, again_ms;
    void (*random)(void *out, size_t n);
};
struct session_handlers {
    void (*on_bound)(void *arg, struct session *s);
    /* deliver_sm or data_sm: to be answered with session_answer; borrowed. */
    void (*on_message)(void *arg, struct session *s, const struct pdu *p);
    /* Once for each submit. p NULL: it went out, and no answer will come. */
    void (*on_answer)(void *arg, void *request, const struct pdu *p);
    /* Not bound any more, with a sentence. is_final: the login was refused; nobody tries again. */
    void (*on_down)(void *arg, struct session *s, const char *why, bool is_final);
    void (*on_odd)(void *arg, const char *what); /* for the log, no personal data */
    /* A request and its answer, for the log; not for link checks that go well. May be NULL. */
    void (*on_exchange)(void *arg, const char *line);
};

struct session *session_new(struct loop *l, struct transfers *t, const struct session_options *o,
                            const struct session_handlers *h, void *arg);
bool session_is_bound(const struct session *s);
/* Whether one more request fits into the window. */
bool session_has_room(const struct session *s);
/* Sends a submit_sm (its sequence is set here). false: not bound, no room, or too long. */
bool session_submit(struct session *s, struct pdu *p, void *request);
/* Which connection this is; an answer belongs to the connection that asked. */
uint32_t session_generation(const struct session *s);
void session_answer(struct session *s, uint32_t generation, uint32_t command, uint32_t sequence,
                    uint32_t status);
/* unbind, then the connection ends; done runs once, later, also when nothing was bound. Open
 * requests are given back as unanswered. */
void session_stop(struct session *s, void (*done)(void *arg), void *arg);
void session_free(struct session **s);

#endif
