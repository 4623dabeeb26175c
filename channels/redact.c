/* SPDX-License-Identifier: EUPL-1.2 */
/* redact: errs on the side of hiding: an operator who lacks a detail can ask the provider's log, a
 * secret that was written down cannot be taken back. */
#include "channels/redact.h"

#include <ctype.h>
#include <stdlib.h>

#include "gateway/base/error.h"
#include "gateway/base/json.h"

#define SECRETS_MAX 64
#define OPTIONS_BYTES_MAX (1u << 20)

struct redact {
    char *secrets[SECRETS_MAX];
    size_t n;
};

static void remember(struct redact *r, const json_t *v) {
    const char *key, *s = json_string_value(v);
    size_t i;
    json_t *item;
    if (s && strlen(s) >= REDACT_SECRET_BYTES_MIN && r->n < SECRETS_MAX)
        r->secrets[r->n++] = xstrdup(s);
    if (json_is_array(v))
        json_array_foreach(v, i, item) remember(r, item);
    if (json_is_object(v))
        json_object_foreach((json_t *)v, key, item) remember(r, item);
}

struct redact *redact_new(const struct draht_option *options, const char *json) {
    struct redact *r = xcalloc(1, sizeof *r);
    json_t *o = json ? json_parse(span_str(json), OPTIONS_BYTES_MAX, NULL) : NULL;
    for (const struct draht_option *row = options; o && row && row->name; row++)
        if (row->flags & DRAHT_OPT_SECRET)
            remember(r, json_object_get(o, row->name));
    json_decref(o);
    return r;
}

void redact_free(struct redact **rp) {
    struct redact *r = *rp;
    if (!r)
        return;
    *rp = NULL;
    for (size_t i = 0; i < r->n; i++)
        free(r->secrets[i]);
    free(r);
}

/* The longest secret that begins here, or 0: one may be the beginning of another. */
static size_t secret_at(const struct redact *r, struct span s) {
    size_t longest = 0;
    for (size_t i = 0; r && i < r->n; i++) {
        size_t n = strlen(r->secrets[i]);
        if (n > longest && n <= s.n && memcmp(s.p, r->secrets[i], n) == 0)
            longest = n;
    }
    return longest;
}

static void add_without_secrets(const struct redact *r, struct span s, struct buf *out) {
    for (size_t i = 0; i < s.n;) {
        size_t n = secret_at(r, (struct span){s.p + i, s.n - i});
        if (n)
            buf_adds(out, REDACT_MARK);
        else
            buf_add(out, s.p + i, 1);
        i += n ? n : 1;
    }
}

static bool has_long_number(struct span s) {
    size_t run = 0;
    for (size_t i = 0; i < s.n; i++) {
        run = isdigit((unsigned char)s.p[i]) ? run + 1 : 0;
        if (run >= REDACT_DIGITS_MIN)
            return true;
    }
    return false;
}

static bool is_telling(struct span s) {
    return s.n > REDACT_SEGMENT_BYTES_MAX || memchr(s.p, '@', s.n) || memchr(s.p, '!', s.n) ||
           memchr(s.p, '%', s.n) || has_long_number(s);
}

static void add_path(struct span path, struct buf *out) {
    while (path.p) {
        struct span piece = span_cut(&path, '/');
        if (piece.n && is_telling(piece))
            buf_adds(out, REDACT_MARK);
        else
            buf_add(out, piece.p, piece.n);
        if (path.p)
            buf_adds(out, "/");
    }
}

static void add_query(struct span query, struct buf *out) {
    const char *mark = "?";
    while (query.p) {
        struct span pair = span_cut(&query, '&');
        struct span name = span_cut(&pair, '=');
        buf_adds(out, mark);
        if (pair.p && !is_telling(name))
            buf_add(out, name.p, name.n);
        buf_adds(out, pair.p ? "=" REDACT_MARK : REDACT_MARK);
        mark = "&";
    }
}

/* "scheme://user:password@host:port" without the user; the rest begins with the path. */
static struct span add_authority(struct span url, struct buf *out) {
    const char *at = memmem(url.p, url.n, "://", 3);
    if (!at)
        return url;
    struct span rest = {at + 3, url.n - (size_t)(at + 3 - url.p)};
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/')
        n++;
    struct span host = {rest.p, n};
    for (size_t i = 0; i < n; i++)
        if (rest.p[i] == '@')
            host = (struct span){rest.p + i + 1, n - i - 1};
    buf_add(out, url.p, (size_t)(at + 3 - url.p));
    buf_add(out, host.p, host.n);
    return (struct span){rest.p + n, rest.n - n};
}

void redact_url(const struct redact *r, struct span url, struct buf *out) {
    struct buf b = {0};
    struct span rest = url.p ? url : SPAN("");
    rest = span_cut(&rest, '#');
    struct span path = span_cut(&rest, '?');
    path = add_authority(path, &b);
    add_path(path, &b);
    add_query(rest, &b);
    add_without_secrets(r, buf_span(&b), out);
    buf_free(&b);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '"' || c == '\'' || c == ',' ||
           c == ';' || c == '<' || c == '>' || c == '(' || c == ')';
}

/* Words behind which a secret stands. */
static bool announces(struct span word) {
    static const char *const words[] = {"bearer",        "basic",  "authorization:", "token",
                                        "access_token:", "token:", "password:",      "api_key:",
                                        "apikey:",       "secret:"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (span_ieq(word, words[i]))
            return true;
    return false;
}

static bool is_assigned_secret(struct span word) {
    static const char *const names[] = {
        "access_token=", "token=", "api_key=", "apikey=", "password=", "secret=", "signature="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (memmem(word.p, word.n, names[i], strlen(names[i])))
            return true;
    return false;
}

static bool hides(struct span word) {
    return memchr(word.p, '@', word.n) || has_long_number(word) || is_assigned_secret(word) ||
           word.n > 2 * REDACT_SEGMENT_BYTES_MAX;
}

/* A telephone number written with blanks: "+49 30" and the words of digits behind it. */
static bool goes_on_as_number(struct span word, bool was_number) {
    size_t i = word.n && word.p[0] == '+';
    if ((!i && !was_number) || word.n == i)
        return false;
    for (; i < word.n; i++)
        if (!isdigit((unsigned char)word.p[i]) && !strchr("-/.", word.p[i]))
            return false;
    return true;
}

static void add_word(struct span word, bool is_secret, struct buf *out) {
    if (memmem(word.p, word.n, "://", 3))
        redact_url(NULL, word, out);
    else if (is_secret || hides(word))
        buf_adds(out, REDACT_MARK);
    else
        buf_add(out, word.p, word.n);
}

void redact_text(const struct redact *r, struct span text, struct buf *out) {
    struct buf plain = {0}, b = {0};
    add_without_secrets(r, text, &plain);
    bool is_next_secret = false, is_number = false;
    size_t end = plain.n < REDACT_TEXT_BYTES_MAX ? plain.n : REDACT_TEXT_BYTES_MAX;
    for (size_t i = 0; i < end;) {
        size_t n = 0;
        while (i + n < end && !is_blank(plain.p[i + n]))
            n++;
        struct span word = {plain.p + i, n};
        if (n) {
            bool scheme = announces(word);
            is_number = goes_on_as_number(word, is_number);
            add_word(word, (is_next_secret && !scheme) || is_number, &b);
            is_next_secret = scheme;
        } else {
            buf_add(&b, plain.p + i, 1);
            n = 1;
        }
        i += n;
    }
    buf_add(out, b.p ? b.p : "", b.n);
    buf_free(&b);
    buf_free(&plain);
}
