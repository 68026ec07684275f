/* A conversion's parts, for the files of this folder:
 *
 *   convert.c          what is asked for, checks before and after, writing
 *   plan.c             which tensors the output has, from which of the input, in which type
 *   bytes.c            the bytes of one of them, and how far they are from the input's
 *   rows.c             the threads that make them
 *   prune.c            a vocabulary of fewer tokens
 *   merge.c            what is told of weights that adapters were added to
 *   quantize.c         a conversion by rules: recipe.c reads them, scheme.c makes integers of floats, budget.c weighs errors against bytes
 *   keys.c             metadata of GGUF: copied and mended, or from the configuration
 *   hf.c               config.json
 *   vocab.c            a folder's tokenizer as GGUF's lists
 *   tokenizer_json.c   the way back */
#ifndef TRIT_MODEL_CONVERT_CONVERT_H
#define TRIT_MODEL_CONVERT_CONVERT_H

#include <math.h>

#include "base/team.h"
#include "model/convert/recipe.h"
#include "model/importance.h"
#include "model/model.h"
#include "trit/quantize.h"

typedef struct trit_convert_job trit_convert_job;

typedef enum trit_convert_role {
    trit_role_copy,    /* the input's bytes */
    trit_role_values,  /* floats made here */
    trit_role_rows,    /* rows of floats */
    trit_role_ternary, /* rows of trits */
    trit_role_scheme,  /* rows of floats, as the integers of a scheme */
    trit_role_scale    /* the scale of the packed tensor before this one */
} trit_convert_role;

/* What packing did to weights. */
typedef struct trit_convert_difference {
    double largest; /* relative to the row's largest weight */
    bool beyond;    /* some weight is off by more than the rounding of a scale */
    bool detailed;  /* the errors below are wanted */
    const float *importance; /* of the columns, or NULL */
    trit_quant_error error, weighted;
    double change_square;    /* of what adapters added to the weights */
} trit_convert_difference;

/* A tensor of the output. */
typedef struct trit_convert_tensor {
    trit_convert_job *job;
    trit_file_tensor out;       /* without data; of HF_TERNARY the packed U8 form */
    trit_dtype dtype;      /* what its bytes mean */
    trit_convert_role role;
    const trit_file_tensor *in; /* NULL: values, scale */
    trit_linear linear;    /* rows: `matrix` and `factor` are read; ternary: all */
    trit_heads heads;
    const int32_t *rows;   /* [rows of the output] of the input, borrowed; NULL: all */
    float add;             /* to rows of floats */
    uint64_t made;         /* bytes that have been written */
    float *values;         /* owned */
    char *name;            /* owned */
    /* Of matrices in a quantization: */
    char key[48];            /* GGUF's name; "" for all else */
    trit_scheme scheme;      /* of the role */
    bool is_free;            /* no rule named it: a budget may choose its type */
    const float *importance; /* [n_cols] or NULL */
    trit_convert_difference difference; /* of what is made */
    double predicted;        /* error over signal, squares; NaN: nothing is predicted */
} trit_convert_tensor;

struct trit_convert_job {
    trit_model *m;
    trit_team *team; /* owned */
    const trit_convert_opts *o;
    const trit_quantize_opts *q; /* NULL: a plain conversion */
    trit_recipe recipe;          /* of a quantization */
    size_t n_exact;              /* matrices of floats that are ternary already and become trits */
    size_t n_widened;            /* matrices whose rows are no whole blocks of what was asked for */
    size_t n_crude;              /* of floats, that became trits or signs */
    double crude_cosine;         /* sum over them */
    double merge_error, merge_change; /* squares, of all projections that adapters were added to */
    trit_dtype type, embed_type, head_type; /* trit_n_dtypes: none is asked for */
    trit_convert_tensor *tensor;            /* [n] */
    size_t n, capacity;
    bool same_container;
    bool keeps_masters;  /* float masters stay floats in a Hugging Face folder */
    bool merges_trits;   /* into floats, with an adapter: they are no masters */
    bool drops_head;     /* the head repeats the embeddings */
    int32_t *now;        /* [vocab_size] new ids of the input's tokens, -1: left out; owned; NULL: all stay as they are */
    float scale;         /* of the HF_TERNARY tensor that was packed last */
    uint64_t bytes_done;
    trit_convert_report report;
};

void trit_convert_say(const trit_convert_job *job, trit_convert_word word, const char *fmt, ...) TRIT_PRINTF(3, 4);

/* plan.c */
trit_status trit_convert_plan(trit_convert_job *job, trit_error *err);
void trit_convert_plan_fini(trit_convert_job *job);
trit_dtype trit_convert_main_type(const trit_convert_job *job); /* of the projections: the one that most have */
bool trit_convert_any_ternary(const trit_convert_job *job);
bool trit_convert_retype(trit_convert_tensor *t, trit_dtype dtype); /* of rows of floats; false: they do not fit its blocks */

/* convert.c */
trit_status trit_convert_run(trit_convert_job *job, const char *in, const char *out, trit_convert_report *report, trit_error *err);

/* bytes.c */
trit_status trit_convert_advance(trit_convert_job *job, uint64_t n_bytes, trit_error *err); /* tells the progress; cancelled: stop */
uint64_t trit_convert_piece(const trit_convert_tensor *t); /* bytes that can be made at a time; 0: all */
trit_status trit_convert_fill(void *tensor, const trit_file_tensor *out, uint8_t *dst, trit_error *err);
/* The first type of the output's container that holds ternary weights exactly (ternary ones before float ones), or floats. */
trit_status trit_convert_exact_type(trit_dtype *out, const trit_convert_tensor *t, trit_error *err);
bool trit_convert_can_hold(const trit_convert_job *job, trit_dtype dtype); /* does the container know the type, and can it be packed? */

void trit_convert_compare(trit_convert_difference *d, const float *want, const float *got, uint64_t n);
/* The packed bytes of a tensor as a matrix; `scale` is that of HF_TERNARY. */
trit_quant_matrix trit_convert_view(const trit_convert_tensor *t, trit_dtype dtype, const uint8_t *bytes, uint64_t n_bytes, float scale);
uint64_t trit_convert_source_row(const trit_convert_tensor *t, uint64_t row); /* the row of the input that becomes `row` */
uint64_t trit_convert_n_rows(const trit_convert_tensor *t);                   /* of the output, of those that have `linear` */

/* prune.c */
trit_status trit_convert_prune(trit_convert_job *job, trit_error *err); /* once the input is open */
uint32_t trit_convert_vocab_size(const trit_convert_job *job);          /* of the output */
int32_t trit_convert_now(const trit_convert_job *job, int32_t id);      /* -1: left out, or it was -1 */
trit_status trit_convert_prune_rows(trit_convert_tensor *table, trit_error *err);
/* Shortens the lists of `d`, which are these, and renumbers its ids. */
typedef struct trit_vocab_lists {
    trit_str *token, *merge;
    int32_t *type;
    float *score; /* or NULL */
} trit_vocab_lists;
trit_status trit_convert_prune_vocab(const trit_convert_job *job, trit_vocab_desc *d, trit_vocab_lists lists, trit_error *err);
trit_status trit_convert_put_pruned(const trit_convert_job *job, trit_gguf_writer *w, const trit_gguf_kv *kv, trit_error *err);

/* merge.c */
double trit_convert_change(const trit_linear *linear, uint64_t row, const float *adapted, float *scratch); /* squares of a row's */
void trit_convert_tell_merged(trit_convert_job *job, const trit_convert_tensor *t, const trit_convert_difference *d);
void trit_convert_tell_merge(const trit_convert_job *job); /* of all together, at the end */

/* rows.c */
/* What a thread does with a row, in n_scratch floats of its own; it adds to *d. */
typedef trit_status trit_convert_row(void *ctx, uint64_t row, float *scratch, trit_convert_difference *d);
/* Does it with the rows [0, n). The status is that of the first row, of those that failed, and in words only what went wrong here. */
trit_status trit_convert_rows(const trit_convert_job *job, uint64_t n, trit_convert_row *row, void *ctx, uint64_t n_scratch,
                              trit_convert_difference *d, trit_error *err);
static inline double trit_convert_larger(double a, double b) { /* NaN where one of them is */
    return a >= b || isnan(a) ? a : b;
}

/* quantize.c */
/* Decides what a matrix of floats becomes: dtype, role, scheme. A float type, or a type that the rule asked for. */
trit_status trit_convert_by_rules(trit_convert_tensor *draft, trit_error *err);
void trit_convert_tell(trit_convert_job *job, const trit_convert_tensor *t, const trit_convert_difference *d); /* one tensor is written */
trit_dtype trit_convert_wider(trit_dtype dtype, uint64_t n_cols); /* the type, or the next one whose blocks the rows fit */

/* scheme.c */
trit_status trit_convert_carrier(trit_dtype *out, const trit_convert_tensor *draft, const trit_target *target, trit_error *err);
trit_status trit_convert_fill_scheme(const trit_convert_tensor *t, uint8_t *dst, uint64_t n_bytes, trit_convert_difference *d, trit_error *err);

/* budget.c */
trit_status trit_convert_meet_budget(trit_convert_job *job, trit_error *err);

/* keys.c */
trit_status trit_convert_put_keys(const trit_convert_job *job, trit_gguf_writer *w, trit_error *err);

/* hf.c */
typedef struct trit_convert_folder { /* what config.json says of a model */
    const trit_model *m;
    const trit_tokenizer *tokenizer; /* NULL: none */
    bool is_tied, is_ternary;
    bool is_packed;   /* ternary weights are packed, */
    bool has_masters; /* or floats to be quantized at load */
    bool merges_trits; /* as the job's */
    const trit_convert_job *pruned; /* whose tokens and ids count; NULL: all stay */
} trit_convert_folder;
trit_status trit_convert_write_folder(const trit_convert_folder *f, const char *folder, trit_error *err);
trit_status trit_convert_write_config(const trit_convert_job *job, const char *folder, trit_error *err);
/* The parameters of "llama3" that made the divisors of a GGUF file's rope_freqs.weight; false: no such. */
bool trit_convert_find_llama3(const trit_model *m, trit_rope_scaling *out);

/* vocab.c */
trit_status trit_convert_put_vocab(const trit_convert_job *job, trit_gguf_writer *w, trit_error *err);
/* tokenizer_json.c */
trit_status trit_convert_copy_vocab(const char *from, const char *to, trit_error *err); /* the files of a folder, as they are */
trit_status trit_convert_write_vocab(const trit_convert_job *job, const char *folder, trit_error *err);
bool trit_convert_has_vocab(const trit_model *m); /* can the model's tokenizer be written, or copied? */

#endif
