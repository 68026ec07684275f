/* The waist: a model writes a list of ops, a device runs the list, training walks it backwards.
 *
 * The list is symbolic in the number of tokens: it is written once, when the model is opened, and run for any batch. Values are
 * rows of a width; their storage is planned here too, as slots that values share when their lives do not meet. */
#ifndef TRIT_OP_OP_H
#define TRIT_OP_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/dtype.h"
#include "trit/nn.h"
#include "trit/status.h"

typedef enum trit_op_kind {
#define TRIT_OP(name, n_in, where, part, meaning) trit_op_##name,
#include "op/ops.def"
#undef TRIT_OP
    trit_n_op_kinds
} trit_op_kind;

const char *trit_op_name(trit_op_kind kind);

/* A weight as a device holds it. Immutable after open. */
typedef struct trit_weight {
    trit_dtype dtype; /* T2, which takes A8 or floats; T3, which takes A8; or a file form used where it lies, which takes floats */
    uint32_t n_rows, n_cols;
    const void *data;   /* [n_rows, stride], T2 and T3: [n_tiles, stride] */
    size_t stride;      /* bytes of a row of plain floats, of a tile of T2 or T3; 0 for file forms in blocks, which the quant room walks */
    size_t n_bytes;     /* of data */
    const float *scale; /* T2, T3: [n_tiles, n_groups, 16] (quant/layout.h); else NULL */
    uint32_t group;     /* T2, T3: inputs that share a scale, 0: the row */
    float factor;       /* file forms: multiplier outside the bytes */
    uint32_t i2_s_block; /* file form I2_S: 128, 64 or 4 */
    const float *bias;  /* [n_rows] or NULL */
    const uint8_t *coarse;     /* heads only, or NULL: the rows as C6 [n_tiles, coarse_stride], see prepare_head in device/device.h */
    size_t coarse_stride;
    const float *coarse_scale; /* [n_tiles, 16] */
    const float *coarse_error; /* [n_rows]: |row . x - coarse row . x| <= coarse_error * |x| */
    const float *coarse_norm;  /* [n_rows]: |coarse row|, or more */
    void *owned[4];     /* device memory behind data, scale, bias and coarse; NULL where it is borrowed from the file */
} trit_weight;

/* Trits and scales, in one of the device's forms? */
static inline bool trit_weight_is_ternary(const trit_weight *w) {
    return w->dtype == trit_dtype_t2 || w->dtype == trit_dtype_t3;
}

/* Rotary position embedding: the angle of pair i at position pos is pos * inv_freq[i]. Owned by the model. */
typedef struct trit_rope {
    const double *inv_freq;      /* [half] */
    const double *inv_freq_long; /* [half] instead, where the context is longer than original_context; NULL: never */
    uint32_t original_context;
    uint32_t half;               /* rotated dims of a head / 2 */
    bool neox;                   /* pairs (i, i + half), else (2i, 2i + 1) */
    float magnitude;             /* of cosines and sines */
} trit_rope;

typedef int32_t trit_value; /* index of a value in its program; -1: none */

typedef enum trit_value_type { trit_value_f32, trit_value_a8 } trit_value_type;
typedef enum trit_rows { trit_rows_tokens, trit_rows_outputs } trit_rows;

typedef struct trit_value_desc {
    trit_value_type type;
    trit_rows rows;
    uint32_t cols;
    size_t row_bytes; /* a multiple of 64 */
    uint32_t slot;
    int32_t last_use; /* index of the op that reads it last */
} trit_value_desc;

typedef struct trit_op {
    trit_op_kind kind;
    trit_value in[2], out; /* -1: none */
    const trit_weight *weight;
    const trit_rope *rope;
    uint32_t layer, n_heads, head_dim;
    uint32_t window; /* attention: positions that a token sees, its own included; 0: all */
    float factor, eps;
    trit_activation activation;
    const char *label; /* static, for traces: "attn_norm" */
} trit_op;

typedef struct trit_slot {
    trit_rows rows;
    size_t row_bytes;
    trit_value holder; /* while planning */
} trit_slot;

/* Written by a model's forward function, then finished, then immutable. Keeps its first error. */
typedef struct trit_program {
    trit_op *ops;
    trit_value_desc *values;
    trit_slot *slots;
    size_t n_ops, n_values, n_slots;
    size_t ops_capacity, values_capacity, slots_capacity;
    trit_value result; /* [outputs, cols]: logits or embeddings */
    uint32_t layer; /* of the ops that are being written */
    trit_status status;
} trit_program;

void trit_program_init(trit_program *p);
void trit_program_fini(trit_program *p);

/* Emit one op each and return the value that it makes. Shapes of inputs are checked by assert: models are our own code. */
trit_value trit_emit_embed(trit_program *p, const trit_weight *table, float factor);
trit_value trit_emit_rms_norm(trit_program *p, trit_value x, const trit_weight *w, uint32_t n_heads, float eps, const char *label);
trit_value trit_emit_quantize(trit_program *p, trit_value x, const char *label);
trit_value trit_emit_linear(trit_program *p, trit_value x, const trit_weight *w, const char *label);
trit_value trit_emit_head(trit_program *p, trit_value x, const trit_weight *w);
trit_value trit_emit_angles(trit_program *p, const trit_rope *rope);
trit_value trit_emit_rope(trit_program *p, trit_value x, trit_value angles, const trit_rope *rope, uint32_t n_heads, const char *label);
void trit_emit_kv_store(trit_program *p, trit_value k, trit_value v, uint32_t n_kv_heads);
trit_value trit_emit_attention(trit_program *p, trit_value q, uint32_t n_heads, uint32_t head_dim, float factor, uint32_t window);
trit_value trit_emit_add(trit_program *p, trit_value a, trit_value b, const char *label);
trit_value trit_emit_glu(trit_program *p, trit_value gate, trit_value up, trit_activation activation);
trit_value trit_emit_scale(trit_program *p, trit_value x, float factor);
trit_value trit_emit_select(trit_program *p, trit_value x);

/* Plans the slots. Returns the first error of the program. */
TRIT_MUST_CHECK trit_status trit_program_finish(trit_program *p, trit_value result, trit_error *err);

/* What a step runs on. Borrowed for the run. */
typedef struct trit_batch {
    uint32_t n_tokens, n_outputs;
    const int32_t *token;       /* [n_tokens] */
    const uint32_t *position;   /* [n_tokens] */
    const uint32_t *sequence;   /* [n_tokens] row of page_table */
    const uint32_t *output;     /* [n_outputs] indices of tokens, rising */
    const uint32_t *top;        /* [n_outputs]: of the results only the so many largest matter, 0: all do; NULL: all of all */
    const uint32_t *page_table; /* [n_sequences, max_pages] */
    uint32_t max_pages;
} trit_batch;

/* The key-value cache: pages of page_tokens positions, each holding all layers:
 *   [n_pages][n_layers][key, value][n_kv_heads][page_tokens][row_bytes] */
enum { trit_page_tokens = 32 };

typedef enum trit_kv_form { trit_kv_form_f32, trit_kv_form_f16, trit_kv_form_q8 } trit_kv_form;

typedef struct trit_kv_shape {
    trit_kv_form form;
    uint32_t n_pages, n_layers, n_kv_heads, head_dim;
} trit_kv_shape;

size_t trit_kv_row_bytes(const trit_kv_shape *s);
/* False where it does not fit size_t. */
bool trit_kv_n_bytes(const trit_kv_shape *s, size_t *n_bytes);
size_t trit_kv_page_bytes(const trit_kv_shape *s); /* of a shape whose pages fit size_t */
size_t trit_kv_offset(const trit_kv_shape *s, uint32_t page, uint32_t layer, uint32_t is_value, uint32_t head, uint32_t slot);

#endif
