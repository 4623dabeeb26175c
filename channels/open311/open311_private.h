/* SPDX-License-Identifier: EUPL-1.2 */
/* open311_private: what the files of the GeoReport server share. */
#ifndef DRAHT_CHANNELS_OPEN311_PRIVATE_H
#define DRAHT_CHANNELS_OPEN311_PRIVATE_H

#include <stdio.h>
#include <stdlib.h>

#include "channels/kit/form.h"
#include "channels/kit/kit.h"
#include "channels/open311/open311.h"
#include "gateway/base/clock.h"
#include "gateway/base/crypto.h"
#include "gateway/base/error.h"
#include "gateway/base/json.h"
#include "gateway/base/utf8.h"

#define GEO_DESCRIPTION_MAX 4000 /* code points, from the specification */
#define GEO_FIELD_BYTES_MAX 1000 /* every other text of a report */
#define GEO_FILES_MAX 5
#define GEO_SERVICES_MAX 500
#define GEO_ATTRIBUTES_MAX 50
#define GEO_VALUES_MAX 200
#define GEO_DAYS_MS (90LL * 86400000)
#define GEO_LIST_MAX 1000
#define GEO_DEPTH_MAX 100000 /* reports that pages may lead to */
#define GEO_IDS_MAX 100
#define GEO_DEDUPE_MS (10LL * 60000)
#define GEO_ID_HEX 33
#define GEO_NOTES_BYTES_MAX 8000

struct open311 {
    const struct draht_host *h;
    void *host;
    char *id;
    json_t *o;        /* options with defaults */
    json_t *services; /* array, checked */
    struct kit_peers *readers;
    bool is_stopping;
    size_t pending; /* requests whose answer is still to come */
    draht_done_fn stopped;
    void *stopped_arg;
};

/* One request; freed by geo_answer or geo_errors. */
struct geo_call {
    struct open311 *g;
    struct draht_http *x;
    struct arena *arena;
    bool is_xml;
    json_t *errors;
};

/* ---- definition.c: what the operator offers ---- */
/* A checked copy of the option "services", returned; NULL with a sentence in err. */
json_t *geo_services_read(const json_t *given, char err[256]);
/* Borrowed, NULL when there is none. */
const json_t *geo_service(const struct open311 *g, const char *code);
json_t *geo_service_row(const json_t *service);        /* as in the list; returned */
json_t *geo_service_definition(const json_t *service); /* with its attributes; returned */

/* ---- wire.c: one tree, two notations ---- */
/* Objects become elements; in arrays each item is called by the singular of the array's name. null
 * is an empty element. root is the name of the outermost element. */
void geo_xml(struct buf *b, const char *root, const json_t *v);
void geo_json(struct buf *b, const json_t *v);
/* Answers and frees c; v is taken. */
void geo_answer(struct geo_call *c, int status, const char *root, json_t *v);
/* Notes {code, description} (cleaned). */
void geo_error(struct geo_call *c, int code, const char *description);
/* Answers with the noted errors; the first one's code is the status. Frees c. */
void geo_errors(struct geo_call *c);
void geo_fail(struct geo_call *c, int code, const char *description); /* both */

/* ---- report.c: a form becomes a report ---- */
struct geo_report { /* in the arena of the call */
    const json_t *service;
    const char *service_code;
    struct span api_key, jurisdiction, device, email, first_name, last_name, phone, description,
        media_url, address, address_id, lat, lng;
    bool has_place;
    double latitude, longitude; /* when it has one */
    struct buf details;         /* lines for staff: attributes; geo_report_free */
    const struct form_field *files[GEO_FILES_MAX];
    size_t files_n;
};
/* Notes what is wrong in c->errors. */
void geo_report_read(struct geo_call *c, const struct form *f, struct geo_report *r);
void geo_report_free(struct geo_report *r);
/* The bytes that make two reports the same. */
struct span geo_report_same(struct arena *a, const struct geo_report *r);
/* Decimal degrees with a point; 0 or ERR_INVALID. */
int geo_degrees(struct span s, double max, double *out);
bool geo_url_sound(struct span s);
bool geo_email_sound(struct span s);
/* Without mail addresses, telephone numbers and the given names, for public eyes. In the arena. */
struct span geo_redact(struct arena *a, struct span text, const struct span *names, size_t names_n);

/* ---- post.c, list.c, open311.c ---- */
void geo_post(struct open311 *g, struct draht_http *x); /* POST requests */
void geo_requests(struct geo_call *c);                  /* GET requests */
void geo_request(struct geo_call *c, const char *id);   /* GET requests/{id} */
void geo_token(struct geo_call *c, const char *token);  /* GET tokens/{token} */
struct geo_call *geo_call_new(struct open311 *g, struct draht_http *x, bool is_xml); /* returned */
void geo_call_free(struct geo_call *c);
/* Whether the request names a known jurisdiction; otherwise the error is noted. */
bool geo_jurisdiction(struct geo_call *c, struct span given);
/* Key of the state of one report. In the arena. */
struct draht_span geo_key(struct arena *a, const char *number);
int open311_send(void *channel, const struct draht_outbound *m, struct draht_token *t);
int open311_normalize(const char *raw, size_t n, char **out, char *err);

#endif
