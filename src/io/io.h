/* Model files: containers of named tensors and metadata. Their bytes are hostile: every count, size and offset is checked
 * against the file before it is used, and nothing is allocated in proportion to a number that the file merely claims. */
#ifndef TRIT_IO_IO_H
#define TRIT_IO_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/os.h"
#include "base/str.h"
#include "tensor/file_tensor.h"
#include "trit/status.h"

/* Makes the bytes of a tensor when their turn to be written comes, so that a conversion holds one tensor at a time, or less:
 * writes dst[0..tensor->n_bytes). Where pieces were asked for, it is called for one after the other, with the piece's n_bytes.
 * tensor->data is not looked at; context outlives the writing. An error ends the writing. */
typedef trit_status (*trit_tensor_fill)(void *context, const trit_file_tensor *tensor, uint8_t *dst, trit_error *err);

/* ---- GGUF (v2, v3) ---------------------------------------------------------------------------------------------------- */

typedef enum trit_gguf_type {
    trit_gguf_u8, trit_gguf_i8, trit_gguf_u16, trit_gguf_i16, trit_gguf_u32, trit_gguf_i32, trit_gguf_f32, trit_gguf_bool,
    trit_gguf_string, trit_gguf_array, trit_gguf_u64, trit_gguf_i64, trit_gguf_f64
} trit_gguf_type;

typedef struct trit_gguf_kv {
    trit_str key;
    trit_gguf_type type;      /* of the value */
    trit_gguf_type item_type; /* of an array's items */
    uint64_t n;               /* items of an array, 1 for a scalar */
    const uint8_t *data;      /* first item, unaligned; strings are u64 length + bytes */
} trit_gguf_kv;

enum { trit_gguf_max_dims = 4 };

/* Immutable after open: shared freely by threads. */
typedef struct trit_gguf trit_gguf;

/* Maps and checks the whole file. The caller closes it. Errors: io, format, unsupported (v1, big-endian, a type that is not
 * in dtypes.def), memory. */
TRIT_MUST_CHECK trit_status trit_gguf_open(trit_gguf **out, const char *path, trit_error *err);

/* The same over bytes in memory that outlive the file object (the model inside the program). `what` names it in errors. */
TRIT_MUST_CHECK trit_status trit_gguf_open_memory(trit_gguf **out, const void *data, size_t n, const char *what, trit_error *err);
void trit_gguf_close(trit_gguf *g);

uint32_t trit_gguf_version(const trit_gguf *g); /* 0: another container, see below */
uint64_t trit_gguf_n_kv(const trit_gguf *g);
const trit_gguf_kv *trit_gguf_kv_at(const trit_gguf *g, uint64_t i);
const trit_gguf_kv *trit_gguf_find(const trit_gguf *g, const char *key); /* NULL: absent */

/* Scalars, lenient about widths: any integer type answers for any integer key, f32 and f64 for each other. False: absent or
 * of another kind, or (int) out of the range of int64_t. Items of arrays by index. */
bool trit_gguf_int(const trit_gguf_kv *kv, uint64_t i, int64_t *out);
bool trit_gguf_real(const trit_gguf_kv *kv, uint64_t i, double *out); /* integers count as well */
bool trit_gguf_bool_value(const trit_gguf_kv *kv, bool *out);
bool trit_gguf_str(const trit_gguf_kv *kv, trit_str *out); /* scalars only */

uint64_t trit_gguf_value_bytes(const trit_gguf_kv *kv); /* as it stands in its file, behind type and count */

/* Fills out[0..kv->n) with the strings of an array of strings. False: another type. */
bool trit_gguf_strs(const trit_gguf_kv *kv, trit_str *out);

uint64_t trit_gguf_n_tensors(const trit_gguf *g);
const trit_file_tensor *trit_gguf_tensor_at(const trit_gguf *g, uint64_t i); /* in file order */
const trit_file_tensor *trit_gguf_tensor(const trit_gguf *g, const char *name); /* NULL: absent; O(1) */

/* Forks gave the same type numbers to different types; what was concluded of one that is used by several. The signals are bits, the
 * strongest the highest. */
typedef enum trit_gguf_signal { trit_gguf_by_architecture = 1, trit_gguf_by_file_type = 2, trit_gguf_by_bytes = 4 } trit_gguf_signal;

typedef struct trit_gguf_conclusion {
    uint32_t id;
    trit_dtype dtype;
    unsigned signals;  /* that spoke for it */
    const char *rival; /* the other type */
} trit_gguf_conclusion;

const trit_gguf_conclusion *trit_gguf_conclusion_at(const trit_gguf *g, size_t i); /* NULL beyond the last */

/* Writing: collects keys and tensors, then writes beside and renames. Owner: the caller frees. */
typedef struct trit_gguf_writer trit_gguf_writer;

TRIT_MUST_CHECK trit_status trit_gguf_writer_new(trit_gguf_writer **out, trit_error *err);
void trit_gguf_writer_free(trit_gguf_writer *w);
TRIT_MUST_CHECK trit_status trit_gguf_put_u32(trit_gguf_writer *w, const char *key, uint32_t v, trit_error *err);
TRIT_MUST_CHECK trit_status trit_gguf_put_f32(trit_gguf_writer *w, const char *key, float v, trit_error *err);
TRIT_MUST_CHECK trit_status trit_gguf_put_bool(trit_gguf_writer *w, const char *key, bool v, trit_error *err);
TRIT_MUST_CHECK trit_status trit_gguf_put_str(trit_gguf_writer *w, const char *key, trit_str v, trit_error *err);
TRIT_MUST_CHECK trit_status trit_gguf_put_strs(trit_gguf_writer *w, const char *key, const trit_str *v, uint64_t n, trit_error *err);
TRIT_MUST_CHECK trit_status trit_gguf_put_i32s(trit_gguf_writer *w, const char *key, const int32_t *v, uint64_t n, trit_error *err);
TRIT_MUST_CHECK trit_status trit_gguf_put_f32s(trit_gguf_writer *w, const char *key, const float *v, uint64_t n, trit_error *err);
TRIT_MUST_CHECK trit_status trit_gguf_put_bools(trit_gguf_writer *w, const char *key, const bool *v, uint64_t n, trit_error *err);
/* A key of another file with its value, whatever its type. */
TRIT_MUST_CHECK trit_status trit_gguf_put_kv(trit_gguf_writer *w, const trit_gguf_kv *kv, trit_error *err);
/* `tensor` is copied, its data is borrowed until the file is written. piece_bytes 0: made in one piece. */
TRIT_MUST_CHECK trit_status trit_gguf_put_tensor(trit_gguf_writer *w, const trit_file_tensor *tensor, trit_error *err);
TRIT_MUST_CHECK trit_status trit_gguf_put_tensor_later(trit_gguf_writer *w, const trit_file_tensor *tensor, trit_tensor_fill fill,
                                                       void *context, uint64_t piece_bytes, trit_error *err);
TRIT_MUST_CHECK trit_status trit_gguf_write(trit_gguf_writer *w, const char *path, trit_error *err);

/* ---- llama2.c (.bin, versions 0 and 1) --------------------------------------------------------------------------------- */

/* A model file of llama2.c, presented as the GGUF file of architecture "llama" that holds the same: its tensors by the names of
 * GGUF, its header under the keys "llama.*", and the tokens of a tokenizer.bin beside it, where that has as many as the model,
 * under "tokenizer.ggml.*". A .bin that is GGUF inside is opened as such. The caller closes it with trit_gguf_close. Errors: io,
 * format (the size is not what the header says), unsupported (version 2, a file of PyTorch), memory. */
TRIT_MUST_CHECK trit_status trit_llama2c_open(trit_gguf **out, const char *path, trit_error *err);
/* The same over bytes in memory that outlive the object; `tokens` are those of a tokenizer.bin or n = 0, and need not. */
TRIT_MUST_CHECK trit_status trit_llama2c_open_memory(trit_gguf **out, trit_file_map model, trit_file_map tokens, const char *what,
                                                     trit_error *err);
/* A tokenizer.bin alone: a file of keys without tensors. */
TRIT_MUST_CHECK trit_status trit_llama2c_open_tokenizer(trit_gguf **out, const char *path, trit_error *err);

/* ---- PyTorch (.pt): int2 checkpoints of BitNet for CUDA ------------------------------------------------------------------ */

/* model_state_int2.pt of Microsoft's GPU folder, presented as the GGUF file of architecture "bitnet-b1.58" that holds the same: GPU_INT2
 * matrices with their scales; the tokenizer stands elsewhere. Some tensors' bytes are made, so pages must not be dropped. The caller
 * closes it with trit_gguf_close. Errors: io, format, unsupported (another checkpoint; whatever a pickle of tensors does not need), memory. */
TRIT_MUST_CHECK trit_status trit_pt_open(trit_gguf **out, const char *path, trit_error *err);
/* The same over bytes in memory that outlive the object. */
TRIT_MUST_CHECK trit_status trit_pt_open_memory(trit_gguf **out, trit_file_map file, const char *what, trit_error *err);

/* ---- safetensors ------------------------------------------------------------------------------------------------------ */

/* One file or the shards of an index, seen as one set of tensors. Immutable after open. Tensors of a dtype that is not in
 * dtypes.def are an `unsupported` error that names it. */
typedef struct trit_safetensors trit_safetensors;

/* `path`: a .safetensors file, a model.safetensors.index.json, or a folder that holds either. */
TRIT_MUST_CHECK trit_status trit_safetensors_open(trit_safetensors **out, const char *path, trit_error *err);
/* One file already in memory, which outlives the object (fuzzing, tests). */
TRIT_MUST_CHECK trit_status trit_safetensors_open_memory(trit_safetensors **out, const void *data, size_t n, const char *what,
                                                         trit_error *err);
void trit_safetensors_close(trit_safetensors *s);
uint64_t trit_safetensors_n_tensors(const trit_safetensors *s);
const trit_file_tensor *trit_safetensors_tensor_at(const trit_safetensors *s, uint64_t i);
const trit_file_tensor *trit_safetensors_tensor(const trit_safetensors *s, const char *name); /* NULL: absent; O(1) */

/* Writing one file: collects tensors, then writes beside and renames. Owner: the caller frees. `tensor` is copied; its bytes are
 * made by `fill` in pieces of piece_bytes (0: at once), or borrowed from tensor->data where that is NULL. Errors: arg (a type that
 * safetensors lacks, a name put twice), memory, and when writing io and those of the fills. */
typedef struct trit_safetensors_writer trit_safetensors_writer;

TRIT_MUST_CHECK trit_status trit_safetensors_writer_new(trit_safetensors_writer **out, trit_error *err);
void trit_safetensors_writer_free(trit_safetensors_writer *w);
TRIT_MUST_CHECK trit_status trit_safetensors_put_tensor(trit_safetensors_writer *w, const trit_file_tensor *tensor, trit_tensor_fill fill,
                                                        void *context, uint64_t piece_bytes, trit_error *err);
TRIT_MUST_CHECK trit_status trit_safetensors_write(trit_safetensors_writer *w, const char *path, trit_error *err);

/* ---- kernel_config.ini of bitnet.cpp ----------------------------------------------------------------------------------- */

enum { trit_max_kernels = 64 };

typedef struct trit_kernel_shape {
    uint32_t n_rows, n_cols;
    trit_tile tile;
} trit_kernel_shape;

typedef struct trit_kernel_config {
    trit_kernel_shape shape[trit_max_kernels];
    size_t n;
} trit_kernel_config;

/* Errors: io, format (names the line). */
TRIT_MUST_CHECK trit_status trit_kernel_config_open(trit_kernel_config *out, const char *path, trit_error *err);
TRIT_MUST_CHECK trit_status trit_kernel_config_from_memory(trit_kernel_config *out, trit_str text, const char *what, trit_error *err);
/* The kernel of a TL1 or TL2 matrix of this shape: the file's (n 0: no file), or else the published models'. False: neither has it. */
bool trit_kernel_config_find(const trit_kernel_config *c, trit_dtype dtype, uint64_t n_rows, uint64_t n_cols, trit_tile *out);

/* ---- Hugging Face configuration --------------------------------------------------------------------------------------- */

/* How a release of packed or master weights means its scales (quantization_config of config.json). */
typedef enum trit_hf_quant {
    trit_hf_quant_none,       /* no quantization_config, and no field that says BitNet */
    trit_hf_quant_divide,     /* linear_class "bitlinear": y = acc / (s_act * weight_scale) */
    trit_hf_quant_multiply,   /* "autobitlinear", offline: y = acc / s_act * weight_scale */
    trit_hf_quant_online      /* "autobitlinear", online, or the b1.58 masters of 1bitLLM (weight_bits 1): quantize at load */
} trit_hf_quant;

typedef struct trit_hf_config {
    trit_json *json;      /* the parsed config.json, owned */
    char *architecture;   /* architectures[0], owned; "" if absent */
    char *model_type;     /* owned; "" if absent */
    trit_hf_quant quant;
    int32_t eos[16];      /* eos_token_id of config.json and generation_config.json together */
    uint32_t n_eos;
    int32_t bos;          /* -1: absent */
    const char *pooling;  /* of 1_Pooling/config.json (sentence-transformers): "mean", "cls", "last"; "" if absent */
} trit_hf_config;

/* Reads config.json (and generation_config.json and 1_Pooling/config.json when present) of a folder, or beside a .safetensors file or an index. Errors:
 * io (no config.json: names the path), format, unsupported (another quantization than BitNet's), memory. */
TRIT_MUST_CHECK trit_status trit_hf_config_open(trit_hf_config *out, const char *path, trit_error *err);
/* The same over texts in memory, which need not outlive the call; generation may be NULL (fuzzing, tests). */
TRIT_MUST_CHECK trit_status trit_hf_config_from_memory(trit_hf_config *out, trit_str config, const trit_str *generation,
                                                       const char *what, trit_error *err);
void trit_hf_config_fini(trit_hf_config *c);

/* ---- PEFT adapters ------------------------------------------------------------------------------------------------------ */

enum { trit_max_lora_rank = 1 << 16 };

/* Key of ours in adapter_config.json and, behind "adapter.lora.", in GGUF adapters: true where the adapter was trained inside the
 * quantizer, so that its product belongs to the weights before they are quantized. */
#define TRIT_PEFT_INSIDE "trit_inside"

/* The files of a folder. trit_peft_path: one of them; *out is empty or an older path, and ends with trit_text_fini. Errors: memory. */
#define TRIT_PEFT_CONFIG "adapter_config.json"
#define TRIT_PEFT_WEIGHTS "adapter_model.safetensors"
TRIT_MUST_CHECK trit_status trit_peft_path(trit_text *out, const char *folder, const char *file, trit_error *err);

typedef struct trit_peft_config {
    trit_json *json; /* the parsed adapter_config.json, owned */
    bool is_inside;
} trit_peft_config;

/* Reads adapter_config.json of a folder. Errors: io, format, unsupported (whatever is no plain LoRA: names the key), memory. */
TRIT_MUST_CHECK trit_status trit_peft_config_open(trit_peft_config *out, const char *folder, trit_error *err);
/* The same over a text in memory, which need not outlive the call (fuzzing, tests). */
TRIT_MUST_CHECK trit_status trit_peft_config_from_memory(trit_peft_config *out, trit_str text, const char *what, trit_error *err);
void trit_peft_config_fini(trit_peft_config *c);
/* Of a module, "model.layers.0.self_attn.q_proj": the rank of its matrices, and what their product is multiplied by. */
uint32_t trit_peft_rank(const trit_peft_config *c, trit_str module);
double trit_peft_scaling(const trit_peft_config *c, trit_str module);

#endif
