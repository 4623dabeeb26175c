/* SPDX-License-Identifier: EUPL-1.2 */
/* mime_encode: bytes to the seven-bit, short-line form that every relay carries unchanged. */
#include "channels/email/mime_encode.h"

#define LINE_MAX_CHARS 76
#define WORD_BYTES_MAX 42 /* 56 characters of base64 in a word of at most 75 */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64_run(struct buf *out, const unsigned char *p, size_t n) {
    char four[4];
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)p[i] << 16;
        if (i + 1 < n)
            v |= (unsigned)p[i + 1] << 8;
        if (i + 2 < n)
            v |= p[i + 2];
        four[0] = alphabet[v >> 18];
        four[1] = alphabet[(v >> 12) & 63];
        four[2] = i + 1 < n ? alphabet[(v >> 6) & 63] : '=';
        four[3] = i + 2 < n ? alphabet[v & 63] : '=';
        buf_add(out, four, 4);
    }
}

void mime_encode_base64(struct buf *out, struct span bytes) {
    const size_t line = LINE_MAX_CHARS / 4 * 3;
    for (size_t i = 0; i < bytes.n; i += line) {
        size_t n = bytes.n - i < line ? bytes.n - i : line;
        base64_run(out, (const unsigned char *)bytes.p + i, n);
        buf_add(out, "\r\n", 2);
    }
}

static bool qp_is_plain(unsigned char c) {
    return (c >= 33 && c <= 126 && c != '=') || c == ' ' || c == '\t';
}

void mime_encode_qp(struct buf *out, struct span text) {
    size_t column = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool is_crlf = c == '\r' && i + 1 < text.n && text.p[i + 1] == '\n';
        if (is_crlf)
            continue;
        if (c == '\n') {
            buf_add(out, "\r\n", 2);
            column = 0;
            continue;
        }
        bool ends_line = i + 1 == text.n || text.p[i + 1] == '\n' || text.p[i + 1] == '\r';
        /* White space at a line's end gets lost; "From " and a lone dot mean something to old
         * tools. */
        bool is_plain = qp_is_plain(c) && !(ends_line && (c == ' ' || c == '\t')) &&
                        !(column == 0 && (c == '.' || c == 'F'));
        size_t need = is_plain ? 1 : 3;
        if (column + need > LINE_MAX_CHARS - 1) {
            buf_add(out, "=\r\n", 3);
            column = 0;
        }
        if (is_plain)
            buf_add(out, &text.p[i], 1);
        else
            buf_addf(out, "=%02X", c);
        column += need;
    }
    if (column)
        buf_add(out, "\r\n", 2);
}

static size_t word_length(struct span s) {
    if (s.n <= WORD_BYTES_MAX)
        return s.n;
    size_t n = WORD_BYTES_MAX;
    while (n > WORD_BYTES_MAX - 4 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static bool is_control(char c) {
    return (unsigned char)c < 0x20 || c == 0x7f;
}

void mime_encode_words(struct buf *out, struct span text) {
    bool is_first = true;
    while (text.n > 0) {
        size_t n = word_length(text);
        char word[WORD_BYTES_MAX + 1];
        for (size_t i = 0; i < n; i++)
            word[i] = is_control(text.p[i]) ? ' ' : text.p[i];
        if (!is_first)
            buf_adds(out, "\r\n ");
        buf_adds(out, "=?UTF-8?B?");
        base64_run(out, (const unsigned char *)word, n);
        buf_adds(out, "?=");
        text = (struct span){text.p + n, text.n - n};
        is_first = false;
    }
}

void mime_encode_phrase(struct buf *out, struct span name) {
    bool is_ascii = name.n <= 60, has_marks = false;
    for (size_t i = 0; i < name.n && is_ascii; i++) {
        unsigned char c = (unsigned char)name.p[i];
        is_ascii = c >= 0x20 && c < 0x7f && !(c == '=' && i + 1 < name.n && name.p[i + 1] == '?');
        has_marks |= strchr("()<>[]:;@\\,.\"", c) != NULL;
    }
    if (!is_ascii) {
        mime_encode_words(out, name);
    } else if (!has_marks) {
        buf_add(out, name.p, name.n);
    } else {
        buf_add(out, "\"", 1);
        for (size_t i = 0; i < name.n; i++) {
            if (name.p[i] == '"' || name.p[i] == '\\')
                buf_add(out, "\\", 1);
            buf_add(out, &name.p[i], 1);
        }
        buf_add(out, "\"", 1);
    }
}

/* Both forms beside each other would be safer for ancient readers, but common ones then take the
 * plain one and lose the letters. */
void mime_encode_file_name(struct buf *out, const char *parameter, struct span name) {
    bool is_ascii = true;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        is_ascii = is_ascii && c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
    }
    if (is_ascii) {
        buf_addf(out, ";\r\n %s=\"%.*s\"", parameter, (int)name.n, name.p);
        return;
    }
    buf_addf(out, ";\r\n %s*=UTF-8''", parameter);
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                        (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_';
        if (is_plain)
            buf_add(out, &name.p[i], 1);
        else
            buf_addf(out, "%%%02X", c);
    }
}
