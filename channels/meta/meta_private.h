/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * meta_private: what the files of the three channels share. options.c: settings; meta.c: life,
 * typing; webhook.c: what comes in; media.c: files on their way in; send.c: replies; upload.c:
 * files on their way out; memory.c: the little that is kept between messages.
 */
#ifndef DRAHT_META_PRIVATE_H
#define DRAHT_META_PRIVATE_H

#include "channels/kit/files.h"
#include "channels/kit/multipart.h"
#include "channels/meta/error.h"
#include "channels/meta/event.h"
#include "channels/meta/meta.h"
#include "gateway/base/error.h"

#define META_WINDOW_MS (24LL * 3600 * 1000)
#define META_AGENT_WINDOW_MS                                                                       \
    (7 * META_WINDOW_MS)  /* messages that a person writes, when allowed                           \
                           */
#define META_POSTS_MAX 64 /* webhook requests under way; more get 503 */
#define META_SENT_KEPT 50 /* ids per citizen that a read mark may still mean */
#define META_FILE_BYTES_MAX (100ull << 20)

struct meta_settings {
    char *app_secret, *verify_token, *access_token, *account, *node, *api, *template_name,
        *template_language;
    bool marks_read, has_agent;
};
struct meta_post; /* one webhook request under way */
struct meta_send; /* one reply under way */

struct meta {
    const struct draht_host *h;
    void *host;
    enum meta_flavour flavour;
    struct meta_settings s;
    struct meta_post *posts;
    size_t posts_n;
    struct meta_send *sends;
    struct kit_pause pause;      /* a limit of the account */
    struct kit_told typing_told; /* the conversation that was last told that staff type */
    bool is_stopping;
    draht_done_fn stopped;
    void *stopped_arg;
};

/* options.c. 0, or negative with a sentence in err. */
extern const struct draht_option whatsapp_option_rows[], messenger_option_rows[],
    instagram_option_rows[];
int meta_settings_read(enum meta_flavour f, const char *json, struct meta_settings *s, char *err);
void meta_settings_free(struct meta_settings *s);

/* meta.c. A request to the API under the channel's token; path is below the versioned root. done
 * may be NULL. content_type NULL: JSON. False: not sent, done will not come. */
bool meta_call(struct meta *m, const char *method, const char *path, const char *content_type,
               struct span body, draht_http_answer_fn done, void *arg);
void meta_log(struct meta *m, int level, const char *event, const char *text);
void meta_idle(struct meta *m); /* says stopped when nothing is under way any more */

/* normalize.c */
int whatsapp_normalize(const char *raw, size_t n, char **out, char *err);
int messenger_normalize(const char *raw, size_t n, char **out, char *err);
int instagram_normalize(const char *raw, size_t n, char **out, char *err);

/* webhook.c */
void meta_on_verify(void *channel, struct draht_http *x);
void meta_on_post(void *channel, struct draht_http *x);
void meta_posts_drop(struct meta *m);

/* media.c. Fetches one file; done comes once, perhaps within the call, never after close.
 * bytes: in the arena, p NULL with a verdict of why: a sentence, and whether it may work later. */
struct meta_fetched {
    struct span bytes;
    const char *why;
    bool is_passing;
};
typedef void (*meta_fetched_fn)(void *arg, const struct meta_fetched *f);
void meta_fetch(struct meta *m, struct arena *a, const struct meta_file *file, meta_fetched_fn done,
                void *arg);

/* memory.c: when a citizen last wrote, and what was sent to him. */
struct meta_last {
    int64_t at_ms;   /* 0: unknown */
    struct span mid; /* borrowed during the call */
};
typedef void (*meta_last_fn)(void *arg, const struct meta_last *last);
void meta_last_put(struct meta *m, struct span thread, int64_t at_ms, struct span mid);
void meta_last_get(struct meta *m, struct span thread, meta_last_fn done, void *arg);
void meta_sent_put(struct meta *m, struct span thread, int64_t at_ms, struct span mid);
/* A receipt of the state for everything sent until at_ms; done when all are stored. */
void meta_sent_reached(struct meta *m, struct span thread, int64_t at_ms, uint32_t state,
                       draht_done_fn done, void *arg);

/* send.c */
struct draht_text meta_text_limits(const struct meta *m);
int meta_send(void *channel, const struct draht_outbound *m, struct draht_token *t);
void meta_sends_drop(struct meta *m);
/* A message object's beginning up to the content: whom it is for. b gets an open JSON object. */
void meta_address(const struct meta *m, struct buf *b, struct span recipient);
void meta_mark_read(struct meta *m, struct span recipient, struct span mid, bool with_typing);

/* upload.c: the multipart body of a file; the caller frees b->body. kind: "image", "audio",
 * "video", "document" or "file", as the API calls it. */
void meta_upload_body(const struct meta *m, const struct draht_attachment *x,
                      struct kit_multipart *b);
/* NULL, or in the arena why the provider would not take these files. */
const char *meta_files_fault(const struct meta *m, struct arena *a,
                             const struct draht_attachment *files, size_t n);
/* Tells staff the limits of files and texts. */
void meta_offer_limits(struct meta *m);
const char *meta_file_kind(const struct meta *m, const struct draht_attachment *x);

#endif
