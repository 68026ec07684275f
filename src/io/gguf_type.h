/* Which element type a type number of a GGUF file means. Forks gave the same numbers to different types, so a number alone
 * does not say; this is the one place that knows. */
#ifndef TRIT_IO_GGUF_TYPE_H
#define TRIT_IO_GGUF_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "tensor/dtype.h"

/* What a file tells about the meaning of its numbers. */
typedef struct trit_gguf_signals {
    int64_t file_type;     /* general.file_type; -1: absent */
    trit_str architecture; /* general.architecture */
    uint64_t alignment;
} trit_gguf_signals;

/* dtype == trit_n_dtypes: a type that trit does not read; then `name` says which ("IQ1_S"), NULL where the number is unknown. */
typedef struct trit_gguf_meaning {
    trit_dtype dtype;
    const char *name;
    unsigned votes;    /* trit_gguf_signal: what spoke for it */
    const char *rival; /* another type of the same number, which had fewer; NULL: none is in use */
} trit_gguf_meaning;

/* `span`: bytes from the tensor's offset to the next one's or the end of the file. */
trit_gguf_meaning trit_gguf_meaning_of(uint32_t id, uint64_t n_rows, uint64_t n_cols, uint64_t span,
                                       const trit_gguf_signals *signals);

#endif
