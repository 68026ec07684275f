/* Chat templates: the Jinja language as Hugging Face runs it (trim_blocks, lstrip_blocks, loop controls, no autoescape).
 *
 *   source -> lex.c -> tokens -> parse.c, parse_expr.c -> tree (immutable) -> exec.c, eval.c over values -> text
 *
 * Templates come from strangers: every render runs under limits on steps, depth, output and memory, and nothing of the machine
 * but the time of day can be seen from inside. Values live in an arena of the render and die with it. */
#ifndef TRIT_JINJA_JINJA_H
#define TRIT_JINJA_JINJA_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "trit/memory.h"
#include "trit/status.h"

/* A compiled template. Immutable: any number of threads may render one. Owner: who compiled it. */
typedef struct trit_jinja trit_jinja;

/* source[0..n) is copied. Errors: format ("template line N: ..."), memory. */
TRIT_MUST_CHECK trit_status trit_jinja_compile(trit_jinja **out, const char *source, size_t n, trit_error *err);
void trit_jinja_free(trit_jinja *template); /* NULL is fine */

/* Zero means the default. */
typedef struct trit_jinja_limits {
    uint64_t steps;      /* nodes evaluated and elements touched: 20 million */
    uint32_t depth;      /* of nested evaluation, macro calls included: 500 */
    size_t output_bytes; /* 64 MiB */
    size_t memory_bytes; /* of all values: 256 MiB */
} trit_jinja_limits;

/* The time of day that strftime_now tells; year 0: by the clock, in the machine's time zone. */
typedef struct trit_jinja_time {
    int year, month, day, hour, minute, second; /* month 1..12, day 1..31 */
} trit_jinja_time;

typedef struct trit_jinja_opts {
    const char *bos_token, *eos_token; /* variables of these names unless the document has them; NULL: not defined */
    trit_jinja_time now;
    trit_jinja_limits limits;
    const char *const *none; /* names that are none unless the document has them, NULL-terminated; NULL: no such names */
} trit_jinja_opts;

/* Replaces `out` by the rendering. `variables` is a JSON object whose members become the template's variables (NULL: none).
 * `opts` may be NULL. Errors: format (an error of the template, or a limit; "template line N: ..."), arg (`variables` is no
 * object, or the template itself refused the conversation by raise_exception), memory. */
TRIT_MUST_CHECK trit_status trit_jinja_render(const trit_jinja *template, trit_text *out, const trit_json *variables,
                                              const trit_jinja_opts *opts, trit_error *err);

#endif
