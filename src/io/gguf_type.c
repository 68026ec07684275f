/* The type numbers that forks and old versions used beside those of dtypes.def, and how clashes are settled: three signals vote,
 * the bytes that the tensor has (the strongest, for it cannot lie), general.file_type, and the architecture's name. */
#include "io/gguf_type.h"

#include <string.h>

/* Whose type it is. Retired ones were found in no published file, so that only the bytes can speak for them. */
typedef enum family { mainline, bitnet, retired } family;

/* The size of a type with `block` 0 is not known, and it gets no vote from the bytes. `tail` stands behind the blocks.
 * file_type: the value of general.file_type that says this type, or 0. */
typedef struct foreign_type {
    uint32_t id;
    const char *name;
    uint32_t block, block_bytes, tail;
    int32_t file_type;
    family family;
} foreign_type;

/* Sources: ggml's type table and its retired numbers; bitnet.cpp's two forks (37, 38, 39, then 42); ik_llama.cpp (above 100). */
static const foreign_type foreign[] = {
    {4, "Q4_2 (retired)", 0, 0, 0, 0, retired},
    {5, "Q4_3 (retired)", 0, 0, 0, 0, retired},
    {9, "Q8_1", 32, 36, 0, 0, mainline},
    {10, "Q2_K", 256, 84, 0, 0, mainline},
    {11, "Q3_K", 256, 110, 0, 0, mainline},
    {15, "Q8_K", 256, 292, 0, 0, mainline},
    {16, "IQ2_XXS", 0, 0, 0, 0, mainline},
    {17, "IQ2_XS", 0, 0, 0, 0, mainline},
    {18, "IQ3_XXS", 0, 0, 0, 0, mainline},
    {19, "IQ1_S", 0, 0, 0, 0, mainline},
    {20, "IQ4_NL", 32, 18, 0, 0, mainline},
    {21, "IQ3_S", 0, 0, 0, 0, mainline},
    {22, "IQ2_S", 0, 0, 0, 0, mainline},
    {23, "IQ4_XS", 256, 136, 0, 0, mainline},
    {29, "IQ1_M", 0, 0, 0, 0, mainline},
    {31, "Q4_0_4_4 (retired)", 32, 18, 0, 0, retired},
    {32, "Q4_0_4_8 (retired)", 32, 18, 0, 0, retired},
    {33, "Q4_0_8_8 (retired)", 32, 18, 0, 0, retired},
    {36, "IQ4_NL_4_4 (retired)", 32, 18, 0, 0, retired}, /* or I2_S, of dtypes.def */
    {37, "I8_S", 1, 1, 32, 41, bitnet},
    {37, "IQ4_NL_4_8 (retired)", 32, 18, 0, 0, retired},
    {38, "TL1", 4, 1, 32, 38, bitnet},
    {38, "IQ4_NL_8_8 (retired)", 32, 18, 0, 0, retired},
    {39, "MXFP4", 32, 17, 0, 0, mainline},
    {39, "TL2", 0, 0, 0, 39, bitnet},
    {40, "NVFP4", 0, 0, 0, 0, mainline},
    {41, "Q1_0", 128, 18, 0, 0, mainline},
    {42, "Q2_0", 64, 18, 0, 0, mainline},
    {42, "TL2", 0, 0, 0, 39, bitnet},
    {134, "IQ1_BN", 0, 0, 0, 136, bitnet},
    {135, "IQ2_BN", 0, 0, 0, 137, bitnet},
    {136, "Q8_K64", 0, 0, 0, 0, bitnet},
    {142, "IQ2_TN (retired)", 0, 0, 0, 0, retired},
    {143, "IQ1_TN (retired)", 0, 0, 0, 0, retired},
    {335, "IQ2_BN_R4", 0, 0, 0, 337, bitnet},
};

enum { n_foreign = sizeof foreign / sizeof foreign[0], vote_span = 4, vote_file_type = 2, vote_architecture = 1 };
enum { file_type_i2_s = 40 };

/* Does a tensor of n_bytes, padded or (at the end of a file) not, take `span` bytes? */
static bool fits(uint64_t n_bytes, uint64_t span, uint64_t alignment) {
    return n_bytes <= span && span - n_bytes < alignment && (span == n_bytes || span % alignment == 0);
}

static bool foreign_fits(const foreign_type *f, uint64_t n, uint64_t span, uint64_t alignment) {
    if (!f->block || n % f->block || n / f->block > UINT64_MAX / 512) return false;
    return fits(n / f->block * f->block_bytes + f->tail, span, alignment);
}

static int vote(bool span_fits, int32_t file_type, family of, const trit_gguf_signals *s) {
    const bool bitnet_file = s->architecture.n >= 6 && memcmp(s->architecture.p, "bitnet", 6) == 0;
    return (span_fits ? vote_span : 0) + (file_type && s->file_type == file_type ? vote_file_type : 0) +
           (of == (bitnet_file ? bitnet : mainline) ? vote_architecture : 0);
}

trit_gguf_meaning trit_gguf_meaning_of(uint32_t id, uint64_t n_rows, uint64_t n_cols, uint64_t span,
                                       const trit_gguf_signals *signals) {
    trit_gguf_meaning best = {trit_dtype_from_gguf(id), NULL};
    int most = -1;
    if (best.dtype != trit_n_dtypes) {
        const bool is_i2_s = best.dtype == trit_dtype_i2_s;
        uint64_t n_bytes;
        const bool good = trit_dtype_n_bytes(best.dtype, n_rows, n_cols, &n_bytes) && fits(n_bytes, span, signals->alignment);
        best.name = trit_dtype_info(best.dtype)->label;
        most = vote(good, is_i2_s ? file_type_i2_s : 0, is_i2_s ? bitnet : mainline, signals);
    }
    for (int i = 0; i < n_foreign; i++) {
        if (foreign[i].id != id) continue;
        const bool good = foreign_fits(&foreign[i], n_rows * n_cols, span, signals->alignment);
        const int votes = vote(good, foreign[i].file_type, foreign[i].family, signals);
        if (votes <= most) continue;
        best = (trit_gguf_meaning){trit_n_dtypes, foreign[i].name};
        most = votes;
    }
    return best;
}
