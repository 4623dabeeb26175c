/* SPDX-License-Identifier: EUPL-1.2 */
/* load: finds the channel under test: a built-in type, a shared object, a program, or the folder of
 * one. */
#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channels/conformance/inner.h"
#include "channels/registry.h"
#include "channels/shared_object.h"
#include "gateway/base/arena.h"

static int load_object(struct conf *k, const char *path, struct fault *f) {
    char err[256];
    k->loaded = shared_object_open(path, &k->library, err);
    return k->loaded ? 0 : fault_set(f, ERR_INVALID, "%s", err);
}

static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
}

static bool ends_in(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n > m && strcmp(s + n - m, end) == 0;
}

/* What a folder holds: its shared object, or else its one program. */
static char *find_in(const char *folder) {
    DIR *d = opendir(folder);
    char *found = NULL;
    bool is_object = false;
    for (struct dirent *e; d && (e = readdir(d));) {
        struct buf b = {0};
        struct stat st;
        buf_addf(&b, "%s/%s", folder, e->d_name);
        bool object = ends_in(e->d_name, ".so");
        bool program = stat(b.p, &st) == 0 && S_ISREG(st.st_mode) && access(b.p, X_OK) == 0;
        if (e->d_name[0] != '.' && (object || program) && !is_object && (object || !found)) {
            free(found);
            found = buf_take(&b, NULL);
            is_object = object;
        }
        buf_free(&b);
    }
    if (d)
        closedir(d);
    return found;
}

static int load_program(struct conf *k, const char *path, struct fault *f) {
    k->loaded = registry_find("exec");
    k->program = realpath(path, NULL);
    if (access(path, X_OK) < 0)
        return fault_set(f, ERR_INVALID,
                         "%s is neither a shared object (.so) nor a program that may be run "
                         "(chmod +x).",
                         path);
    return k->loaded && k->program ? 0 : fault_set(f, ERR_UNSUPPORTED, "%s cannot be run.", path);
}

static int load_file(struct conf *k, const char *target, bool is_folder, struct fault *f) {
    char *path = is_folder ? find_in(target) : xstrdup(target);
    k->here = is_folder ? xstrdup(target) : folder_of(target);
    int rc =
        !path                  ? fault_set(f, ERR_NOT_FOUND,
                                           "%s holds neither a shared object (make it first) nor a program.", target)
        : ends_in(path, ".so") ? load_object(k, path, f)
                               : load_program(k, path, f);
    free(path);
    return rc;
}

int conf_load(struct conf *k, struct fault *f) {
    const char *target = k->o->target;
    struct stat st;
    int rc = 0;
    k->loaded = strchr(target, '/') ? NULL : registry_find(target);
    if (k->loaded && (!strcmp(target, "exec") || !strcmp(target, "shared-object"))) {
        rc = fault_set(f, ERR_INVALID,
                       "%s only carries a channel; name the channel itself: the path of the "
                       "program or of the .so, or its folder.",
                       target);
    } else if (k->loaded) {
        struct buf b = {0};
        buf_addf(&b, "channels/%s", target);
        k->here = buf_take(&b, NULL);
    } else if (stat(target, &st) < 0) {
        rc = fault_set(f, ERR_NOT_FOUND, "there is no channel type and no file \"%s\".", target);
    } else {
        rc = load_file(k, target, S_ISDIR(st.st_mode), f);
    }
    if (rc == 0)
        memcpy(&k->ops, k->loaded,
               k->loaded->size < sizeof k->ops ? k->loaded->size : sizeof k->ops);
    return rc;
}

void conf_unload(struct conf *k) {
    if (k->library)
        dlclose(k->library);
    k->library = NULL;
    free(k->program);
}
