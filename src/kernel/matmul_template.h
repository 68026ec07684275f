/* The product of matrices of one tier: portable loops on the compiler's vectors, for whatever instructions the including file is built.
 * That file names the function in MATMUL and the width of its vectors in VECTOR_BYTES. */
#ifndef TRIT_KERNEL_MATMUL_TEMPLATE_H
#define TRIT_KERNEL_MATMUL_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernel/variants.h"

#define SUM(y, a, b) ((y) + (a) * (b))

#define T float
#define U float
#define NAME(x) x##_f32
#define MULADD SUM
#include "kernel/matmul_type.h"

#define T double
#define U double
#define NAME(x) x##_f64
#define MULADD SUM
#include "kernel/matmul_type.h"

#define T uint8_t
#define U unsigned
#define NAME(x) x##_u8
#define MULADD SUM
#include "kernel/matmul_type.h"

#define T uint16_t
#define U unsigned
#define NAME(x) x##_u16
#define MULADD SUM
#include "kernel/matmul_type.h"

#define T uint32_t
#define U uint32_t
#define NAME(x) x##_u32
#define MULADD SUM
#include "kernel/matmul_type.h"

#define T uint64_t
#define U uint64_t
#define NAME(x) x##_u64
#define MULADD SUM
#include "kernel/matmul_type.h"

#define T uint8_t
#define U unsigned
#define NAME(x) x##_bool
#define MULADD(y, a, b) ((y) | ((a) & (b)))
#include "kernel/matmul_type.h"

void MATMUL(const trit_matmul *p) {
    switch (p->type) {
    case trit_dtype_f32: matmul_f32(p); break;
    case trit_dtype_f64: matmul_f64(p); break;
    case trit_dtype_i16: matmul_u16(p); break;
    case trit_dtype_i32: matmul_u32(p); break;
    case trit_dtype_i64: matmul_u64(p); break;
    case trit_dtype_bool: matmul_bool(p); break;
    default: matmul_u8(p); break;
    }
}

#endif
