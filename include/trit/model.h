/* Models: a file or folder opened for running. Immutable after open and shared freely by threads and engines. */
#ifndef TRIT_MODEL_H
#define TRIT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/chat.h"
#include "trit/device.h"
#include "trit/lora.h"
#include "trit/memory.h"
#include "trit/status.h"
#include "trit/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trit_model trit_model;

typedef struct trit_model_opts {
    trit_device *device;     /* borrowed, must outlive the model; NULL: the model opens and owns the CPU */
    const char *tokenizer;   /* another tokenizer (file or folder); NULL: the model's own */
    const char *activation;  /* "relu2", "silu" or "gelu" instead of what the file says; NULL: by the file */
    const char *activations; /* "int8" or "float" inputs of ternary projections; NULL: as the model was trained */
    uint32_t i2_s_block;     /* I2_S files of some builds of bitnet.cpp: 64 (ARM), 4 (four rows at once); 0: 128 */
    bool embeddings;         /* for trit_embed only: nothing is prepared for choosing tokens */
    bool no_weights;         /* read the description only: the model can tell, not run; opens what cannot be run too */
    /* Called now and then while opening, from the calling thread, with the layers that are done and all (with bytes before that, if
     * the model has to be pulled); false stops (status cancelled). May be NULL. */
    bool (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
    /* bitnet.cpp's description of the kernels that TL1 and TL2 files are laid out for; NULL: kernel_config.ini beside the model, and
     * for the published shapes none is needed. */
    const char *kernel_config;
    const trit_lora_opts *loras; /* [n_loras] adapters that change the model, see trit/lora.h; borrowed for the call */
    size_t n_loras;
    bool merge_loras; /* they are added to the weights, also those that were trained beside them */
} trit_model_opts;

/* `ref`: a .gguf or .safetensors file, a .bin of llama2.c, a .pt for BitNet's CUDA kernels, a Hugging Face folder, "hf:org/name" or an
 * alias (pulled where the store lacks it, see trit/hub.h), "synthetic:SHAPE" (random weights of a published shape, see
 * trit_synthetic_at), or NULL/"" for the model inside the program. `opts` may be NULL. The caller closes.
 * Errors: io, format (names tensor or key, and the value), unsupported, numeric (a NaN in the weights), memory, cancelled, and those
 * of trit_hub_pull. */
TRIT_API TRIT_MUST_CHECK trit_status trit_model_open(trit_model **out, const char *ref, const trit_model_opts *opts, trit_error *err);
TRIT_API void trit_model_close(trit_model *model); /* NULL is fine */

/* Shapes for "synthetic:": name and what it is; NULL beyond the last. */
TRIT_API const char *trit_synthetic_at(size_t i, const char **what);

/* What a model is. Texts live as long as the model. */
typedef struct trit_model_info {
    const char *format;          /* "GGUF v3", "safetensors", "llama2.c", "PyTorch", "synthetic" */
    const char *arch;            /* name of the graph: "bitnet", "llama" */
    const char *file_arch;       /* as the file spells it: "bitnet-b1.58", "LlamaForCausalLM" */
    const char *name;            /* general.name, or "" */
    const char *activation;      /* "relu2", "silu", "gelu" */
    const char *activation_why;  /* how that was decided */
    const char *activations;     /* "int8" or "float": inputs of ternary projections */
    const char *activations_why; /* how that was decided */
    const char *scale_sense;     /* what the stored scales mean, "" where there is one way only */
    uint64_t n_params;           /* weights, packed ones as what they stand for; without scales and biases */
    uint64_t weight_bytes;       /* in memory form, mapped file parts included */
    uint32_t n_layers, dim, ff_dim, n_heads, n_kv_heads, head_dim, vocab_size, context_length;
    float norm_eps, rope_theta;
    bool tied_embeddings;
    const char *pooling;         /* of embeddings, as the file asks: "mean", "cls", "last", or "" */
    const char *chat_template;   /* as the file has it, or NULL */
    const char *problem;         /* why the file cannot be run; NULL if it can. Only with no_weights: else opening fails */
} trit_model_info;

TRIT_API void trit_model_describe(const trit_model *model, trit_model_info *out);

/* The model's adapters, in the order of the options; false beyond the last. */
TRIT_API bool trit_model_lora_at(const trit_model *model, size_t i, trit_lora_info *out);

/* What was concluded where the file leaves something open or is known to be wrong, a line each; NULL beyond the last. */
TRIT_API const char *trit_model_note_at(const trit_model *model, size_t i);

/* Why generation ends at this token (a key of the file, or "by its text"); NULL where it does not. Static. */
TRIT_API const char *trit_model_end_why(const trit_model *model, int32_t id);

/* Weights that an op list reads, and multiply-adds with them: of int8 activations or of floats. */
typedef struct trit_work {
    uint64_t weight_bytes; /* once a step, however many tokens it has; in memory form, scales included */
    uint64_t int8_macs, float_macs; /* a token */
} trit_work;

/* What a token at `position` (from 0) costs. Norms, embedding lookups and other small things are not counted. */
typedef struct trit_model_work {
    trit_work token;         /* the layers' projections */
    trit_work logits;        /* the head, read as it is where the likeliest token is taken: only for tokens whose logits are wanted */
    uint64_t attention_macs; /* in float */
    uint64_t cache_values;   /* of keys and values read; of how many bytes each is the engine's choice */
} trit_model_work;

/* `model` was opened with weights. */
TRIT_API void trit_model_count_work(const trit_model *model, uint32_t position, trit_model_work *out);

/* Tensors as the file has them, in file order; false beyond the last. */
typedef struct trit_tensor_info {
    const char *name; /* as the file spells it */
    const char *type; /* "I2_S" */
    uint32_t n_dims;
    uint64_t shape[4]; /* slowest first: [outputs, inputs] */
    uint64_t n_bytes;
} trit_tensor_info;

TRIT_API bool trit_model_tensor_at(const trit_model *model, size_t i, trit_tensor_info *out);

/* Decodes every block of tensor i and looks for codes that are none, values that are not finite and scales that no weights have
 * (beyond 10^6). Errors: format, numeric, unsupported (a layout that nothing tells), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_model_check_tensor(const trit_model *model, size_t i, trit_error *err);

/* Borrowed from the model; NULL where the file has none (weights alone). */
TRIT_API const trit_tokenizer *trit_model_tokenizer(const trit_model *model);

/* The chat template to use: as the file or folder has it but for releases known to ship a wrong one. Borrowed from the model; NULL
 * where there is none (a model that only continues texts). */
TRIT_API const char *trit_model_chat_template(const trit_model *model);

/* Renders a greeting with that template, if there is one. A template that refuses it (raise_exception) is no broken one. Errors:
 * format ("template line N: ..."), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_model_check_template(const trit_model *model, trit_error *err);

/* trit_chat_render with that template; bos_token and eos_token are the tokenizer's unless `opts` (may be NULL) names others.
 * Any thread. Errors: unsupported (the model has no template), and those of trit_chat_render. */
TRIT_API TRIT_MUST_CHECK trit_status trit_model_chat_render(const trit_model *model, const char *conversation, size_t n,
                                                            const trit_chat_opts *opts, trit_text *out, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
