/* Quantization of model files: a conversion (trit/convert.h) whose types are chosen by rules, or by a budget. */
#ifndef TRIT_QUANTIZE_H
#define TRIT_QUANTIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/convert.h"
#include "trit/model.h"
#include "trit/quant.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Mean squared inputs of a model's projections over a text, column by column: errors of columns that are mostly small matter less.
 * Owner: the caller. */
typedef struct trit_importance trit_importance;

typedef struct trit_calibrate_opts {
    uint32_t max_tokens; /* of the text; 0: 16384 */
    uint32_t window;     /* tokens that see each other; 0: 512, at most the model's context */
    /* As trit_model_opts has it, with tokens. */
    bool (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
} trit_calibrate_opts;

/* Runs `model` over text[0..n). `opts` may be NULL. Errors: unsupported (no tokenizer), arg (an empty text), numeric, memory, cancelled. */
TRIT_API TRIT_MUST_CHECK trit_status trit_calibrate(trit_importance **out, const trit_model *model, const char *text, size_t n,
                                                    const trit_calibrate_opts *opts, trit_error *err);
TRIT_API void trit_importance_free(trit_importance *importance); /* NULL is fine */
TRIT_API uint64_t trit_importance_tokens(const trit_importance *importance); /* that were looked at */

/* What became of a matrix. Texts live for the call. */
typedef struct trit_quantized {
    const char *name;           /* in the output */
    const char *scheme;         /* what its values are: "Q4_K", "3bit-asym-g128"; "kept" where they are the input's */
    const char *type_in, *type; /* of the files */
    uint64_t n_rows, n_cols, bytes_in, bytes;
    double mse, sqnr_db, cosine, max_error; /* of the values that the output holds */
    double weighted_sqnr_db;    /* with squares weighed by the importance; NaN without */
    double predicted_sqnr_db;   /* what a budget was planned with (weighted, where there is an importance); NaN without */
} trit_quantized;

typedef struct trit_quantize_opts {
    /* `type`, `embed_type` and `head_type` are NULL: rules say it. */
    trit_convert_opts convert;
    /* Lines "PATTERN TARGET"; the first whose pattern fits a matrix decides. PATTERN: '*' any text, '?' a character; of GGUF's name
     * ("blk.0.attn_q.weight"), the same counted from the last layer ("blk.-1.attn_q.weight"), or the input's own name. TARGET: a file
     * type, a scheme (trit_scheme_parse), SCHEME@TYPE for its values in that type, or "keep". '#' begins a comment. `rules` come before
     * `policy`, and only they reach weights that are ternary already, by patterns other than "*". Either may be NULL. */
    const char *rules, *policy;
    uint64_t budget; /* bytes of all tensors: matrices that no rule names get the types of least error that fit; 0: none */
    const trit_importance *importance; /* borrowed; NULL: all columns alike */
    void (*on_tensor)(void *user, const trit_quantized *tensor); /* in the order of the output; `user` is the conversion's. May be NULL */
} trit_quantize_opts;

/* Converts the model `in` to `out` by the rules. Ternary weights stay ternary; rows that are no whole blocks of a type take a
 * wider one, which is said. Errors: those of trit_convert, arg (a rule, with its line; a budget that is too small: names the least). */
TRIT_API TRIT_MUST_CHECK trit_status trit_quantize(const char *in, const char *out, const trit_quantize_opts *opts,
                                                   trit_convert_report *report, trit_error *err);

/* Rules of a policy by its name, one of TRIT_POLICIES, or NULL. Static. */
#define TRIT_POLICIES "conservative, balanced, aggressive"
TRIT_API const char *trit_policy_text(const char *name);

#ifdef __cplusplus
}
#endif
#endif
