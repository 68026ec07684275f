/* Elements made from their number alone, so that any part of the team makes any part of them. */
#include <math.h>

#include "base/math.h"
#include "base/rng.h"
#include "device/cpu/calls.h"

static double normal(uint64_t seed, uint64_t i) {
    double sine, cosine;
    trit_sincos(6.283185307179586 * trit_rng_unit(seed, 2 * i + 1), &sine, &cosine);
    return sqrt(-2.0 * trit_log(1.0 - trit_rng_unit(seed, 2 * i))) * cosine; /* 1 - u is in (0, 1] */
}

/* Below 1 in the type that it becomes: cut to its digits, not rounded. */
static double unit_of(trit_dtype to, double u) {
    const double steps = to == trit_dtype_f32 ? 0x1p24 : to == trit_dtype_f16 ? 0x1p11 : to == trit_dtype_bf16 ? 0x1p8 : 0x1p53;
    return floor(u * steps) / steps;
}

static double element(const trit_call *call, int64_t i, int64_t n) {
    const trit_attrs *a = &call->attrs;
    switch (call->kind) {
    case trit_op_rand: return unit_of(call->out.dtype, trit_rng_unit((uint64_t)a->n, (uint64_t)i));
    case trit_op_randn: return normal((uint64_t)a->n, (uint64_t)i);
    default: return a->n && i == n - 1 ? a->c : a->a + (double)i * a->b;
    }
}

/* The upper half of 64 x 64 bits: uniform below `range` to within range / 2^64. */
static uint64_t below(uint64_t range, uint64_t bits) {
    const uint64_t a = bits >> 32, b = bits & 0xffffffffu, c = range >> 32, d = range & 0xffffffffu;
    const uint64_t middle = a * d + (b * d >> 32), low = b * c + (middle & 0xffffffffu);
    return a * c + (middle >> 32) + (low >> 32);
}

typedef struct generate_work {
    const cpu_device *cpu;
    const trit_call *call;
    int64_t n;
} generate_work;

static void generate_range(void *arg, int64_t first, int64_t last) {
    const generate_work *w = arg;
    const trit_call *call = w->call;
    cpu_cursor out;
    trit_cpu_cursor_init(&out, w->cpu, &call->out, call->type, first);
    for (int64_t at = first; at < last; at += trit_cpu_block) {
        const int64_t n = last - at < trit_cpu_block ? last - at : trit_cpu_block;
        void *y = trit_cpu_cursor_target(&out);
        for (int64_t i = 0; i < n; i++) {
            if (call->kind == trit_op_randint) {
                const uint64_t bits = trit_rng_u64((uint64_t)call->attrs.n, (uint64_t)(at + i));
                ((int64_t *)y)[i] = (int64_t)((uint64_t)call->attrs.n2 + below((uint64_t)call->attrs.n3, bits));
            } else {
                ((double *)y)[i] = element(call, at + i, w->n);
            }
        }
        trit_cpu_cursor_store(&out, (size_t)n);
    }
}

trit_status trit_cpu_call_generate(cpu_device *cpu, const trit_call *call, trit_error *err) {
    (void)err;
    const int64_t n = trit_view_n_elements(&call->out);
    trit_cpu_parallel(cpu, n, trit_cpu_block, 8 * n, generate_range, &(generate_work){cpu, call, n});
    return trit_ok;
}
