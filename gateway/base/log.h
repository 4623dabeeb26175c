/* SPDX-License-Identifier: EUPL-1.2 */
/* log: one event a line on stderr: time level event key=value... No personal data, ever: ids and
 * counts only. Registered secrets are replaced by [redacted]. */
#ifndef DRAHT_BASE_LOG_H
#define DRAHT_BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level level);
/* copied; every later line has it replaced by [redacted]. Shorter than 6 bytes: ignored. */
void log_redact(const char *secret);
/* event: "outbox.retry", the first word is where to grep. CR, LF and controls in the text are
 * escaped. */
void log_event(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define log_debug(ev, ...) log_event(LOG_DEBUG, ev, __VA_ARGS__)
#define log_info(ev, ...) log_event(LOG_INFO, ev, __VA_ARGS__)
#define log_warn(ev, ...) log_event(LOG_WARN, ev, __VA_ARGS__)
#define log_error(ev, ...) log_event(LOG_ERROR, ev, __VA_ARGS__)

#endif
