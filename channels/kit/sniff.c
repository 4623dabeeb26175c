/* SPDX-License-Identifier: EUPL-1.2 */
/* sniff: media types from the first bytes. What a browser might run wins over everything else, so
 * that a picture that is a page as well counts as the page. */
#include "channels/kit/kit.h"

enum { SNIFF_BYTES = 1024 };

static bool has(struct span s, const char *word) {
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= s.n; i++) {
        struct span at = {s.p + i, n};
        if (span_ieq(at, word))
            return true;
    }
    return false;
}

static bool starts(struct span s, const char *magic, size_t n) {
    return s.n >= n && memcmp(s.p, magic, n) == 0;
}

static const char *active_type(struct span head) {
    static const char *const page[] = {"<!doctype html", "<html",   "<script",
                                       "<body",          "<iframe", "<head"};
    if (has(head, "<svg"))
        return "image/svg+xml";
    for (size_t i = 0; i < sizeof page / sizeof *page; i++)
        if (has(head, page[i]))
            return "text/html";
    return NULL;
}

/* Office files are zip archives; the first entries say which. They are never unpacked here. */
static const char *zip_type(struct span bytes) {
    static const struct {
        const char *mark, *type;
    } kinds[] = {
        {"mimetypeapplication/vnd.oasis.opendocument.text",
         "application/vnd.oasis.opendocument.text"},
        {"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
         "application/vnd.oasis.opendocument.spreadsheet"},
        {"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
        {"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    };
    struct span head = {bytes.p, bytes.n < 4096 ? bytes.n : 4096};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (has(head, kinds[i].mark))
            return kinds[i].type;
    return "application/zip";
}

static bool is_text(struct span head) {
    for (size_t i = 0; i < head.n; i++) {
        unsigned char c = (unsigned char)head.p[i];
        if (c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f')
            return false;
    }
    return head.n > 0;
}

const char *kit_sniff(struct span bytes) {
    static const struct {
        const char *magic;
        size_t n;
        const char *type;
    } magics[] = {{"\x89PNG\r\n\x1a\n", 8, "image/png"},
                  {"\xff\xd8\xff", 3, "image/jpeg"},
                  {"GIF87a", 6, "image/gif"},
                  {"GIF89a", 6, "image/gif"},
                  {"%PDF-", 5, "application/pdf"},
                  {"OggS", 4, "audio/ogg"},
                  {"ID3", 3, "audio/mpeg"}};
    struct span head = {bytes.p, bytes.n < SNIFF_BYTES ? bytes.n : SNIFF_BYTES};
    const char *active = active_type(head);
    if (active)
        return active;
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (starts(head, magics[i].magic, magics[i].n))
            return magics[i].type;
    if (starts(head, "RIFF", 4) && head.n >= 12 && memcmp(head.p + 8, "WEBP", 4) == 0)
        return "image/webp";
    if (head.n >= 12 && memcmp(head.p + 4, "ftyphei", 7) == 0)
        return "image/heic";
    if (head.n >= 12 && memcmp(head.p + 4, "ftyp", 4) == 0)
        return "video/mp4";
    if (starts(head, "PK\x03\x04", 4))
        return zip_type(bytes);
    return is_text(head) ? "text/plain" : "application/octet-stream";
}

bool kit_type_listed(const char *list, const char *type) {
    size_t type_n = strlen(type);
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, " ,");
        if (n == type_n && memcmp(p, type, n) == 0)
            return true;
        if (n > 1 && p[n - 1] == '*' && type_n >= n - 1 && memcmp(p, type, n - 1) == 0)
            return true;
        p += n;
        p += strspn(p, " ,");
    }
    return false;
}

const char *kit_download_type(const char *type) {
    static const char *const words[] = {"html", "svg", "xml", "script"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasestr(type, words[i]) && strncmp(type, "application/vnd.", 16) != 0)
            return "application/octet-stream";
    return type;
}
