/* SPDX-License-Identifier: EUPL-1.2 */
/* tnef_helper: the child's side of tnef.h. Reads one winmail.dat from stdin, writes its files to
 * stdout. Whatever happens in here ends with this process, not with Draht. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ytnef.h>

#include "channels/email/email.h"
#include "channels/email/tnef.h"
#include "gateway/base/buf.h"
#include "gateway/base/crypto.h"

#define INPUT_BYTES_MAX ((size_t)100 * 1024 * 1024)
#define MEMORY_BYTES_MAX ((rlim_t)1024 * 1024 * 1024)
#define CPU_SECONDS_MAX 5

#if defined(__SANITIZE_ADDRESS__)
#define HAS_SHADOW_MEMORY 1
#else
#define HAS_SHADOW_MEMORY 0
#endif

static void lock_down(void) {
    struct rlimit cpu = {CPU_SECONDS_MAX, CPU_SECONDS_MAX}, none = {0, 0};
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_FSIZE, &none);
    setrlimit(RLIMIT_NPROC, &none);
    if (!HAS_SHADOW_MEMORY) {
        struct rlimit memory = {MEMORY_BYTES_MAX, MEMORY_BYTES_MAX};
        setrlimit(RLIMIT_AS, &memory);
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void read_all(struct buf *in) {
    char chunk[65536];
    size_t n;
    while (in->n < INPUT_BYTES_MAX && (n = fread(chunk, 1, sizeof chunk, stdin)) > 0)
        buf_add(in, chunk, n);
}

static void put_b64(const void *p, size_t n) {
    char *text = xcalloc(4 * ((n + 2) / 3) + 1, 1);
    crypto_b64url(p, n, text);
    fputs(text, stdout);
    free(text);
}

static struct span text_of(const variableLength *v) {
    if (!v || !v->data || v->size <= 0)
        return SPAN_NONE;
    return (struct span){(const char *)v->data, strnlen((const char *)v->data, (size_t)v->size)};
}

static variableLength *property(Attachment *at, unsigned int tag) {
    variableLength *v = MAPIFindProperty(&at->MAPI, tag);
    return v == MAPI_UNDEFINED || !v || !v->data || v->size <= 0 ? NULL : v;
}

static void put_file(Attachment *at) {
    variableLength *data = &at->FileData;
    if (!data->data || data->size <= 0)
        data = property(at, PROP_TAG(PT_BINARY, PR_ATTACH_DATA_OBJ));
    if (!data)
        return;
    struct span name = text_of(property(at, PROP_TAG(PT_STRING8, PR_ATTACH_LONG_FILENAME)));
    if (name.n == 0)
        name = text_of(property(at, PROP_TAG(PT_UNICODE, PR_ATTACH_LONG_FILENAME)));
    if (name.n == 0)
        name = text_of(&at->Title);
    put_b64(name.p, name.n);
    putchar(' ');
    put_b64(data->data, (size_t)data->size);
    putchar('\n');
}

int email_tnef_helper_main(void) {
    lock_down();
    struct buf in = {0};
    read_all(&in);
    TNEFStruct tnef;
    TNEFInitialize(&tnef);
    tnef.Debug = 0;
    if (TNEFParseMemory((BYTE *)in.p, (long)in.n, &tnef) < 0)
        _exit(1);
    int files = 0;
    for (Attachment *at = tnef.starting_attach.next; at && files < TNEF_FILES_MAX;
         at = at->next, files++)
        put_file(at);
    puts(".");
    fflush(stdout);
    _exit(0); /* nothing is freed: the process is over */
}
