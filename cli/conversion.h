/* What `convert` and `quantize` share: two names, what the output becomes, by how many threads, and what is said on the way. */
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

/* A conversion at work. */
typedef struct trit_conversion {
    trit_progress bar;
    trit_jsonw mended, notes, warnings; /* arrays: what was said */
    bool quiet;
} trit_conversion;

/* IN and OUT, no more and no less. Errors: arg. */
TRIT_MUST_CHECK trit_status trit_conversion_check(const trit_args *args, trit_error *err);

void trit_conversion_init(trit_conversion *c, const trit_output_choice *output);
void trit_conversion_fini(trit_conversion *c);
void trit_conversion_begin(trit_conversion *c, const char *doing); /* a bar with that before it */

/* Options by the user's choice, to which the caller adds what is its own. Their `user` is `c`. */
trit_convert_opts trit_conversion_opts(trit_conversion *c, const trit_conversion_choice *choice, const char *out);

void trit_conversion_end(trit_conversion *c); /* the bar goes, the arrays are whole */
void trit_conversion_put_json(const trit_conversion *c, trit_jsonw *w); /* keys of what was said, after the end */

#endif
