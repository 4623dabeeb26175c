/* SPDX-License-Identifier: EUPL-1.2 */
/* log: one line an event on stderr, written with one call so that lines do not mix. Not a place for
 * personal data; it redacts registered secrets only as a second line of defence. */
#include "gateway/base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/buf.h"
#include "gateway/base/clock.h"

#define TEXT_MAX_BYTES 4096
#define SECRETS_MAX 256
#define SECRET_MIN_BYTES 6

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum log_level threshold = LOG_INFO;
static char *secrets[SECRETS_MAX];
static size_t secrets_n;

void log_set_level(enum log_level level) {
    threshold = level;
}

void log_redact(const char *secret) {
    if (!secret || strlen(secret) < SECRET_MIN_BYTES)
        return;
    pthread_mutex_lock(&lock);
    bool is_known = secrets_n == SECRETS_MAX;
    for (size_t i = 0; i < secrets_n && !is_known; i++)
        is_known = strcmp(secrets[i], secret) == 0;
    if (!is_known)
        secrets[secrets_n++] = xstrdup(secret);
    pthread_mutex_unlock(&lock);
}

/* The longest registered secret that starts at p, or 0: a shorter one may be its prefix. */
static size_t secret_at(const char *p) {
    size_t longest = 0;
    for (size_t i = 0; i < secrets_n; i++) {
        size_t n = strlen(secrets[i]);
        if (n > longest && strncmp(p, secrets[i], n) == 0)
            longest = n;
    }
    return longest;
}

static void add_escaped(struct buf *line, const char *p) {
    while (*p) {
        size_t n = secret_at(p);
        unsigned char c = (unsigned char)*p;
        if (n) {
            buf_adds(line, "[redacted]");
            p += n;
            continue;
        }
        if (c == '\n')
            buf_adds(line, "\\n");
        else if (c == '\r')
            buf_adds(line, "\\r");
        else if (c == '\t')
            buf_adds(line, "\\t");
        else if (c < 0x20 || c == 0x7f)
            buf_addf(line, "\\x%02x", c);
        else
            buf_add(line, p, 1);
        p++;
    }
}

void log_event(enum log_level level, const char *event, const char *fmt, ...) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if (level < threshold || level < LOG_DEBUG || level > LOG_ERROR)
        return;
    char text[TEXT_MAX_BYTES], now[CLOCK_RFC3339_BYTES];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    clock_rfc3339(clock_ms(&clock_system), now);
    struct buf line = {0};
    buf_addf(&line, "%s %s %s ", now, names[level], event);
    pthread_mutex_lock(&lock);
    add_escaped(&line, n < 0 ? "" : text);
    buf_adds(&line, "\n");
    ssize_t written = write(STDERR_FILENO, line.p, line.n);
    (void)written; /* a full or closed stderr must not stop the service */
    pthread_mutex_unlock(&lock);
    buf_free(&line);
}
