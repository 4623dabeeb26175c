/* SPDX-License-Identifier: EUPL-1.2 */
/* notify: one datagram; nobody listening is fine. */
#include "gateway/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void notify_state(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (*path == '@')
        to.sun_path[0] = 0;
    char text[128];
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    /* systemd wants the time of a reload, and ignores the line otherwise */
    snprintf(text, sizeof text, "%s\nMONOTONIC_USEC=%lld", state,
             (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to, n);
    close(fd);
}
