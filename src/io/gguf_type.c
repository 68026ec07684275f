/* The type numbers that forks and old versions used beside those of dtypes.def, and how clashes are settled: three signals vote,
 * the bytes that the tensor has (the strongest, for it cannot lie), general.file_type, and the architecture's name. */
#include "io/gguf_type.h"

#include <string.h>

#include "io/io.h"

/* Whose type it is. Retired ones were found in no published file, so that only the bytes can speak for them. */
typedef enum family { mainline, bitnet, retired } family;

/* What speaks for a type of dtypes.def beside its bytes; the types that are not listed are mainline. An id that is not the
 * type's own is one that other files have for it. file_type: the value of general.file_type that says this type, or 0. */
typedef struct known_type {
    uint32_t id;
    trit_dtype dtype;
    int32_t file_type;
    family family;
} known_type;

static const known_type known[] = {
    {36, trit_dtype_i2_s, 40, bitnet},
    {37, trit_dtype_i8_s, 41, bitnet},
    {38, trit_dtype_tl1, 38, bitnet},
    {39, trit_dtype_tl2, 39, bitnet},
    {42, trit_dtype_tl2, 39, bitnet}, /* since bitnet.cpp follows mainline, where 39 is MXFP4 */
    {42, trit_dtype_pq2_0, 0, mainline}, /* PrismML's first models, before 42 was mainline's Q2_0 and theirs became 142 */
    {134, trit_dtype_iq1_bn, 136, bitnet},
    {135, trit_dtype_iq2_bn, 137, bitnet},
    {335, trit_dtype_iq2_bn_r4, 337, bitnet},
};

/* Types that are not read. The size of one with `block` 0 is not known, and it gets no vote from the bytes. */
typedef struct foreign_type {
    uint32_t id;
    const char *name;
    uint32_t block, block_bytes;
    family family;
} foreign_type;

/* Sources: ggml's type table and its retired numbers; ik_llama.cpp (136, and 142 and 143 once). */
static const foreign_type foreign[] = {
    {4, "Q4_2 (retired)", 0, 0, retired},
    {5, "Q4_3 (retired)", 0, 0, retired},
    {15, "Q8_K", 256, 292, mainline},
    {16, "IQ2_XXS", 256, 66, mainline},
    {17, "IQ2_XS", 256, 74, mainline},
    {18, "IQ3_XXS", 256, 98, mainline},
    {19, "IQ1_S", 256, 50, mainline},
    {21, "IQ3_S", 256, 110, mainline},
    {22, "IQ2_S", 256, 82, mainline},
    {23, "IQ4_XS", 256, 136, mainline},
    {29, "IQ1_M", 256, 56, mainline},
    {31, "Q4_0_4_4 (retired)", 32, 18, retired},
    {32, "Q4_0_4_8 (retired)", 32, 18, retired},
    {33, "Q4_0_8_8 (retired)", 32, 18, retired},
    {36, "IQ4_NL_4_4 (retired)", 32, 18, retired},
    {37, "IQ4_NL_4_8 (retired)", 32, 18, retired},
    {38, "IQ4_NL_8_8 (retired)", 32, 18, retired},
    {136, "Q8_K64", 0, 0, bitnet},
    {142, "IQ2_TN (retired)", 0, 0, retired},
    {143, "IQ1_TN (retired)", 0, 0, retired},
};

enum { n_known = sizeof known / sizeof known[0], n_foreign = sizeof foreign / sizeof foreign[0] };
/* Does a tensor of n_bytes, padded or (at the end of a file) not, take `span` bytes? */
static bool fits(uint64_t n_bytes, uint64_t span, uint64_t alignment) {
    return n_bytes <= span && span - n_bytes < alignment && (span == n_bytes || span % alignment == 0);
}

static bool foreign_n_bytes(const foreign_type *f, uint64_t n_rows, uint64_t n_cols, uint64_t *n_bytes) {
    const uint64_t n = n_rows * n_cols; /* the reader has refused what overflows */
    if (!f->block || n % f->block || n / f->block > UINT64_MAX / 512) return false;
    *n_bytes = n / f->block * f->block_bytes;
    return true;
}

/* The vote on a type: its bytes fit the span, the file's type says it, the architecture is of its family. */
static unsigned vote(bool span_fits, int32_t file_type, family of, const trit_gguf_signals *s) {
    const bool bitnet_file = s->architecture.n >= 6 && memcmp(s->architecture.p, "bitnet", 6) == 0;
    return (span_fits ? trit_gguf_by_bytes : 0) | (file_type && s->file_type == file_type ? trit_gguf_by_file_type : 0) |
           (of == (bitnet_file ? bitnet : mainline) ? trit_gguf_by_architecture : 0);
}

/* The election so far; what came first wins a draw. */
typedef struct election {
    trit_gguf_meaning best;
    bool any;
} election;

static void stand(election *e, trit_dtype dtype, const char *name, unsigned votes, family of) {
    const trit_gguf_meaning old = e->best;
    const bool wins = !e->any || votes > old.votes;
    if (wins) e->best = (trit_gguf_meaning){dtype, name, votes, old.rival};
    if (e->any && !old.rival && of != retired) e->best.rival = wins ? old.name : name;
    e->any = true;
}

static void try_known(election *e, const known_type *k, uint64_t n_rows, uint64_t n_cols, uint64_t span, const trit_gguf_signals *signals) {
    uint64_t n_bytes;
    const bool good = trit_dtype_n_bytes(k->dtype, n_rows, n_cols, &n_bytes) && fits(n_bytes, span, signals->alignment);
    stand(e, k->dtype, trit_dtype_info(k->dtype)->label, vote(good, k->file_type, k->family, signals), k->family);
}

trit_gguf_meaning trit_gguf_meaning_of(uint32_t id, uint64_t n_rows, uint64_t n_cols, uint64_t span,
                                       const trit_gguf_signals *signals) {
    election e = {.best = {.dtype = trit_n_dtypes}};
    const trit_dtype own = trit_dtype_from_gguf(id);
    bool own_is_known = false;
    for (int i = 0; i < n_known; i++) own_is_known |= known[i].id == id && known[i].dtype == own;
    if (own != trit_n_dtypes && !own_is_known) try_known(&e, &(known_type){id, own, 0, mainline}, n_rows, n_cols, span, signals);
    for (int i = 0; i < n_known; i++)
        if (known[i].id == id) try_known(&e, &known[i], n_rows, n_cols, span, signals);
    for (int i = 0; i < n_foreign; i++) {
        if (foreign[i].id != id) continue;
        uint64_t n_bytes;
        const bool good = foreign_n_bytes(&foreign[i], n_rows, n_cols, &n_bytes) && fits(n_bytes, span, signals->alignment);
        stand(&e, trit_n_dtypes, foreign[i].name, vote(good, 0, foreign[i].family, signals), foreign[i].family);
    }
    return e.best;
}
