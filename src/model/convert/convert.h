/* A conversion's parts, for the files of this folder:
 *
 *   convert.c          what is asked for, checks before and after, writing
 *   plan.c             which tensors the output has, from which of the input, in which type
 *   bytes.c            the bytes of one of them, and how far they are from the input's
 *   keys.c             metadata of GGUF: copied and mended, or from the configuration
 *   hf.c               config.json
 *   vocab.c            a folder's tokenizer as GGUF's lists
 *   tokenizer_json.c   the way back */
#ifndef TRIT_MODEL_CONVERT_CONVERT_H
#define TRIT_MODEL_CONVERT_CONVERT_H

#include "model/model.h"
#include "trit/convert.h"

typedef struct trit_convert_job trit_convert_job;

typedef enum trit_convert_role {
    trit_role_copy,    /* the input's bytes */
    trit_role_values,  /* floats made here */
    trit_role_rows,    /* rows of floats */
    trit_role_ternary, /* rows of trits */
    trit_role_scale    /* the scale of the packed tensor before this one */
} trit_convert_role;

/* How rows of heads change places: RoPE takes neighbours in some GGUF files, and halves of a head elsewhere. */
typedef enum trit_convert_heads { trit_heads_stay, trit_heads_to_neighbours, trit_heads_to_halves } trit_convert_heads;

/* A tensor of the output. */
typedef struct trit_convert_tensor {
    trit_convert_job *job;
    trit_tensor out;       /* without data; of HF_TERNARY the packed U8 form */
    trit_dtype dtype;      /* what its bytes mean */
    trit_convert_role role;
    const trit_tensor *in; /* NULL: values, scale */
    trit_linear linear;    /* rows: `matrix` and `factor` are read; ternary: all */
    trit_convert_heads heads;
    float add;             /* to rows of floats */
    uint64_t made;         /* bytes that have been written */
    float *values;         /* owned */
    char *name;            /* owned */
} trit_convert_tensor;

struct trit_convert_job {
    trit_model *m;
    const trit_convert_opts *o;
    trit_dtype type, embed_type, head_type; /* trit_n_dtypes: none is asked for */
    trit_convert_tensor *tensor;            /* [n] */
    size_t n, capacity;
    bool same_container;
    bool keeps_masters;  /* float masters stay floats in a Hugging Face folder */
    bool drops_head;     /* the head repeats the embeddings */
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

/* bytes.c */
trit_status trit_convert_advance(trit_convert_job *job, uint64_t n_bytes, trit_error *err); /* tells the progress; cancelled: stop */
uint64_t trit_convert_piece(const trit_convert_tensor *t); /* bytes that can be made at a time; 0: all */
trit_status trit_convert_fill(void *tensor, const trit_tensor *out, uint8_t *dst, trit_error *err);
/* The first type of the output's container that holds ternary weights exactly (ternary ones before float ones), or floats. */
trit_status trit_convert_exact_type(trit_dtype *out, const trit_convert_tensor *t, trit_error *err);
bool trit_convert_can_hold(const trit_convert_job *job, trit_dtype dtype); /* does the container know the type, and can it be packed? */

/* keys.c */
trit_status trit_convert_put_keys(const trit_convert_job *job, trit_gguf_writer *w, trit_error *err);

/* hf.c */
trit_status trit_convert_write_config(const trit_convert_job *job, const char *folder, trit_error *err);
/* The parameters of "llama3" that made the divisors of a GGUF file's rope_freqs.weight; false: no such. */
bool trit_convert_find_llama3(const trit_model *m, trit_rope_scaling *out);

/* vocab.c */
trit_status trit_convert_put_vocab(const trit_convert_job *job, trit_gguf_writer *w, trit_error *err);
/* tokenizer_json.c */
trit_status trit_convert_write_vocab(const trit_convert_job *job, const char *folder, trit_error *err);

#endif
