/* trit pack-study in parts: what is measured, and how it is shown. */
#ifndef TRIT_CLI_PACK_STUDY_H
#define TRIT_CLI_PACK_STUDY_H

#include "load.h"
#include "trit/pack.h"

/* One tensor, or all together. */
typedef struct trit_pack_row {
    char *name;  /* owned; NULL: all together */
    const char *type; /* in the file; lives as long as the model */
    uint64_t n_rows, n_cols;
    uint64_t n, counts[3];  /* trits, and how many are -1, 0, +1 */
    uint64_t file_bytes;
    double bound;           /* bytes by the entropy of the counts */
    trit_pack_strategy chosen;
    uint64_t bytes[trit_pack_end];                           /* by each strategy, with header, scales and checksum */
    double pack_s[trit_pack_end], unpack_s[trit_pack_end];   /* seconds of one thread */
} trit_pack_row;

typedef struct trit_pack_study {
    const char *model;
    trit_pack_row *row; /* [n], owned */
    size_t n, capacity;
    trit_pack_row total;
    unsigned chosen[trit_pack_end]; /* how often auto took each */
    bool checked;
} trit_pack_study;

typedef struct trit_pack_study_opts {
    trit_opt_texts tensors; /* patterns; none: all */
    bool check, csv;
    trit_model_choice model;
    trit_output_choice output;
} trit_pack_study_opts;

/* pack_measure.c: packs every ternary tensor that is asked for by every strategy. Release it in any case. */
TRIT_MUST_CHECK trit_status trit_pack_study_run(trit_pack_study *out, const trit_model *model, const trit_pack_study_opts *o, trit_error *err);
void trit_pack_study_fini(trit_pack_study *study);

/* pack_print.c */
TRIT_MUST_CHECK trit_status trit_pack_study_json(const trit_pack_study *study, trit_error *err);
void trit_pack_study_csv(const trit_pack_study *study);
void trit_pack_study_text(const trit_pack_study *study);

#endif
