/* Packed tensors: a ternary matrix as a string of bytes that describes itself and notices any damage, by one of several strategies.
 *
 * Layout, little-endian. n is n_rows * n_cols.
 *
 *      byte  0   "TRTP"
 *            4   u8   version, 1
 *            5   u8   strategy, its number in trit/pack.def
 *            6   u8   scales are 0: float, 1: half
 *            7   u8   0
 *            8   u64  n_rows
 *           16   u64  n_cols
 *           24   u64  n_scales
 *           32   u32  group
 *           36   u32  0
 *           40   u64  n_bytes of the trits
 *           48        scales, 4 or 2 bytes each
 *                     trits [n_bytes], drawn at the top of src/quant/pack/<strategy>.c; rows follow one another without a gap
 *                u32  CRC-32C of all bytes before
 *
 * Every function may be called from any thread. Outputs belong to the caller. */
#ifndef TRIT_PACK_H
#define TRIT_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/memory.h"
#include "trit/model.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum trit_pack_strategy {
    trit_pack_auto = 0, /* the smallest */
#define TRIT_PACK(name, number, text, what) trit_pack_##name = number,
#include "trit/pack.def"
#undef TRIT_PACK
    trit_pack_end /* one more than the last */
} trit_pack_strategy;

/* "base-3" and, where `what` is not NULL, a line about it; NULL where there is no such strategy. Static. */
TRIT_API const char *trit_pack_name(int strategy, const char **what);

/* A ternary matrix: W[r][c] = trits[r * n_cols + c] * its scale. Borrowed. */
typedef struct trit_pack_matrix {
    uint64_t n_rows, n_cols; /* n_rows * n_cols is 1 to 2^40 */
    const int8_t *trits;     /* [n_rows, n_cols]: -1, 0, +1 */
    const float *scales;     /* [n_scales] */
    uint64_t n_scales;       /* 0: none, 1: one for all, n_rows: one a row; with a group n_rows * ceil(n_cols / group) */
    uint32_t group;          /* columns that share a scale; 0: whole rows */
} trit_pack_matrix;

/* How many bytes a packed tensor has, header, scales and checksum included: by each strategy, bytes[trit_pack_auto] the least of them.
 * Exact but for the entropy coded ones, where it is an upper bound, 24 bytes and one in 8192 too high at most.
 * Errors: arg (sizes that contradict each other, a trit that is none). */
TRIT_API TRIT_MUST_CHECK trit_status trit_pack_sizes(uint64_t bytes[trit_pack_end], const trit_pack_matrix *matrix, trit_error *err);

/* Appends the packed tensor to `out`. Scales are kept as halves where all of them are halves exactly. The same bytes on every machine.
 * Errors: arg, memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_pack(trit_text *out, const trit_pack_matrix *matrix, trit_pack_strategy strategy, trit_error *err);

/* What a packed tensor says about itself. */
typedef struct trit_pack_info {
    trit_pack_strategy strategy;
    uint64_t n_rows, n_cols, n_scales;
    uint32_t group;
    uint64_t n_bytes; /* all of it */
} trit_pack_info;

/* Reads the header at the start of `bytes` and checks the checksum; what follows the tensor is not looked at. Any byte that was changed is
 * found, and so is whatever else a CRC-32C finds; hostile bytes with a right checksum are as harmless. Errors: format (damaged,
 * or no packed tensor; the message says where). */
TRIT_API TRIT_MUST_CHECK trit_status trit_pack_read(trit_pack_info *out, const void *bytes, size_t n_bytes, trit_error *err);

/* Unpacks into trits[n_trits] and scales[n_scales] (NULL: not wanted), which must be as many as trit_pack_read tells: n_rows * n_cols and
 * n_scales. On an error their contents are undefined. Errors: arg (other numbers), format. */
TRIT_API TRIT_MUST_CHECK trit_status trit_unpack(int8_t *trits, uint64_t n_trits, float *scales, uint64_t n_scales, const void *bytes,
                                                 size_t n_bytes, trit_error *err);

/* Bytes that n trits with these counts of -1, 0 and +1 take at least if each is drawn by itself: n times the entropy of their frequencies
 * (Shannon 1948). Only structure (runs, rows, blocks that differ) allows fewer. */
TRIT_API double trit_pack_bound(const uint64_t counts[3]);

/* A ternary tensor of a model, as its rows come when the model is opened for running; all of it lives until the visit returns. */
typedef struct trit_ternary_tensor {
    const char *name;   /* as the file spells it */
    const char *type;   /* in the file: "I2_S", "BF16" */
    uint64_t n_bytes;   /* in the file */
    trit_pack_matrix matrix; /* equal scales are joined: one for all, or one a row, where that says the same */
    uint64_t i, n;      /* tensor i of the n that the model's layers have, ternary or not */
} trit_ternary_tensor;

/* Visits the ternary tensors of a model's layers in order, one in memory at a time. The model may be opened without weights, but is one
 * that could run, and no synthetic one. `wanted` (may be NULL: all) is asked by name, before a tensor is read. A visit that
 * does not return ok ends the walk with its status. Errors: unsupported, format, numeric, memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_model_each_ternary(const trit_model *model, bool (*wanted)(void *user, const char *name),
                                                             trit_status (*visit)(void *user, const trit_ternary_tensor *t, trit_error *err),
                                                             void *user, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
