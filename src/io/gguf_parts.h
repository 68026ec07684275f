/* The inside of a trit_gguf, for the readers that fill one: gguf.c, and llama2c.c and pt.c, which present another container as if
 * it were GGUF. */
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
    trit_file_tensor *tensors; /* [n_tensors] */
    uint8_t *made;        /* owned: names and values that the file does not hold as GGUF has them; NULL: none */
    trit_names keys, names;
    trit_gguf_conclusion conclusion[8]; /* [n_conclusions], each once */
    size_t n_conclusions;
};

/* Fills a file object whose room was reckoned before: keys' values and whatever else is made stand one after the other. */
typedef struct trit_gguf_maker {
    trit_gguf *g;
    uint8_t *at; /* in g->made */
} trit_gguf_maker;

/* Room for so many keys and tensors and for n_made bytes. The map is the caller's until it sets owns_map. */
TRIT_MUST_CHECK trit_status trit_gguf_make(trit_gguf_maker *out, trit_file_map map, size_t n_kv, size_t n_tensors, size_t n_made, const char *what,
                                           trit_error *err);
void trit_gguf_make_key(trit_gguf_maker *m, const char *key, trit_gguf_type type, trit_gguf_type item, uint64_t n); /* its value follows */
void trit_gguf_make_u32(trit_gguf_maker *m, const char *key, uint32_t v);  /* 4 bytes */
void trit_gguf_make_f32(trit_gguf_maker *m, const char *key, float v);     /* 4 bytes */
void trit_gguf_make_str(trit_gguf_maker *m, const char *key, trit_str v); /* 8 bytes and the text */
/* Gives the object away, or closes it: names, which differ, are made findable. */
TRIT_MUST_CHECK trit_status trit_gguf_made(trit_gguf **out, trit_gguf_maker *m, trit_error *err);

#endif
