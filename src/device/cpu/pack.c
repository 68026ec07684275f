/* Packed tensors for users: the strategies of quant/pack/ with the loops of this processor. */
#include "quant/pack/pack.h"

#include <stdatomic.h>

#include "base/cpu.h"
#include "base/env.h"
#include "kernel/kernel.h"

/* Of the tier that TRIT_CPU names at the first call (asking the processor may take longer than unpacking a row); where that is no tier,
 * opening a device says so, and here the best one is taken. Threads that come first together find the same. */
static trit_pack_loops loops_here(void) {
    static _Atomic(const trit_kernels *) known;
    const trit_kernels *k = atomic_load_explicit(&known, memory_order_acquire);
    if (!k) {
        trit_cpu_tier tier;
        trit_status status = trit_cpu_best(&tier, trit_env_get("TRIT_CPU"), NULL);
        if (status != trit_ok) status = trit_cpu_best(&tier, NULL, NULL);
        k = trit_kernels_for(status == trit_ok ? tier : trit_cpu_scalar);
        atomic_store_explicit(&known, k, memory_order_release);
    }
    return (trit_pack_loops){k->unpack_two_bit, k->unpack_base3, k->crc32c};
}

trit_status trit_pack(trit_text *out, const trit_pack_matrix *matrix, trit_pack_strategy strategy, trit_error *err) {
    const trit_pack_loops loops = loops_here();
    return trit_pack_with(&loops, out, matrix, strategy, err);
}

trit_status trit_pack_read(trit_pack_info *out, const void *bytes, size_t n_bytes, trit_error *err) {
    const trit_pack_loops loops = loops_here();
    return trit_pack_read_with(&loops, out, bytes, n_bytes, err);
}

trit_status trit_unpack(int8_t *trits, uint64_t n_trits, float *scales, uint64_t n_scales, const void *bytes, size_t n_bytes, trit_error *err) {
    const trit_pack_loops loops = loops_here();
    return trit_unpack_with(&loops, trits, n_trits, scales, n_scales, bytes, n_bytes, err);
}
