/* Models from the inside: configuration, bound weights, the op list. See include/trit/model.h for what a user sees.
 *
 *   file -> source (names, tensors, metadata) -> config -> arch (graph) -> weights bound and uploaded -> program written */
#ifndef TRIT_MODEL_MODEL_H
#define TRIT_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/team.h"
#include "device/device.h"
#include "io/io.h"
#include "model/lora.h"
#include "op/op.h"
#include "text/text.h"
#include "trit/embed.h"
#include "trit/model.h"

typedef struct trit_arch trit_arch;

/* How ternary projections take their inputs, and what a stored scale means. */
typedef enum trit_scale_sense { trit_scale_inside, trit_scale_multiply, trit_scale_divide, trit_scale_online } trit_scale_sense;

/* How the frequencies of RoPE are stretched for contexts beyond the trained one. */
typedef enum trit_rope_kind { trit_rope_plain, trit_rope_linear, trit_rope_llama3, trit_rope_yarn, trit_rope_longrope } trit_rope_kind;

typedef struct trit_rope_scaling {
    trit_rope_kind kind;
    double factor;           /* >= 1: of the context */
    double original_context; /* positions that the model was trained with */
    double low, high;        /* llama3: low_freq_factor, high_freq_factor; yarn: beta_slow, beta_fast */
    bool whole_bounds;       /* yarn: the bounds of the ramp are rounded outwards to whole dimensions */
    double magnitude;        /* of cosines and sines */
    const trit_json *short_factors, *long_factors; /* longrope of Hugging Face, borrowed from its config.json */
} trit_rope_scaling;

enum { trit_max_layers = 1024, trit_max_notes = 8 };

/* Zero stands for "plain" in whatever only some architectures have; trit_config_read puts 1 for factors. */
typedef struct trit_config {
    const trit_arch *arch;
    uint32_t n_layers, dim, ff_dim, n_heads, n_kv_heads, head_dim, vocab_size, context_length;
    uint32_t rope_dims; /* dimensions of a head that are rotated */
    bool rope_neox;
    float norm_eps;
    float in_norm_eps;  /* of the norms before single projections */
    float rope_theta;
    trit_rope_scaling rope;
    trit_activation activation;
    const char *activation_why;
    trit_activation usual_activation; /* of files that name none */
    bool act_int8; /* ternary projections take int8 activations */
    const char *act_int8_why;
    bool masters;  /* float projections are masters of ternary ones, to be quantized at load */
    uint32_t master_group; /* weights that share a scale then: 0: a matrix, 1: a row, else so many of a row */
    trit_scale_sense scale_sense;
    float embed_factor, residual_factor, output_factor; /* multiply the embeddings, each branch before it is added, the head's input */
    float attn_factor; /* multiplies the scores: 1 / sqrt(head_dim) where the model does not say otherwise */
    uint32_t window;   /* local layers see so many positions, their own included; 0: all layers see all */
    uint64_t local[trit_max_layers / 64]; /* bit set: the layer is local */
    float local_rope_theta; /* local layers turn by this base, unscaled; 0: as the others */
    trit_pooling pooling;   /* how the file asks for embeddings; trit_pooling_default: it does not say */
} trit_config;

static inline bool trit_is_local(const trit_config *c, uint32_t layer) {
    return c->window && (c->local[layer / 64] >> layer % 64 & 1);
}

/* A model file, whatever its container: tensors by canonical (GGUF) name. Exactly one of gguf, safetensors, synthetic is set. */
typedef struct trit_source {
    trit_gguf *gguf;
    trit_safetensors *safetensors;
    trit_hf_config hf; /* with safetensors */
    const struct trit_synthetic *synthetic;
    bool is_mapped;    /* the tensors' bytes are the map of a file, not memory of the program */
    char *folder;      /* of the Hugging Face files, or of the tokenizer.json beside a GGUF stand-in; NULL: none */
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

/* Reads numbers and texts of a model's description by their two spellings: the GGUF key after "<architecture>.", and the key of
 * config.json. Keeps the first error; a source without the key (or without any) gives `otherwise`. */
typedef struct trit_reader {
    const trit_source *source;
    const trit_json *json;  /* of Hugging Face: config.json or an object inside it */
    const char *hidden_act; /* "" where the file does not name it, or the user did */
    trit_error *err;
    trit_status status;
} trit_reader;

uint32_t trit_read_u32(trit_reader *r, const char *gguf, const char *hf, uint32_t max, uint32_t otherwise); /* in [1, max]; 0: required */
double trit_read_real(trit_reader *r, const char *gguf, const char *hf, double min, double max, double otherwise); /* NaN: required */
bool trit_read_bool(trit_reader *r, const char *gguf, const char *hf, bool otherwise);
trit_str trit_read_str(trit_reader *r, const char *gguf, const char *hf); /* empty where it is no text */
bool trit_read_flag_at(const trit_reader *r, const char *gguf, uint32_t i, bool *out); /* of a list of booleans; false: none */

/* Keys of ours behind "<architecture>.", for what files of others leave open; the converter writes them. */
#define TRIT_KEY_ACTIVATIONS "ternary_activations"               /* "int8" or "float", in config.json too */
#define TRIT_KEY_MASTERS "ternary_masters"                       /* false: float projections are what they are, where the architecture says otherwise */
#define TRIT_KEY_MASTER_GROUP "ternary_group"                    /* master_group */
#define TRIT_KEY_IN_NORM_EPS "attention.in_norm_rms_epsilon"     /* in_norm_eps */
#define TRIT_KEY_YARN_TRUNCATE "rope.scaling.yarn_truncate"      /* whole_bounds */
#define TRIT_KEY_LOCAL_LAYERS "attention.sliding_window_pattern" /* llama.cpp's: every n-th layer sees all, or a flag for each layer */

/* Takes a number that only one architecture's files have, by its two spellings as trit_read_real knows them; "": none there. */
typedef void trit_write_real(void *to, const char *gguf, const char *hf, double v);

/* One architecture: a file of arch/ and a row of archs.def. What is left out is as with Llama. */
struct trit_arch {
    const char *name;
    const char *const *gguf;     /* general.architecture, NULL-terminated */
    const char *const *hf;       /* architectures[0] of config.json, NULL-terminated */
    bool gguf_rope_neox;         /* pairing of RoPE in GGUF files; Hugging Face files are always neox */
    bool hf_norms_less_one;      /* norms of Hugging Face files are stored less one */
    const char *hf_model_type;     /* of config.json; NULL: the name */
    const char *hf_activation_key; /* NULL: "hidden_act" */
    bool always_int8;              /* ternary projections take int8 inputs, whatever the file says */
    bool activation_is_open;       /* GGUF files of the architecture are published with several activations and do not say which */
    uint32_t required, optional;   /* bits of layer tensors */
    /* Settles what is the architecture's own, and what the file does not say. */
    void (*configure)(trit_config *c, trit_reader *r);
    /* The way back, for the converter; NULL: nothing is the architecture's own. */
    void (*write)(const trit_config *c, trit_write_real *put, void *to);
    /* What a new GGUF file is called; NULL: the first of the names. */
    const char *(*gguf_name)(const trit_config *c);
    /* Writes the op list; returns the final norm's output, whose rows are the outputs. */
    trit_value (*forward)(const trit_model *m, trit_program *p);
};

struct trit_model {
    trit_device *device;
    bool owns_device;
    trit_source source;
    trit_config config;
    trit_weight token_embd, output_norm, output; /* output: absent (dtype f32, data NULL) when tied */
    trit_layer *layers; /* [config.n_layers] */
    trit_rope rope, local_rope; /* frequencies are owned; local_rope: of local layers, if they differ */
    trit_program program;       /* tokens to logits */
    trit_program embedder;      /* tokens to the final norm's output */
    trit_tokenizer *tokenizer;
    uint32_t i2_s_block;
    trit_team *team; /* borrowed, or NULL: reads projections to see what they are */
    trit_kernel_config kernels; /* of TL1 and TL2 */
    trit_lora *loras; /* [n_loras], owned */
    size_t n_loras;
    uint64_t weight_bytes, n_params;
    char *name, *chat_template; /* owned, NULL if absent */
    char *problem;              /* owned: why a model that was opened without weights cannot be run; NULL if it can */
    char *notes[trit_max_notes]; /* [n_notes], owned; those on types first */
    size_t n_notes, n_type_notes;
    char **tensor_names;        /* [n_tensors] NUL-terminated */
    size_t n_tensors;
};

static inline bool trit_has(const trit_weight *w) {
    return w->data != NULL;
}

/* model.c: as trit_model_open, of a shape alone, which outlives the model. */
trit_status trit_model_open_shape(trit_model **out, const struct trit_synthetic *shape, const trit_model_opts *o, trit_error *err);

/* source.c */
trit_status trit_source_open(trit_source *out, const char *ref, trit_error *err);
trit_status trit_source_of_shape(trit_source *out, const struct trit_synthetic *shape, trit_error *err); /* *out is zeroed before */
void trit_source_close(trit_source *s);
/* The tensor, its GGUF name being `gguf_name` and its Hugging Face names `hf_names` ('|' between them); NULL: absent. */
const trit_file_tensor *trit_source_find(const trit_source *s, const char *gguf_name, const char *hf_names);
size_t trit_source_n_tensors(const trit_source *s);
const trit_file_tensor *trit_source_tensor_at(const trit_source *s, size_t i);

/* config.c */
trit_status trit_config_read(trit_config *c, const trit_source *s, const trit_model_opts *o, trit_error *err);

/* bind.c */
typedef struct trit_layer_shape {
    bool is_linear; /* else a norm */
    bool is_in_norm;
    uint32_t n_rows, n_cols;
} trit_layer_shape;
trit_layer_shape trit_layer_shape_of(const trit_config *c, size_t layer_tensor);
const char *trit_layer_name(size_t layer_tensor); /* "attn_q", as GGUF has it */
trit_str trit_layer_hf_name(const trit_arch *arch, size_t layer_tensor); /* in Hugging Face's own files */
typedef enum trit_end { trit_end_embd, trit_end_norm, trit_end_head, trit_end_rope, trit_end_rope_long, trit_end_rope_short, trit_n_ends } trit_end;
extern const char *const trit_end_names[trit_n_ends][2]; /* GGUF, Hugging Face or NULL */
const trit_file_tensor *trit_end_find(const trit_model *m, size_t end); /* NULL: absent */
bool trit_model_uses(const trit_model *m, const trit_file_tensor *t); /* does the graph read it? */
trit_status trit_model_refuse_unused(const trit_model *m, trit_error *err); /* unsupported, where the file has a tensor that it does not */
trit_status trit_model_bind(trit_model *m, const trit_model_opts *o, trit_error *err);
bool trit_model_is_tied(const trit_model *m); /* the embeddings are the head too */
uint64_t trit_model_count_params(const trit_model *m);
uint64_t trit_model_count_linear(const trit_model *m); /* weights of all layers' projections that the architecture requires */

/* linear.c: the one place that decides what a projection is. `hf_name` is the Hugging Face tensor's name without ".weight" (its
 * scale stands beside it), `w` the matrix, `shape` the expected [n_rows, n_cols]. */
typedef struct trit_projection {
    const trit_file_tensor *weight;
    const trit_file_tensor *scale; /* weight_scale of Hugging Face, or blk.N.X.scale of GGUF; NULL: none */
    const trit_file_tensor *bias;  /* NULL: none */
    uint32_t n_rows, n_cols;
    size_t at; /* layer * trit_n_layer_tensors + layer tensor */
} trit_projection;
/* The tensors of a layer's projection (of a norm: the weight alone); false: the file has none, or the architecture. */
bool trit_layer_projection(trit_projection *out, const trit_model *m, uint32_t layer, size_t layer_tensor);
/* The decision: rows of trits, or floats in `matrix`. Borrows from the model. */
typedef struct trit_linear {
    trit_quant_matrix matrix;
    const trit_quant_format *format; /* of the matrix */
    float factor;                    /* multiplies the stored scales */
    float absmean;                   /* the scale of float masters, and of adapted trits that share one */
    bool is_master;                  /* floats that are quantized by absmean, or ternary with one scale already */
    bool is_exact;                   /* floats that are ternary already, whatever shares a scale */
    const trit_model *adapted;       /* its adapters are added to the weights; NULL: none are */
    size_t at;                       /* the projection, in its adapters */
    float before;                    /* adapted: multiplies the stored weights, `factor` being 1 */
    uint32_t group;                  /* elements of a row that share a scale; 0: the row */
    /* As trit_ternary_source has it, with the trit_linear for ctx; NULL: floats */
    trit_status (*row)(const void *linear, uint64_t row, int8_t *trits, float *scales, float *scratch);
} trit_linear;
/* Row `row` of the weights as floats, what adapters add included; still without `factor`. Reads `matrix`, `adapted` and `at` alone. */
void trit_linear_unpack(const trit_linear *linear, uint64_t row, float *dst);
trit_status trit_linear_settle(trit_linear *out, const trit_model *m, const trit_projection *p, trit_error *err);
/* Rows gave this status: are the weights floats? (Formats of four levels tell only by their codes.) And if not, the error in words. */
bool trit_linear_is_float(const trit_linear *linear, const trit_model *m, trit_status of_rows);
trit_status trit_linear_bad_row(trit_status status, const trit_file_tensor *t, trit_error *err);
trit_status trit_linear_bind(trit_weight *out, trit_model *m, const trit_projection *p, trit_error *err);
/* Norms, embeddings and heads: used as they are. */
trit_status trit_plain_bind(trit_weight *out, trit_model *m, const trit_file_tensor *t, uint32_t n_rows, uint32_t n_cols, bool as_f32, trit_error *err);
/* Gives up the file's pages of a tensor that is used in another form now, and of one that is rarely read. */
void trit_drop_pages(const trit_model *m, const char *gguf_name, const char *hf_name);
/* A weight matrix seen through the quant room. Errors: unsupported (no weights, or a layout that nothing tells). */
trit_status trit_matrix_view(trit_quant_matrix *out, const trit_model *m, const trit_file_tensor *t, trit_error *err);
/* The same, its shape checked against [n_rows, n_cols]. */
trit_status trit_matrix_of(trit_quant_matrix *out, const trit_model *m, const trit_file_tensor *t, uint32_t n_rows, uint32_t n_cols, trit_error *err);

/* fingerprint.c: of what computes keys and values; reads the whole file. Errors: memory. */
typedef struct trit_fingerprint {
    uint64_t model, adapters; /* adapters: 0 without any */
} trit_fingerprint;
trit_status trit_model_fingerprint(trit_fingerprint *out, const trit_model *m, trit_error *err);

/* work.c */
uint64_t trit_weight_bytes(const trit_weight *w); /* in memory form, with its scales */
uint64_t trit_coarse_bytes(const trit_weight *w); /* of a head's coarse rows; 0 without */

/* rope.c */
/* How rows of heads change places: RoPE takes neighbours in some GGUF files, and halves of a head elsewhere. */
typedef enum trit_heads { trit_heads_stay, trit_heads_to_neighbours, trit_heads_to_halves } trit_heads;
trit_heads trit_heads_between(size_t layer_tensor, bool has_neighbours, bool wants_neighbours);
uint64_t trit_heads_row(trit_heads heads, uint32_t head_dim, uint64_t row); /* the row that becomes `row` */
void trit_rope_read(trit_config *c, trit_reader *r); /* base and scaling */
double trit_rope_llama3_divisor(const trit_rope_scaling *s, double inv_freq); /* of a plain frequency */
double trit_rope_yarn_magnitude(double factor, double weight);
trit_status trit_rope_bind(trit_model *m, trit_error *err);
/* Among rows of heads whose pairs are neighbours: the one that becomes row `row` where pairs are the halves of a head. */
uint64_t trit_rope_row_of_half(uint64_t head_dim, uint64_t row);
void trit_rope_fini(trit_model *m);

/* chat.c */
extern const char trit_chat_bitnet_2b4t[];
trit_status trit_chat_template_read(trit_model *m, trit_error *err); /* m->chat_template, as the file or folder has it */
/* *out: a copy, released with trit_free; NULL: the folder has none. Errors: io, format, memory. */
trit_status trit_chat_template_read_folder(char **out, const char *folder, trit_error *err);
trit_status trit_chat_template_read_file(char **out, const char *path, trit_error *err);

/* notes.c */
trit_status trit_notes_read(trit_model *m, trit_error *err);
void trit_notes_fini(trit_model *m);

/* tokenizer.c */
bool trit_gguf_has_tokenizer(const trit_gguf *g);
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
void trit_synthetic_config(trit_config *c, const trit_synthetic *s); /* sizes */

/* masters.c: models whose weights are floats that somebody else keeps, for training. */
typedef struct trit_master {
    char name[64], hf_name[96]; /* "blk.0.attn_q.weight", "model.layers.0.self_attn.q_proj.weight" */
    trit_projection source;     /* the file's tensor, and its shape; weight NULL: the file has none */
    uint32_t n_rows, n_cols;    /* its own shape: several times the file's where neurons of the feed-forward part are split */
    trit_weight *place;         /* what stands for it in the op list; of a bias: for its matrix */
    bool is_linear, is_norm, is_bias; /* none: a table of a row for each token */
    bool is_residual;           /* its output is added to the residual stream */
    bool is_less_one;           /* of a norm: it is the factor less one */
    bool turns;                 /* the file has neighbours where masters have halves (RoPE) */
} trit_master;
/* Of a file or folder, or of a shape, which outlives the model. sub_norms: a plain decoder gets those of "bitnet". opts: with a device. */
trit_status trit_masters_open(trit_model **out, const char *ref, const trit_synthetic *shape, bool sub_norms, const trit_model_opts *opts,
                              trit_error *err);
/* All of them in the order of files; the caller frees the list. The model's feed-forward part is `ff_copies` times as wide from now on. */
trit_status trit_masters_list(trit_master **out, size_t *n, trit_model *m, uint32_t ff_copies, trit_error *err);
/* As wide as the file has it, [source.n_rows, source.n_cols]. Weights that are ternary there become masters that absmean, over the matrix, makes the
 * same of. */
trit_status trit_master_read(float *out, const trit_model *m, const trit_master *t, trit_error *err);
/* What the engine makes of a projection of the file. */
typedef struct trit_master_kind {
    bool is_ternary;  /* computes with trits */
    bool is_finished; /* they are in the file; else absmean makes them of its floats */
    bool is_grouped;  /* parts of a row have scales of their own */
} trit_master_kind;
trit_status trit_master_kind_of(trit_master_kind *out, const trit_model *m, const trit_master *t, trit_error *err);
/* From now on `data`, floats of whatever width, is what the op list means. is_ternary: its inputs are quantized, where the model does that. */
void trit_master_place(const trit_master *t, const void *data, bool is_ternary);
trit_status trit_masters_write(trit_model *m, trit_error *err); /* all are placed: the list `embedder` */

/* arch/common.c: what architectures share. */
#define TRIT_LAYER_DECODER \
    (TRIT_LAYER_BIT(attn_norm) | TRIT_LAYER_BIT(attn_q) | TRIT_LAYER_BIT(attn_k) | TRIT_LAYER_BIT(attn_v) | TRIT_LAYER_BIT(attn_output) | \
     TRIT_LAYER_BIT(ffn_norm) | TRIT_LAYER_BIT(ffn_gate) | TRIT_LAYER_BIT(ffn_up) | TRIT_LAYER_BIT(ffn_down))
#define TRIT_LAYER_IN_NORMS \
    (TRIT_LAYER_BIT(attn_q_norm_in) | TRIT_LAYER_BIT(attn_k_norm_in) | TRIT_LAYER_BIT(attn_v_norm_in) | TRIT_LAYER_BIT(attn_output_norm_in) | \
     TRIT_LAYER_BIT(ffn_gate_norm_in) | TRIT_LAYER_BIT(ffn_up_norm_in) | TRIT_LAYER_BIT(ffn_down_norm_in))
/* The activation that the file names, or `otherwise`, the usual one, with its reason. */
void trit_settle_activation(trit_config *c, trit_reader *r, trit_activation otherwise, const char *why);
/* int8 or float inputs of ternary projections, and whether floats are masters, by the marks that training leaves in a file.
 * `float_why`: why ternary weights without a mark take floats here, if they do; NULL: they do not. */
void trit_settle_training(trit_config *c, trit_reader *r, const char *float_why);
/* Sliding windows: by the file's list of layers, or with every `pattern`-th layer seeing all (0: the first `n_full` layers). */
void trit_settle_window(trit_config *c, trit_reader *r, uint32_t pattern, uint32_t n_full);
trit_value trit_decoder(const trit_model *m, trit_program *p); /* a pre-norm decoder with whatever norms its layers have */

const trit_arch *trit_arch_for_gguf(const char *name);
const trit_arch *trit_arch_for_hf(const char *name);
const char *trit_arch_gguf_name(const trit_model *m); /* general.architecture of a GGUF file that is made of the model, or of its own */
size_t trit_layer_weights(trit_model *m, trit_weight **out); /* all weights of all layers as one run */

#endif
