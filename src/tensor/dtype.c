/* The table of element types and the sizes of matrices of them. */
#include "tensor/dtype.h"

#include <ctype.h>

static const trit_dtype_traits traits[trit_n_dtypes] = {
#define TRIT_DTYPE(name, label, block, bytes, head, gguf, safetensors, role) {label, block, bytes, head, gguf, safetensors},
#include "trit/dtypes.def"
#undef TRIT_DTYPE
};

const trit_dtype_traits *trit_dtype_info(trit_dtype dtype) {
    return (unsigned)dtype < trit_n_dtypes ? &traits[dtype] : NULL;
}

const char *trit_dtype_label(trit_dtype dtype) {
    return (unsigned)dtype < trit_n_dtypes ? traits[dtype].label : NULL;
}

trit_dtype trit_dtype_from_gguf(uint32_t id) {
    for (int d = 0; d < trit_n_dtypes; d++)
        if (traits[d].gguf_id >= 0 && (uint32_t)traits[d].gguf_id == id) return (trit_dtype)d;
    return trit_n_dtypes;
}

trit_dtype trit_dtype_from_safetensors(trit_str name) {
    for (int d = 0; d < trit_n_dtypes; d++)
        if (traits[d].safetensors[0] && trit_str_is(name, traits[d].safetensors)) return (trit_dtype)d;
    return trit_n_dtypes;
}

static bool same_label(const char *a, const char *b) {
    for (; *a && *b; a++, b++)
        if (toupper((unsigned char)*a) != toupper((unsigned char)*b)) return false;
    return *a == *b;
}

trit_dtype trit_dtype_from_label(const char *label) {
    for (int d = 0; label && d < trit_n_dtypes; d++)
        if (same_label(traits[d].label, label)) return (trit_dtype)d;
    return trit_n_dtypes;
}

static bool mul_u64(uint64_t a, uint64_t b, uint64_t *out) {
    if (b && a > UINT64_MAX / b) return false;
    *out = a * b;
    return true;
}

/* n / block bytes, then the scale and its padding: 32 bytes. */
static bool flat_n_bytes(uint64_t n_rows, uint64_t n_cols, unsigned block, uint64_t *n_bytes) {
    uint64_t n;
    if (!mul_u64(n_rows, n_cols, &n) || n % block || n > UINT64_MAX - 32) return false;
    *n_bytes = n / block + 32;
    return true;
}

/* bitnet.cpp counts the last 256 columns as pairs of 4 bits and those before as triples of 5, pads to 32 bytes and adds 32 for the
 * scale. Its divisions cut in this order. */
static bool tl2_n_bytes(uint64_t n_rows, uint64_t n_cols, uint64_t *n_bytes) {
    if (n_cols < 256 || n_rows > UINT64_MAX / 8 / n_cols) return false;
    *n_bytes = ((n_cols - 256) * n_rows / 3 * 5 / 8 + 256 * n_rows / 2 * 4 / 8 + 31) / 32 * 32 + 32;
    return true;
}

static bool int2_n_bytes(uint64_t n_rows, uint64_t n_cols, uint64_t *n_bytes) {
    return n_rows % 16 == 0 && n_cols % 32 == 0 && mul_u64(n_rows, n_cols / 4, n_bytes);
}

bool trit_dtype_n_bytes(trit_dtype dtype, uint64_t n_rows, uint64_t n_cols, uint64_t *n_bytes) {
    const trit_dtype_traits *t = trit_dtype_info(dtype);
    if (!t) return false;
    if (dtype == trit_dtype_i2_s || dtype == trit_dtype_tl1 || dtype == trit_dtype_i8_s) return flat_n_bytes(n_rows, n_cols, t->block, n_bytes);
    if (dtype == trit_dtype_tl2) return tl2_n_bytes(n_rows, n_cols, n_bytes);
    if (dtype == trit_dtype_gpu_int2) return int2_n_bytes(n_rows, n_cols, n_bytes);
    if (dtype == trit_dtype_hf_ternary) return mul_u64(n_rows / 4 + (n_rows % 4 != 0), n_cols, n_bytes);
    if (dtype == trit_dtype_iq2_bn_r4 && n_rows % 4) return false;
    return n_cols % t->block == 0 && n_cols / t->block <= (UINT64_MAX - t->head_bytes) / t->block_bytes &&
           mul_u64(n_rows, t->head_bytes + n_cols / t->block * t->block_bytes, n_bytes);
}
