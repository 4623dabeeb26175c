/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * host_log: the log of one channel: each request and its answer, what the channel says
 * (for a program also what it writes to stderr). One JSON object a line, redacted, no content of
 * messages. The newest lines stay in memory; all go to <state>/log/channel-<id>.jsonl (0600), which
 * becomes channel-<id>.1.jsonl when it is full.
 */
#ifndef DRAHT_CHANNELS_HOST_LOG_H
#define DRAHT_CHANNELS_HOST_LOG_H

#include "channels/redact.h"
#include "gateway/base/json.h"

#define HOST_LOG_LINES 500             /* kept in memory */
#define HOST_LOG_FILE_BYTES (2u << 20) /* then the file is rotated */
#define HOST_LOG_PENDING_BYTES                                                                     \
    (256u << 10) /* more is dropped and counted while the disk is slow                             \
                  */

struct host_channel;
struct host_log;
struct http_answer;

/* state_dir NULL: memory only. Returned (host_log_free). */
struct host_log *host_log_new(struct host_channel *c, const char *state_dir);
void host_log_free(struct host_log **l);

/* A request of the channel: url as sent; status 0: none came, error says why. Negative bytes: not
 * known. */
struct host_log_request {
    const char *dir; /* "out": by the channel, "in": to the channel */
    struct span method, url;
    int status, error;
    int64_t ms, bytes_out, bytes_in;
};
void host_log_request(struct host_channel *c, const struct host_log_request *q);
/* Fills q for a request of the channel; returned: the memory its texts lie in (free()). */
char *host_log_begin(struct host_log_request *q, const char *method, const char *url,
                     size_t bytes_out);
/* Writes q with the answer to it. */
void host_log_answered(struct host_channel *c, struct host_log_request *q, int64_t begun_ms,
                       const struct http_answer *a, int64_t bytes_in);
/* Appends the text without secrets and persons, as it may stand in any log. */
void host_log_redact(const struct host_channel *c, const char *text, struct buf *out);
/* level as in draht_host.log. */
void host_log_text(struct host_channel *c, int level, const char *event, const char *text);
/* The newest lines, oldest first, at most limit. Returned (json_decref). */
json_t *host_log_lines(const struct host_log *l, int limit);
/* Path of the file of a channel below state_dir, in out (PATH_MAX). */
void host_log_path(const char *state_dir, const char *id, const char *suffix, char *out);

#endif
