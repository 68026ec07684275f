/* Conversion of model files: from whatever trit_model_open opens to GGUF or to a Hugging Face folder, tensor by tensor. */
#ifndef TRIT_CONVERT_H
#define TRIT_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/lora.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a conversion says on its way: something known to be wrong in the input that is right in the output; what the output cannot
 * hold; what makes it unfit for use. */
typedef enum trit_convert_word { trit_convert_mended, trit_convert_note, trit_convert_warning } trit_convert_word;

/* A projection that adapters were added to, as the output has it. Texts live for the call. */
typedef struct trit_merged {
    const char *name, *type;   /* in the output */
    uint64_t n_rows, n_cols;
    double sqnr_db, max_error; /* of the output's values against weights + adapters: infinite, 0 where they are equal */
    double lost;               /* the root of the squared errors, over that of what the adapters add. 1: nothing is won by the merge */
} trit_merged;

typedef struct trit_convert_opts {
    /* Types of the ternary projections, the embeddings and the head, by their names in any case ("tq2_0"); NULL: as in the input
     * where the output can hold it, and for ternary weights the first type that holds them exactly. */
    const char *type, *embed_type, *head_type;
    bool hugging_face;   /* the output is a folder with model.safetensors and config.json, not a GGUF file */
    bool force;          /* scales that the type cannot hold become the nearest that it can; else that is an error */
    uint32_t i2_s_block; /* of I2_S tensors of the input, as in trit_model_opts; 0: 128. Written are blocks of 128 */
    /* Called now and then from the calling thread, with the bytes that are written and all; false stops (status cancelled). May
     * be NULL. */
    bool (*progress)(void *user, uint64_t done, uint64_t total);
    void (*say)(void *user, trit_convert_word word, const char *text); /* one line; may be NULL */
    void *user;
    const char *kernel_config; /* as in trit_model_opts */
    unsigned n_threads;        /* 0: TRIT_THREADS, else the physical cores. The output and the report are the same for any number */
    /* [n_loras] adapters that are added to the weights. Floats and masters take the sum; trits the nearest trits with the scale that fits
     * them best, which loses much: adapters are better kept beside ternary weights. Not in a quantization. */
    const trit_lora_opts *loras;
    size_t n_loras;
    void (*on_merged)(void *user, const trit_merged *projection); /* in the order of the output; may be NULL */
    /* [n_keep] the tokens of the output, rising ids of the input's (trit_tokenizer_choose): rows of embeddings and head, tokens, scores, merges
     * and ids follow. A sequence of these tokens alone has the same logits for them. That texts become the same tokens needs a
     * set that is closed, as trit_tokenizer_choose makes it: what a kept token is merged of is kept. NULL: all. Not in a quantization. */
    const int32_t *keep;
    size_t n_keep;
} trit_convert_opts;

typedef struct trit_convert_report {
    uint64_t n_tensors;           /* written */
    uint64_t bytes_in, bytes_out; /* of tensors */
    double max_error;             /* of a weight, relative to the largest of its row; of masters: against what they are quantized to */
    bool lossless;                /* the output computes with the same weights, to the bit */
} trit_convert_report;

/* Converts the model `in` (as trit_model_open takes it, but no synthetic one) to the file or folder `out`, which appears, or is
 * replaced, only when all is well. One tensor is in memory at a time. Errors: io (also: the disk has no room), format,
 * unsupported (what the output cannot hold: names a type that can), arg (an unknown type), numeric, memory, cancelled. */
TRIT_API TRIT_MUST_CHECK trit_status trit_convert(const char *in, const char *out, const trit_convert_opts *opts,
                                                  trit_convert_report *report, trit_error *err);

/* Names of the types that can be written, in lower case; NULL beyond the last. Static. */
TRIT_API const char *trit_convert_type_at(uint32_t i);

#ifdef __cplusplus
}
#endif
#endif
