/* SPDX-License-Identifier: EUPL-1.2 */
/* shared_object: code of the operator inside our process. It is looked at from outside as far as
 * that goes: symbol, major version, size, required functions. It runs with our rights; programs
 * (channels/exec) are the way for what is not trusted. */
#include "channels/shared_object.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channels/settings.h"

#define SYMBOL "draht_channel_plugin"
#define OPS_BYTES_MIN (offsetof(struct draht_channel_ops, send) + sizeof(void *))
#define OPS_BYTES_MAX 65536
#define OPTIONS_BYTES_MAX ((size_t)1 << 20)
#define SAY(...) (snprintf(err, 256, __VA_ARGS__), NULL)

static const struct draht_option options[] = {
    {"path", DRAHT_OPT_STRING, NULL, 1, 1000, NULL, DRAHT_OPT_REQUIRED,
     "The object: a full path, or relative to where draht is started."},
    {"settings", DRAHT_OPT_TREE, NULL, 0, 0, NULL, 0, "The object's own options."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL},
};
const struct draht_channel_ops shared_object_ops = {
    .size = sizeof(struct draht_channel_ops), .type = "shared-object", .options = options};

/* What the loader says, without the path in front that we name ourselves. */
static const char *reason(const char *full) {
    const char *why = dlerror();
    size_t n = strlen(full);
    if (!why)
        return "no reason was given";
    return strncmp(why, full, n) == 0 && strncmp(why + n, ": ", 2) == 0 ? why + n + 2 : why;
}

const struct draht_channel_ops *shared_object_open(const char *path, void **object_out, char *err) {
    char full[PATH_MAX];
    draht_plugin_fn plugin;
    if (!realpath(path, full) || access(full, R_OK) < 0)
        return SAY("%.200s cannot be read.", path);
    void *object = dlopen(full, RTLD_NOW | RTLD_LOCAL);
    if (!object)
        return SAY("%.110s cannot be loaded: %.120s.", path, reason(full));
    void *symbol = dlsym(object, SYMBOL);
    const struct draht_channel_ops *ops = NULL;
    if (symbol) {
        memcpy(&plugin, &symbol, sizeof plugin);
        ops = plugin(DRAHT_ABI_MAJOR);
    }
    if (ops) {
        *object_out = object;
        return ops;
    }
    dlclose(object);
    return symbol ? SAY("%.150s does not speak major version %d of the border: " SYMBOL
                        "(%d) gave NULL.",
                        path, DRAHT_ABI_MAJOR, DRAHT_ABI_MAJOR)
                  : SAY("%.150s has no function " SYMBOL ".", path);
}

/* The table as far as the object filled it in. */
static bool is_usable(const struct draht_channel_ops *ops, const char *path, char *err) {
    struct draht_channel_ops seen = {0};
    if (ops->size < OPS_BYTES_MIN || ops->size > OPS_BYTES_MAX) {
        snprintf(err, 256, "%.120s: its table says %u bytes; at least %zu are needed.", path,
                 ops->size, OPS_BYTES_MIN);
        return false;
    }
    memcpy(&seen, ops, ops->size < sizeof seen ? ops->size : sizeof seen);
    const char *missing = !seen.type || !*seen.type ? "type"
                          : !seen.open              ? "open"
                          : !seen.start             ? "start"
                          : !seen.stop              ? "stop"
                          : !seen.close             ? "close"
                          : !seen.send              ? "send"
                                                    : NULL;
    if (missing)
        snprintf(err, 256, "%.150s: its table has no %s.", path, missing);
    return !missing;
}

const struct draht_channel_ops *shared_object_load(const char *options_json, char **settings_out,
                                                   char *err) {
    char why[SETTINGS_ERR_BYTES];
    json_t *o = json_parse(span_str(options_json), OPTIONS_BYTES_MAX, NULL);
    const char *path = json_str(o, "path", "");
    void *object;
    const struct draht_channel_ops *ops = shared_object_open(path, &object, err);
    if (ops && !is_usable(ops, path, err))
        ops = NULL;
    json_t *settings =
        ops ? settings_check(json_object_get(o, "settings"), ops->options, why) : NULL;
    if (ops && !settings) {
        snprintf(err, 256, "settings: %.240s.", why);
        ops = NULL;
    }
    if (ops)
        *settings_out = json_text(settings);
    json_decref(settings);
    json_decref(o);
    return ops;
}
