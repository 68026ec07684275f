/* Fuzzes the GGUF reader and what stands behind it: opens the input, reads every key in every way, and unpacks the first and the
 * last row of every matrix, which is where a wrong size would be felt. */
#include <stdlib.h>

#include "io/io.h"
#include "quant/quant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(bool condition) {
    if (!condition) abort();
}

static void read_key(const trit_gguf_kv *kv) {
    int64_t i;
    double x;
    bool b;
    trit_str s;
    (void)trit_gguf_bool_value(kv, &b);
    (void)trit_gguf_int(kv, kv->n, &i);
    for (uint64_t at = 0; at < kv->n && at < 64; at++) (void)(trit_gguf_int(kv, at, &i) || trit_gguf_real(kv, at, &x));
    if (trit_gguf_str(kv, &s) && s.n) {
        volatile char last = s.p[s.n - 1];
        (void)last;
    }
    if (kv->type != trit_gguf_array || kv->item_type != trit_gguf_string) return;
    trit_str *strs = malloc((size_t)kv->n * sizeof *strs + 1);
    if (strs && trit_gguf_strs(kv, strs))
        for (uint64_t at = 0; at < kv->n; at++) require(strs[at].n == 0 || strs[at].p);
    free(strs);
}

static void read_tensor(const trit_file_tensor *t) {
    const trit_quant_format *f = trit_quant_format_of(t->dtype);
    const trit_quant_matrix m = trit_quant_matrix_of(t);
    uint64_t n_bytes;
    require(trit_dtype_n_bytes(t->dtype, m.n_rows, m.n_cols, &n_bytes) && n_bytes == t->n_bytes);
    if (!f) return;
    float *values = malloc((size_t)m.n_cols * sizeof *values), *scales = malloc((size_t)m.n_cols * sizeof *scales);
    int8_t *trits = malloc((size_t)m.n_cols);
    if (values && scales && trits) {
        f->unpack(&m, 0, values);
        f->unpack(&m, m.n_rows - 1, values);
        if (f->trits) (void)(f->trits(&m, 0, trits, scales) && f->trits(&m, m.n_rows - 1, trits, scales));
        trit_quant_matrix arm = m;
        arm.i2_s_block = 64;
        f->unpack(&arm, m.n_rows - 1, values);
    }
    free(values);
    free(scales);
    free(trits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_gguf *g;
    trit_error err;
    if (trit_gguf_open_memory(&g, data, n, "input", &err) != trit_ok) return 0;
    for (uint64_t i = 0; i < trit_gguf_n_kv(g); i++) read_key(trit_gguf_kv_at(g, i));
    for (uint64_t i = 0; i < trit_gguf_n_tensors(g); i++) read_tensor(trit_gguf_tensor_at(g, i));
    (void)trit_gguf_find(g, "general.architecture");
    (void)trit_gguf_tensor(g, "w");
    trit_gguf_close(g);
    return 0;
}
