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

/* Asks for the rows that are wanted soon, in equal steps. Into the second level: the first one has room for too few lines on their way. */
typedef struct fetch {
    const unsigned char *at, *end;
    size_t step;
} fetch;

ALWAYS_INLINE fetch fetch_in_steps(const trit_kv_span *s, uint32_t n) {
    const uint32_t n_bytes = s->next ? (uint32_t)(s->n_next * s->stride) : 0;
    const unsigned char *p = s->next;
    return (fetch){p, p ? p + n_bytes : p, (n_bytes / (n ? n : 1) + 63) / 64 * 64};
}

ALWAYS_INLINE void fetch_step(fetch *f) {
    for (size_t left = f->step; left && f->at < f->end; left -= 64, f->at += 64) __builtin_prefetch(f->at, 0, 2);
}

#endif
