/* SPDX-License-Identifier: EUPL-1.2 */
/* frame: names and types of every member are checked here, so that the session sees only sound
 * frames. */
#include "channels/webchat/frame.h"

#include <stdlib.h>

static const struct {
    const char *name;
    enum frame_kind kind;
} kinds[] = {{"msg", FRAME_MESSAGE},   {"typing", FRAME_TYPING}, {"got", FRAME_GOT},
             {"read", FRAME_READ},     {"ping", FRAME_PING},     {"hello", FRAME_HELLO},
             {"upload", FRAME_UPLOAD}, {"lang", FRAME_LANG},     {"email", FRAME_EMAIL},
             {"end", FRAME_END},       {"person", FRAME_PERSON}, {"feedback", FRAME_FEEDBACK}};

/* Absent and null give p NULL; another type is a fault. */
static bool text_of(const json_t *o, const char *key, struct span *out) {
    const json_t *v = json_object_get(o, key);
    if (!v || json_is_null(v))
        return true;
    if (!json_is_string(v))
        return false;
    *out = (struct span){json_string_value(v), json_string_length(v)};
    return true;
}

static int files_of(const json_t *o, struct frame *f) {
    const json_t *list = json_object_get(o, "files");
    if (!list || json_is_null(list))
        return 0;
    if (!json_is_array(list))
        return ERR_INVALID;
    if (json_array_size(list) > FRAME_FILES_MAX)
        return ERR_TOO_LARGE;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_string(v))
            return ERR_INVALID;
        f->files[f->files_n++] = (struct span){json_string_value(v), json_string_length(v)};
    }
    return 0;
}

static int number_of(const json_t *o, const char *key, uint64_t *out) {
    const json_t *v = json_object_get(o, key);
    if (!v || json_is_null(v))
        return 0;
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return ERR_INVALID;
    *out = (uint64_t)json_integer_value(v);
    return 0;
}

static bool has_seq(enum frame_kind k) {
    return k == FRAME_GOT || k == FRAME_READ;
}

int frame_from_json(json_t *v, struct frame *out) {
    struct frame f = {0};
    const char *t = json_str(v, "t", NULL);
    for (size_t i = 0; t && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, t) == 0)
            f.kind = kinds[i].kind;
    if (!f.kind)
        return ERR_INVALID;
    if (!text_of(v, "cid", &f.cid) || !text_of(v, "text", &f.text) ||
        !text_of(v, "token", &f.token) || !text_of(v, "lang", &f.lang) ||
        !text_of(v, "address", &f.address) || !text_of(v, "answer", &f.answer))
        return ERR_INVALID;
    if (f.cid.n > FRAME_CID_BYTES_MAX)
        return ERR_TOO_LARGE;
    if (f.kind == FRAME_MESSAGE && f.cid.n == 0)
        return ERR_INVALID;
    int rc = number_of(v, f.kind == FRAME_HELLO ? "last_seq" : "seq", &f.seq);
    if (rc == 0 && has_seq(f.kind) && !json_object_get(v, "seq"))
        rc = ERR_INVALID;
    if (rc == 0 && f.kind == FRAME_MESSAGE)
        rc = files_of(v, &f);
    if (rc < 0)
        return rc;
    f.is_on = json_flag(v, "on", false);
    f.root = json_incref(v);
    *out = f;
    return 0;
}

static int hex4(const char *p) {
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9'                     ? c - '0'
                : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                         : -1;
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

/* JavaScript writes half characters as \ud83d, which no parser takes: they become \ufffd, NUL as
 * well. */
static char *repaired(struct span text) {
    char *out = xstrndup(text.p, text.n);
    for (size_t i = 0; i + 1 < text.n; i++) {
        if (out[i] != '\\')
            continue;
        int v = out[i + 1] == 'u' && i + 6 <= text.n ? hex4(out + i + 2) : -1;
        if (v < 0) {
            i++;
            continue;
        }
        int low =
            i + 12 <= text.n && out[i + 6] == '\\' && out[i + 7] == 'u' ? hex4(out + i + 8) : -1;
        bool is_pair = v >= 0xd800 && v < 0xdc00 && low >= 0xdc00 && low < 0xe000;
        if (!is_pair && (v == 0 || (v >= 0xd800 && v < 0xe000)))
            memcpy(out + i + 2, "fffd", 4);
        i += is_pair ? 11 : 5;
    }
    return out;
}

int frame_parse(struct span text, struct frame *out) {
    if (text.n > FRAME_BYTES_MAX)
        return ERR_TOO_LARGE;
    json_t *v = json_parse(text, FRAME_BYTES_MAX, NULL);
    if (!v && text.n) {
        char *again = repaired(text);
        v = json_parse((struct span){again, text.n}, FRAME_BYTES_MAX, NULL);
        free(again);
    }
    int rc = json_is_object(v) ? frame_from_json(v, out) : ERR_INVALID;
    json_decref(v);
    return rc;
}

void frame_free(struct frame *f) {
    json_decref(f->root);
    f->root = NULL;
}
