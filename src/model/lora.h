/* Adapters of a model's projections: read and checked against it, in one row order with its weights, and either beside the projections
 * (two small products more, in arch/common.c) or added to their weights (linear.c). */
#ifndef TRIT_MODEL_LORA_H
#define TRIT_MODEL_LORA_H

#include "io/io.h"
#include "op/op.h"
#include "quant/quant.h"
#include "trit/lora.h"

struct trit_model;

enum { trit_lora_a, trit_lora_b }; /* of the arrays of two below */

/* What one projection gets. A [rank, n_cols] and B [n_rows, rank], B's rows in the order of the model's. */
typedef struct trit_lora_pair {
    const trit_file_tensor *tensor[2]; /* as the adapter's file has them; NULL: the projection gets nothing */
    trit_quant_matrix matrix[2];       /* the file's, or floats of our own */
    float *own[2];                     /* owned, NULL where the file's bytes are used */
    trit_weight weight[2];             /* on the model's device */
    double scaling;                    /* of the product, by the file */
    float factor;                      /* the same times what the user asked for */
} trit_lora_pair;

typedef struct trit_lora {
    trit_gguf *gguf; /* one of the two */
    trit_safetensors *safetensors;
    trit_peft_config config; /* with safetensors */
    char *path;
    double scale;
    bool is_inside;  /* trained inside the quantizer, by its file */
    bool to_weights; /* added to them, not beside them */
    trit_lora_pair *pair; /* [n_layers * trit_n_layer_tensors] */
    size_t n_pairs;
    char format[16];
} trit_lora;

/* Opens an adapter and finds every tensor's place in the model, whose configuration is read. `to_weights`: it will be added to them. Errors: io,
 * format and unsupported (name the tensor or key), numeric, memory. */
trit_status trit_lora_open(trit_lora *out, const struct trit_model *m, const trit_lora_opts *o, bool to_weights, trit_error *err);
void trit_lora_close(trit_lora *l, const struct trit_model *m);
/* Can the model's weights take it? Errors: unsupported, where it was trained inside the quantizer and they are trits already, or random. */
trit_status trit_lora_check(const trit_lora *l, const struct trit_model *m, trit_error *err);
void trit_lora_describe(const trit_lora *l, trit_lora_info *out);

/* On the model's device, for products beside the projections. */
trit_status trit_lora_bind(trit_lora *l, const struct trit_model *m, trit_error *err);

/* Does any adapter belong to the weights of the projection? `at` = layer * trit_n_layer_tensors + layer tensor. */
bool trit_lora_changes(const struct trit_model *m, size_t at);
/* row[0..n_cols) += the adapters' share of the projection's row, each sum rounded once. */
void trit_lora_add(const struct trit_model *m, size_t at, uint64_t row, float *values, uint64_t n_cols);

/* ---- lora_write.c: for trained adapters and for converted ones ---- */

typedef struct trit_lora_part {
    uint32_t layer;
    size_t layer_tensor;
    uint32_t rank;
    const float *matrix[2]; /* A [rank, n_cols], B [n_rows, rank]; borrowed */
    double scaling;
} trit_lora_part;

typedef struct trit_lora_out {
    const struct trit_model *model; /* whose names the parts get, and in whose order their rows are */
    const trit_lora_part *part;     /* [n] in the order of the file; n > 0 */
    size_t n;
    bool is_inside;
    const char *base; /* what the configuration says of the model, or NULL */
} trit_lora_out;

/* Half of a projection's adapter, as files of this model's adapters call it: "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" or
 * "blk.0.attn_q.weight.lora_a". */
void trit_lora_name(char *out, size_t n, const struct trit_model *m, uint32_t layer, size_t layer_tensor, int which, bool is_gguf);
/* adapter_config.json and adapter_model.safetensors, into a folder that exists. */
trit_status trit_lora_write_peft(const trit_lora_out *o, const char *folder, trit_error *err);
trit_status trit_lora_write_gguf(const trit_lora_out *o, const char *path, trit_error *err);

#endif
