/* The inside of a trit_gguf, for the readers that fill one: gguf.c, and llama2c.c, which presents another container as if it were
 * GGUF. */
#ifndef TRIT_IO_GGUF_PARTS_H
#define TRIT_IO_GGUF_PARTS_H

#include "io/io.h"
#include "io/names.h"

struct trit_gguf {
    trit_file_map map;
    bool owns_map;
    uint32_t version; /* 0: no GGUF file, but one presented like it */
    uint64_t n_kv, n_tensors;
    trit_gguf_kv *kv;     /* [n_kv] */
    trit_tensor *tensors; /* [n_tensors] */
    uint8_t *made;        /* owned: names and values that the file does not hold as GGUF has them; NULL: none */
    trit_names keys, names;
    trit_gguf_conclusion conclusion[8]; /* [n_conclusions], each once */
    size_t n_conclusions;
};

#endif
