/* What `convert`, `export` and `quantize` share: two names, what the output becomes, by how many threads, and what is said on the way. */
#ifndef TRIT_CLI_CONVERSION_H
#define TRIT_CLI_CONVERSION_H

#include "base/progress.h"
#include "jsonw.h"
#include "load.h"
#include "trit/convert.h"

typedef struct trit_conversion_choice {
    const char *format;
    int64_t threads;
} trit_conversion_choice;

extern const trit_option trit_conversion_options[2];
#define TRIT_CONVERSION_GROUP(type, member) {"Files", trit_conversion_options, TRIT_COUNT(trit_conversion_options), offsetof(type, member)}

/* Types of what is written, as `convert` and `export` take them. */
typedef struct trit_type_choice {
    const char *type, *embed_type, *head_type;
    bool force;
} trit_type_choice;

extern const trit_option trit_type_options[4];
#define TRIT_TYPE_GROUP(type, member) {"Types", trit_type_options, TRIT_COUNT(trit_type_options), offsetof(type, member)}

/* A conversion at work. */
typedef struct trit_conversion {
    trit_progress bar;
    trit_jsonw mended, notes, warnings; /* arrays: what was said */
    trit_jsonw merged;                  /* an array: projections that adapters were added to */
    size_t n_merged;
    double worst_lost;                  /* of their change, and of which projection */
    char worst_name[64];
    bool quiet;
} trit_conversion;

/* IN and OUT, no more and no less. Errors: arg. */
TRIT_MUST_CHECK trit_status trit_conversion_check(const trit_args *args, trit_error *err);

void trit_conversion_init(trit_conversion *c, const trit_output_choice *output);
void trit_conversion_fini(trit_conversion *c);
void trit_conversion_begin(trit_conversion *c, const char *doing); /* a bar with that before it */

bool trit_conversion_to_folder(const trit_conversion_choice *choice, const char *out); /* else OUT is a GGUF file */
/* Options by the user's choice, to which the caller adds what is its own. Their `user` is `c`. */
trit_convert_opts trit_conversion_opts(trit_conversion *c, const trit_conversion_choice *choice, const char *out);

struct trit_prune_choice; /* prune.h */

/* All of `convert`: from IN to OUT, and what is said of it. Errors: those of trit_convert. */
typedef struct trit_conversion_wish {
    const trit_type_choice *types;
    const trit_conversion_choice *files;
    const trit_output_choice *output;
    uint32_t i2_s_block;       /* as in trit_convert_opts */
    const char *kernel_config;
    const trit_opt_texts *loras; /* FILE[:SCALE] of --lora; NULL: none */
    const struct trit_prune_choice *prune; /* NULL: all tokens stay */
} trit_conversion_wish;

TRIT_MUST_CHECK trit_status trit_conversion_run(const trit_conversion_wish *wish, const char *in, const char *out, trit_error *err);

void trit_conversion_end(trit_conversion *c); /* the bar goes, the arrays are whole */
void trit_conversion_put_json(const trit_conversion *c, trit_jsonw *w); /* keys of what was said, after the end */

#endif
