/* Embeddings: texts to vectors, by a decoder's last hidden states. */
#ifndef TRIT_EMBED_H
#define TRIT_EMBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/engine.h"
#include "trit/memory.h"
#include "trit/model.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which of the final norm's outputs become the vector of a text. */
typedef enum trit_pooling {
    trit_pooling_default, /* as the file asks; where it does not: the last token */
    trit_pooling_mean,    /* the mean over all tokens */
    trit_pooling_cls,     /* the first token */
    trit_pooling_last     /* the last token: the end token, where the tokenizer adds one */
} trit_pooling;

TRIT_API const char *trit_pooling_name(trit_pooling pooling); /* "mean", "cls", "last"; "" for default */
TRIT_API bool trit_pooling_find(trit_pooling *out, const char *name); /* false: no such pooling */

typedef struct trit_embed_opts {
    trit_pooling pooling;
    bool no_normalize;      /* leave the vectors' lengths as they are, else L2 norm 1 */
    uint32_t dims;          /* the first so many numbers, normalized after the cut; 0: all. For models trained for that (Matryoshka) */
    uint32_t max_sequences; /* texts that are computed together; 0: 8 */
    uint32_t context;       /* tokens of a text at most; 0: the model's, at most 8192 */
    uint32_t chunk;         /* tokens computed together; 0: the engine chooses */
    trit_kv_type kv;        /* default: f16 */
} trit_embed_opts;

typedef struct trit_embedder trit_embedder;

/* `model` is borrowed and must outlive the embedder, which one thread uses at a time. `opts` may be NULL. Errors: arg (dims beyond
 * the model's), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_embedder_new(trit_embedder **out, const trit_model *model, const trit_embed_opts *opts,
                                                       trit_error *err);
TRIT_API void trit_embedder_free(trit_embedder *embedder); /* NULL is fine */
TRIT_API uint32_t trit_embedder_dims(const trit_embedder *embedder);
TRIT_API trit_pooling trit_embedder_pooling(const trit_embedder *embedder); /* the one in use */

/* out [n, dims] = the vectors of texts[0..n), each given as its tokens. A text's vector is the same bits in any company.
 * Errors: arg (an empty text, a token outside the vocabulary), context (a text is too long: names both numbers), numeric (a vector
 * that is not finite), memory, device_error. */
TRIT_API TRIT_MUST_CHECK trit_status trit_embed(trit_embedder *embedder, float *out, const trit_ids *texts, size_t n, trit_error *err);

/* The same in steps, for who has more to do meanwhile. begin: up to max_sequences texts, borrowed for the call, while nothing is at work; what is
 * refused leaves nothing at work. step: runs the model once, and *over says whether all are done. take, then: out [dims] = the vector of
 * text i; dims 0: as many as the embedder has. After an error of step, unless *over was set, the embedder is only to be freed. */
TRIT_API TRIT_MUST_CHECK trit_status trit_embed_begin(trit_embedder *embedder, const trit_ids *texts, size_t n, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_embed_step(trit_embedder *embedder, bool *over, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_embed_take(const trit_embedder *embedder, float *out, size_t i, uint32_t dims, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
