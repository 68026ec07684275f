/* Elements of memory as lanes of a v16, for the templates of the float kernels; the including file has chosen its tier's v16 before. */
#ifndef TRIT_KERNEL_ELEMENTS_H
#define TRIT_KERNEL_ELEMENTS_H

#include <stddef.h>
#include <string.h>

#include "kernel/kernel.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum kind { kind_f32, kind_f16, kind_bf16 }; /* always a constant, so that the switches vanish */

ALWAYS_INLINE size_t kind_bytes(enum kind kind) {
    return kind == kind_f32 ? 4 : 2;
}

ALWAYS_INLINE v16 load(enum kind kind, const void *p) {
    switch (kind) {
    case kind_f32: return v16_load(p);
    case kind_f16: return v16_load_f16(p);
    default: return v16_load_bf16(p);
    }
}

/* n < 16 elements, the other lanes +0.0f */
static inline v16 load_part(enum kind kind, const void *p, size_t n) {
    unsigned char buffer[16 * sizeof(float)] = {0};
    memcpy(buffer, p, n * kind_bytes(kind));
    return load(kind, buffer);
}

static inline void store_part(float *p, v16 v, size_t n) {
    float buffer[16];
    v16_store(buffer, v);
    memcpy(p, buffer, n * sizeof *p);
}

/* Asks for part i of n of the rows that follow a span. Beyond them a prefetch does no harm. */
ALWAYS_INLINE void fetch_next(const trit_kv_span *s, size_t i, size_t n) {
    if (!s->next) return;
    const unsigned char *p = s->next;
    const size_t bytes = s->n * s->stride;
    for (size_t at = bytes * i / n / 64 * 64; at < bytes * (i + 1) / n; at += 64) __builtin_prefetch(p + at);
}

#endif
