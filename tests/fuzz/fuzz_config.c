/* SPDX-License-Identifier: EUPL-1.2 */
/* Any bytes as a configuration file: a config or faults, never both, never a crash. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char path[] = "/tmp/draht-fuzz-XXXXXX";
static void remove_file(void) {
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static int fd = -1;
    struct buf faults = {0};
    if (fd < 0) {
        fd = mkstemp(path);
        atexit(remove_file);
    }
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, n, 0) != (ssize_t)n)
        abort();
    struct config *c = config_load(path, NULL, &faults);
    if (!c == !faults.n)
        abort();
    config_free(&c);
    buf_free(&faults);
    return 0;
}
