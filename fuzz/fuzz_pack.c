/* Fuzzes packed tensors: the input is unpacked as it stands, and once more with its checksum put right, since hostile bytes would have that.
 * What unpacks is packed again by every strategy and must come back. */
#include <stdlib.h>
#include <string.h>

#include "kernel/kernel.h"
#include "tensor/bytes.h"
#include "trit/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { most = 1 << 16 }; /* trits and scales: a header may promise any number of them */

static void require(bool condition) {
    if (!condition) abort();
}

static void pack_again(const trit_pack_matrix *m, trit_pack_strategy strategy, int8_t *room) {
    trit_text packed = {0};
    trit_pack_info info;
    const uint64_t n = m->n_rows * m->n_cols;
    require(trit_pack(&packed, m, strategy, NULL) == trit_ok);
    require(trit_pack_read(&info, packed.data, packed.n, NULL) == trit_ok && info.n_bytes == packed.n);
    require(trit_unpack(room, n, NULL, 0, packed.data, packed.n, NULL) == trit_ok && memcmp(room, m->trits, n) == 0);
    trit_text_fini(&packed);
}

static void unpack(const uint8_t *data, size_t n) {
    trit_pack_info info;
    trit_error err;
    if (trit_pack_read(&info, data, n, &err) != trit_ok) return;
    const uint64_t n_trits = info.n_rows * info.n_cols;
    if (n_trits > most || info.n_scales > most) return;
    int8_t *trits = malloc(n_trits), *room = malloc(n_trits);
    float *scales = malloc((info.n_scales + 1) * sizeof *scales);
    if (trits && room && scales && trit_unpack(trits, n_trits, scales, info.n_scales, data, n, &err) == trit_ok) {
        const trit_pack_matrix m = {info.n_rows, info.n_cols, trits, scales, info.n_scales, info.group};
        for (int s = trit_pack_auto; s < trit_pack_end; s++) pack_again(&m, (trit_pack_strategy)s, room);
    }
    free(trits);
    free(room);
    free(scales);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    unpack(data, n);
    if (n < 4) return 0;
    uint8_t *copy = malloc(n);
    if (!copy) return 0;
    memcpy(copy, data, n - 4);
    trit_store_u32(copy + n - 4, trit_kernels_for(trit_cpu_scalar)->crc32c(0, copy, n - 4));
    unpack(copy, n);
    free(copy);
    return 0;
}
