/* Functions of single elements, and copies: each member of the team walks a part of the result. */
#include <string.h>

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

static void map_range(void *arg, int64_t first, int64_t last) {
    const cpu_call *w = arg;
    const trit_call *call = w->call;
    const trit_map map = map_of[call->kind];
    const trit_dtype result = map == trit_n_maps ? call->type : is_test[map] ? trit_dtype_bool : call->type;
    cpu_cursor in[2], out;
    for (uint32_t i = 0; i < call->n_in; i++) trit_cpu_cursor_init(&in[i], w->cpu, &call->in[i], call->type, first);
    trit_cpu_cursor_init(&out, w->cpu, &call->out, result, first);
    for (int64_t at = first; at < last; at += trit_cpu_block) {
        const size_t n = (size_t)(last - at < trit_cpu_block ? last - at : trit_cpu_block);
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

trit_status trit_cpu_call_map(cpu_device *cpu, const trit_call *call, trit_error *err) {
    (void)err;
    const int64_t n = trit_view_n_elements(&call->out);
    trit_cpu_parallel(cpu, n, trit_cpu_block, n, map_range, &(cpu_call){cpu, call});
    return trit_ok;
}
