/* SPDX-License-Identifier: EUPL-1.2 */
/* files: whether the files of a reply keep the limits that the channel has told staff. Pure. */
#ifndef DRAHT_CHANNELS_KIT_FILES_H
#define DRAHT_CHANNELS_KIT_FILES_H

#include "channels/kit/kit.h"

/* What is said of a file that does not fit. {name} is the file's name, {max} the limit. */
struct kit_files_words {
    const char *count, *kind, *size, *total; /* NULL: the limits have none of this */
    bool by_content; /* what a file is counts, not what it is called; needs its bytes */
};
/* NULL, or in the arena the sentence about the first file that is beyond the limits. */
const char *kit_files_fault(struct arena *a, const struct draht_files *limits,
                            const struct draht_attachment *files, size_t n,
                            const struct kit_files_words *words);

#endif
