/* Models from the inside: configuration, bound weights, the op list. See include/trit/model.h for what a user sees.
 *
 *   file -> source (names, tensors, metadata) -> config -> arch (graph) -> weights bound and uploaded -> program written */
#ifndef TRIT_MODEL_MODEL_H
#define TRIT_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "device/device.h"
#include "io/io.h"
#include "op/op.h"
#include "text/text.h"
#include "trit/model.h"

typedef struct trit_arch trit_arch;

/* How ternary projections take their inputs, and what a stored scale means. */
typedef enum trit_scale_sense { trit_scale_inside, trit_scale_multiply, trit_scale_divide, trit_scale_online } trit_scale_sense;

typedef struct trit_config {
    const trit_arch *arch;
    uint32_t n_layers, dim, ff_dim, n_heads, n_kv_heads, head_dim, vocab_size, context_length;
    uint32_t rope_dims; /* dimensions of a head that are rotated */
    bool rope_neox;
    float norm_eps, rope_theta, rope_linear_factor;
    struct {
        float factor, low, high; /* Llama 3 scaling; factor 0: none */
        uint32_t original_context;
    } rope_llama3;
    trit_activation activation;
    const char *activation_why;
    bool act_int8; /* ternary projections take int8 activations */
    trit_scale_sense scale_sense;
} trit_config;

/* A model file, whatever its container: tensors by canonical (GGUF) name. Exactly one of gguf, safetensors, synthetic is set. */
typedef struct trit_source {
    trit_gguf *gguf;
    trit_safetensors *safetensors;
    trit_hf_config hf; /* with safetensors */
    const struct trit_synthetic *synthetic;
    bool is_mapped;    /* the tensors' bytes are the map of a file, not memory of the program */
    char *folder;      /* of the Hugging Face files */
    const char *format;
    char format_text[32];
    char *file_arch;   /* owned */
} trit_source;

typedef struct trit_layer {
#define TRIT_LAYER(field, kind, rows, cols, gguf, hf) trit_weight field;
#include "model/layer.def"
#undef TRIT_LAYER
} trit_layer;

typedef enum trit_layer_tensor {
#define TRIT_LAYER(field, kind, rows, cols, gguf, hf) trit_layer_##field,
#include "model/layer.def"
#undef TRIT_LAYER
    trit_n_layer_tensors
} trit_layer_tensor;

#define TRIT_LAYER_BIT(field) (1u << trit_layer_##field)

/* One architecture: a file of arch/ and a row of archs.def. */
struct trit_arch {
    const char *name;
    const char *const *gguf;     /* general.architecture, NULL-terminated */
    const char *const *hf;       /* architectures[0] of config.json, NULL-terminated */
    bool gguf_rope_neox;         /* pairing of RoPE in GGUF files; Hugging Face files are always neox */
    bool always_ternary;         /* float projections are masters, to be quantized at load */
    uint32_t required, optional; /* bits of layer tensors */
    /* Settles what the file does not say: activation and why. `hidden_act` as the file has it, or "". */
    trit_status (*configure)(trit_config *c, const char *file_arch, const char *hidden_act, trit_error *err);
    /* Writes the op list; returns the logits. */
    trit_value (*forward)(const trit_model *m, trit_program *p);
};

struct trit_model {
    trit_device *device;
    bool owns_device;
    trit_source source;
    trit_config config;
    trit_weight token_embd, output_norm, output; /* output: absent (dtype f32, data NULL) when tied */
    trit_layer *layers; /* [config.n_layers] */
    trit_rope rope;
    double *inv_freq;
    trit_program program;
    trit_tokenizer *tokenizer;
    uint32_t i2_s_block;
    uint64_t weight_bytes, n_params;
    char *name, *chat_template; /* owned, NULL if absent */
    char *problem;              /* owned: why a model that was opened without weights cannot be run; NULL if it can */
    char **tensor_names;        /* [n_tensors] NUL-terminated */
    size_t n_tensors;
};

static inline bool trit_has(const trit_weight *w) {
    return w->data != NULL;
}

/* source.c */
trit_status trit_source_open(trit_source *out, const char *ref, trit_error *err);
void trit_source_close(trit_source *s);
/* The tensor, its GGUF name being `gguf_name` and its Hugging Face names `hf_names` ('|' between them); NULL: absent. */
const trit_tensor *trit_source_find(const trit_source *s, const char *gguf_name, const char *hf_names);
size_t trit_source_n_tensors(const trit_source *s);
const trit_tensor *trit_source_tensor_at(const trit_source *s, size_t i);

/* config.c */
trit_status trit_config_read(trit_config *c, const trit_source *s, const trit_model_opts *o, trit_error *err);

/* bind.c */
typedef struct trit_layer_shape {
    bool is_linear; /* else a norm */
    uint32_t n_rows, n_cols;
} trit_layer_shape;
trit_layer_shape trit_layer_shape_of(const trit_config *c, size_t layer_tensor);
trit_status trit_model_bind(trit_model *m, const trit_model_opts *o, trit_error *err);
bool trit_model_is_tied(const trit_model *m); /* the embeddings are the head too */
uint64_t trit_model_count_params(const trit_model *m);

/* linear.c: the one place that decides what a projection is. `hf_name` is the Hugging Face tensor's name without ".weight" (its
 * scale stands beside it), `w` the matrix, `shape` the expected [n_rows, n_cols]. */
typedef struct trit_projection {
    const trit_tensor *weight;
    const trit_tensor *scale; /* weight_scale of Hugging Face, or blk.N.X.scale of GGUF; NULL: none */
    const trit_tensor *bias;  /* NULL: none */
    uint32_t n_rows, n_cols;
} trit_projection;
trit_status trit_linear_bind(trit_weight *out, trit_model *m, const trit_projection *p, trit_error *err);
/* Norms, embeddings and heads: used as they are. */
trit_status trit_plain_bind(trit_weight *out, trit_model *m, const trit_tensor *t, uint32_t n_rows, uint32_t n_cols, bool as_f32, trit_error *err);
/* A weight matrix seen through the quant room; checks the shape against [n_rows, n_cols]. */
trit_status trit_matrix_of(trit_quant_matrix *out, const trit_model *m, const trit_tensor *t, uint32_t n_rows, uint32_t n_cols, trit_error *err);

/* rope.c */
trit_status trit_rope_bind(trit_model *m, trit_error *err);

/* chat.c */
extern const char trit_chat_bitnet_2b4t[];
trit_status trit_chat_template_read(trit_model *m, trit_error *err); /* m->chat_template, as the file or folder has it */

/* tokenizer.c */
trit_status trit_tokenizer_from_gguf(trit_tokenizer **out, const trit_gguf *g, trit_error *err);
trit_status trit_tokenizer_from_folder(trit_tokenizer **out, const char *folder, const trit_hf_config *hf, trit_error *err);

/* synthetic.c */
typedef struct trit_synthetic {
    const char *name, *what, *arch;
    uint32_t n_layers, dim, ff_dim, n_heads, n_kv_heads, head_dim, vocab_size, context_length;
    float norm_eps, rope_theta;
    bool tied;
} trit_synthetic;
const trit_synthetic *trit_synthetic_find(const char *name);
trit_status trit_synthetic_bind(trit_model *m, const trit_model_opts *o, trit_error *err);
void trit_synthetic_config(trit_config *c, const trit_synthetic *s);

/* arch/common.c: steps that graphs share. A projection's input is quantized once, however many projections read it. */
typedef struct trit_input {
    trit_value x;  /* floats */
    trit_value a8; /* the same quantized, -1 until someone asks */
    const char *label;
} trit_input;
trit_value trit_project(trit_program *p, trit_input *in, const trit_weight *w, const char *label);
trit_value trit_attention_block(const trit_model *m, trit_program *p, const trit_layer *l, trit_value x, trit_value angles);
trit_value trit_ffn_block(const trit_model *m, trit_program *p, const trit_layer *l, trit_value x);
trit_value trit_decoder(const trit_model *m, trit_program *p); /* the whole pre-norm decoder */

const trit_arch *trit_arch_for_gguf(const char *name);
const trit_arch *trit_arch_for_hf(const char *name);
size_t trit_layer_weights(trit_model *m, trit_weight **out); /* all weights of all layers as one run */

#endif
