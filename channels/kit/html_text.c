/* SPDX-License-Identifier: EUPL-1.2 */
/* html_text: tags become line ends, entities become characters, scripts and styles vanish. */
#include "channels/kit/html_text.h"

#include <stdlib.h>

#include "gateway/base/buf.h"

struct html {
    struct span in;
    size_t i;
    struct buf out;
    size_t quote_at; /* out.n where the history began */
    bool is_quoted, is_pre;
    int newlines; /* at the end of out */
    bool space;   /* one is due before the next word */
};

static void put(struct html *h, const char *p, size_t n) {
    if (h->space && h->newlines == 0)
        buf_add(&h->out, " ", 1);
    h->space = false;
    buf_add(&h->out, p, n);
    h->newlines = 0;
}

static void line_end(struct html *h, int wanted) {
    h->space = false;
    if (h->out.n == 0)
        return;
    while (h->newlines < wanted) {
        buf_add(&h->out, "\n", 1);
        h->newlines++;
    }
}

static void put_code_point(struct html *h, unsigned long c) {
    char u[4];
    size_t n = 0;
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return;
    if (c == 0xa0) {
        h->space = true;
        return;
    }
    if (c < 0x80) {
        u[n++] = (char)c;
    } else if (c < 0x800) {
        u[n++] = (char)(0xc0 | (c >> 6));
    } else if (c < 0x10000) {
        u[n++] = (char)(0xe0 | (c >> 12));
        u[n++] = (char)(0x80 | ((c >> 6) & 0x3f));
    } else {
        u[n++] = (char)(0xf0 | (c >> 18));
        u[n++] = (char)(0x80 | ((c >> 12) & 0x3f));
        u[n++] = (char)(0x80 | ((c >> 6) & 0x3f));
    }
    if (c >= 0x80)
        u[n++] = (char)(0x80 | (c & 0x3f));
    put(h, u, n);
}

static const struct {
    const char *name;
    unsigned long c;
} entities[] = {{"amp", '&'},       {"lt", '<'},       {"gt", '>'},       {"quot", '"'},
                {"apos", '\''},     {"nbsp", 0xa0},    {"auml", 0xe4},    {"ouml", 0xf6},
                {"uuml", 0xfc},     {"Auml", 0xc4},    {"Ouml", 0xd6},    {"Uuml", 0xdc},
                {"szlig", 0xdf},    {"euro", 0x20ac},  {"ndash", 0x2013}, {"mdash", 0x2014},
                {"hellip", 0x2026}, {"bdquo", 0x201e}, {"ldquo", 0x201c}, {"rdquo", 0x201d},
                {"lsquo", 0x2018},  {"rsquo", 0x2019}, {"sbquo", 0x201a}, {"eacute", 0xe9},
                {"egrave", 0xe8},   {"agrave", 0xe0},  {"ccedil", 0xe7},  {"sect", 0xa7},
                {"copy", 0xa9},     {"reg", 0xae},     {"deg", 0xb0},     {"bull", 0x2022},
                {"laquo", 0xab},    {"raquo", 0xbb},   {"middot", 0xb7},  {"times", 0xd7}};

/* At '&'. Anything that is no entity stays as it is. */
static void entity(struct html *h) {
    struct span rest = {h->in.p + h->i + 1, h->in.n - h->i - 1};
    if (rest.n > 12)
        rest.n = 12;
    const char *end = memchr(rest.p, ';', rest.n);
    if (!end || end == rest.p) {
        put(h, "&", 1);
        h->i++;
        return;
    }
    struct span name = {rest.p, (size_t)(end - rest.p)};
    h->i += name.n + 2;
    if (name.p[0] == '#') {
        char digits[16] = {0};
        bool is_hex = name.n > 1 && (name.p[1] == 'x' || name.p[1] == 'X');
        memcpy(digits, name.p + 1 + is_hex, name.n - 1 - is_hex);
        put_code_point(h, strtoul(digits, NULL, is_hex ? 16 : 10));
        return;
    }
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        if (span_eq(name, entities[i].name)) {
            put_code_point(h, entities[i].c);
            return;
        }
    }
    put(h, name.p - 1, name.n + 2);
}

static bool has(struct span s, const char *word) {
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= s.n; i++)
        if (span_istarts((struct span){s.p + i, s.n - i}, word))
            return true;
    return false;
}

/* Skips to behind the closing tag of an element whose content is no text. */
static void skip_element(struct html *h, const char *close) {
    size_t n = strlen(close);
    for (; h->i + n <= h->in.n; h->i++)
        if (span_istarts((struct span){h->in.p + h->i, h->in.n - h->i}, close))
            return;
    h->i = h->in.n;
}

static bool is_block(struct span t) {
    static const char *const names[] = {
        "div", "tr", "table", "ul",  "ol",      "h1",      "h2",     "h3",     "h4",        "h5",
        "h6",  "li", "hr",    "pre", "section", "article", "header", "footer", "blockquote"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (span_ieq(t, names[i]))
            return true;
    return false;
}

/* Where well-known programs begin the history. */
static bool begins_quote(struct span name, struct span attrs) {
    if (span_ieq(name, "blockquote"))
        return has(attrs, "cite") || has(attrs, "gmail_quote");
    return has(attrs, "gmail_quote") || has(attrs, "divRplyFwdMsg") || has(attrs, "appendonsend") ||
           has(attrs, "moz-cite-prefix") || has(attrs, "yahoo_quoted");
}

static void begin_quote(struct html *h) {
    line_end(h, 1);
    h->is_quoted = true;
    h->quote_at = h->out.n;
}

static void put_image(struct html *h, struct span attrs) {
    size_t at = 0;
    while (at + 5 <= attrs.n && !span_istarts((struct span){attrs.p + at, attrs.n - at}, "alt=\""))
        at++;
    if (at + 5 > attrs.n)
        return;
    struct span alt = {attrs.p + at + 5, attrs.n - at - 5};
    const char *end = memchr(alt.p, '"', alt.n);
    alt.n = end ? (size_t)(end - alt.p) : 0;
    if (alt.n == 0 || alt.n > 200)
        return;
    put(h, "[", 1);
    put(h, alt.p, alt.n);
    put(h, "]", 1);
}

static void open_tag(struct html *h, struct span name, struct span attrs) {
    if (!h->is_quoted && begins_quote(name, attrs))
        begin_quote(h);
    if (span_ieq(name, "script"))
        skip_element(h, "</script");
    else if (span_ieq(name, "style"))
        skip_element(h, "</style");
    else if (span_ieq(name, "title"))
        skip_element(h, "</title");
    else if (span_ieq(name, "br"))
        buf_add(&h->out, "\n", 1), h->newlines++, h->space = false;
    else if (span_ieq(name, "p"))
        line_end(h, 2);
    else if (span_ieq(name, "td") || span_ieq(name, "th"))
        h->space = true;
    else if (span_ieq(name, "img"))
        put_image(h, attrs);
    else if (is_block(name))
        line_end(h, 1);
    if (span_ieq(name, "li"))
        put(h, "- ", 2);
    if (span_ieq(name, "pre"))
        h->is_pre = true;
}

/* At '<'. The end of a tag is the next '>' outside quotes; an unclosed one is text. */
static void tag(struct html *h) {
    struct span rest = {h->in.p + h->i, h->in.n - h->i};
    if (rest.n >= 4 && memcmp(rest.p, "<!--", 4) == 0) {
        skip_element(h, "-->");
        h->i += h->i < h->in.n ? 3 : 0;
        return;
    }
    char quote = 0;
    size_t end = 1, limit = rest.n < 65536 ? rest.n : 65536;
    for (; end < limit && (quote || rest.p[end] != '>'); end++) {
        char c = rest.p[end];
        if (quote && c == quote)
            quote = 0;
        else if (!quote && (c == '"' || c == '\'') && rest.p[end - 1] == '=')
            quote = c;
    }
    bool is_tag = rest.n > 1 && (rest.p[1] == '/' || rest.p[1] == '!' || rest.p[1] == '?' ||
                                 (rest.p[1] >= 'A' && rest.p[1] <= 'z'));
    if (end >= limit || !is_tag) {
        put(h, "<", 1);
        h->i++;
        return;
    }
    h->i += end + 1;
    struct span body = {rest.p + 1, end - 1};
    bool is_close = body.n && body.p[0] == '/';
    if (is_close)
        body = (struct span){body.p + 1, body.n - 1};
    size_t n = 0;
    while (n < body.n && body.p[n] > ' ' && body.p[n] != '/')
        n++;
    struct span name = {body.p, n};
    if (!is_close) {
        open_tag(h, name, (struct span){body.p + n, body.n - n});
    } else if (span_ieq(name, "p")) {
        line_end(h, 2);
    } else if (is_block(name)) {
        line_end(h, 1);
        if (span_ieq(name, "pre"))
            h->is_pre = false;
    }
}

static void text_byte(struct html *h) {
    char c = h->in.p[h->i++];
    if (c == '\r')
        return;
    if (c == '\n' && h->is_pre)
        line_end(h, h->newlines + 1);
    else if (c == ' ' || c == '\t' || c == '\n')
        h->space = true;
    else
        put(h, &c, 1);
}

struct span html_text(struct arena *a, struct span html, struct span *quoted) {
    struct html h = {.in = html};
    while (h.i < h.in.n) {
        if (h.in.p[h.i] == '<')
            tag(&h);
        else if (h.in.p[h.i] == '&')
            entity(&h);
        else
            text_byte(&h);
    }
    struct span all = arena_dup(a, buf_span(&h.out));
    buf_free(&h.out);
    if (!h.is_quoted || !quoted)
        return span_trim(all);
    struct span top = span_trim((struct span){all.p, h.quote_at});
    if (top.n == 0)
        return span_trim(all);
    *quoted = span_trim((struct span){all.p + h.quote_at, all.n - h.quote_at});
    return top;
}
