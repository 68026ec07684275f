/* A template's text as tokens: data between tags, and what stands inside of tags. */
#ifndef TRIT_JINJA_LEX_H
#define TRIT_JINJA_LEX_H

#include <stdint.h>

#include "base/str.h"
#include "jinja/arena.h"
#include "trit/status.h"

typedef enum trit_jtoken_kind {
    trit_jt_end,            /* of the template */
    trit_jt_data,           /* text outside of tags, whitespace control applied */
    trit_jt_variable_begin, /* {{ */
    trit_jt_variable_end,
    trit_jt_block_begin,    /* {% */
    trit_jt_block_end,
    trit_jt_name,
    trit_jt_string,         /* text: the literal's value, escapes resolved */
    trit_jt_int,            /* text: digits without underscores, perhaps 0x, 0o or 0b in front */
    trit_jt_float,
    trit_jt_operator
} trit_jtoken_kind;

typedef struct trit_jtoken {
    trit_jtoken_kind kind;
    uint32_t line; /* from 1 */
    trit_str text; /* in the arena */
} trit_jtoken;

/* The tokens of source[0..n), the last of kind `end`, in the arena as is all that they point to. Errors: format, memory. */
TRIT_MUST_CHECK trit_status trit_jinja_lex(trit_jtoken **out, trit_jarena *arena, const char *source, size_t n, trit_error *err);

#endif
