/* Functions of single elements, and copies: each member of the team walks a part of the result. */
#include <string.h>

#include "base/error.h"
#include "device/cpu/calls.h"

/* The map of an op, or trit_n_maps for a copy. */
static const trit_map map_of[trit_n_op_kinds] = {
#define TRIT_MAP1(name, where, types, result, meaning) [trit_op_##name] = trit_map_##name,
#define TRIT_MAP2(name, where, types, result, meaning) [trit_op_##name] = trit_map_##name,
#include "tensor/maps.def"
#undef TRIT_MAP1
#undef TRIT_MAP2
    [trit_op_copy] = trit_n_maps,
};

static const bool is_test[trit_n_maps] = {
#define IS_same false
#define IS_bool true
#define TRIT_MAP1(name, where, types, result, meaning) [trit_map_##name] = IS_##result,
#define TRIT_MAP2(name, where, types, result, meaning) [trit_map_##name] = IS_##result,
#include "tensor/maps.def"
#undef TRIT_MAP1
#undef TRIT_MAP2
};

/* Where all elements lie as the kernel wants them, nothing is gained by blocks that stay in the caches, and short ones keep the processor
 * from fetching ahead. */
enum { direct_block = 64 * trit_cpu_block };

static void map_range(void *arg, int64_t first, int64_t last) {
    const cpu_call *w = arg;
    const trit_call *call = w->call;
    const trit_map map = map_of[call->kind];
    const trit_dtype result = map == trit_n_maps ? call->type : is_test[map] ? trit_dtype_bool : call->type;
    cpu_cursor in[2], out;
    trit_cpu_cursor_init(&in[0], w->cpu, &call->in[0], call->type, first);
    if (call->n_in > 1) trit_cpu_cursor_init(&in[1], w->cpu, &call->in[1], call->type, first);
    trit_cpu_cursor_init(&out, w->cpu, &call->out, result, first);
    const bool is_direct = out.is_direct && in[0].is_direct && (call->n_in == 1 || in[1].is_direct);
    const int64_t step = is_direct ? direct_block : trit_cpu_block;
    for (int64_t at = first; at < last; at += step) {
        const size_t n = (size_t)(last - at < step ? last - at : step);
        const void *a = trit_cpu_cursor_load(&in[0], n), *b = call->n_in > 1 ? trit_cpu_cursor_load(&in[1], n) : NULL;
        void *y = trit_cpu_cursor_target(&out);
        if (map == trit_n_maps)
            memmove(y, a, n * trit_dtype_bytes(call->type));
        else if (b)
            w->cpu->kernels->map2(map, call->type, y, a, b, n);
        else
            w->cpu->kernels->map1(map, call->type, y, a, n);
        trit_cpu_cursor_store(&out, n);
    }
}

/* Whole powers of whole numbers, before anything is written. */
static trit_status check_exponents(const cpu_device *cpu, const trit_call *call, trit_error *err) {
    cpu_cursor c;
    trit_cpu_cursor_init(&c, cpu, &call->in[1], trit_dtype_i64, 0);
    for (int64_t left = c.is_single ? 1 : trit_view_n_elements(&call->in[1]); left > 0; left -= trit_cpu_block) {
        const size_t n = (size_t)(left < trit_cpu_block ? left : trit_cpu_block);
        const int64_t *b = trit_cpu_cursor_load(&c, n);
        for (size_t i = 0; i < n; i++)
            if (b[i] < 0) return trit_error_set(err, trit_arg, "pow: a whole number to the %lld is no whole number", (long long)b[i]);
    }
    return trit_ok;
}

trit_status trit_cpu_call_map(cpu_device *cpu, const trit_call *call, trit_error *err) {
    const int64_t n = trit_view_n_elements(&call->out);
    if (!trit_dtype_is_plain(call->in[0].dtype) || !trit_dtype_is_plain(call->out.dtype)) return trit_cpu_copy_blocks(cpu, call, err);
    if (call->kind == trit_op_pow && !trit_dtype_is_float(call->type) && n > 0) {
        trit_status status = check_exponents(cpu, call, err);
        if (status != trit_ok) return status;
    }
    trit_cpu_parallel(cpu, n, trit_cpu_block, n, map_range, &(cpu_call){cpu, call});
    return trit_ok;
}
