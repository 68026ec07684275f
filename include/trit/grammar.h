/* Grammars: which texts an answer may be. A request that has one (trit_request.grammar) gets no token that leads astray, and ends
 * where the text is complete; so does a text cut by max_tokens or the context, as far as the grammar can be brought to an end in
 * that many tokens. docs/grammars.md has the languages and their limits. */
#ifndef TRIT_GRAMMAR_H
#define TRIT_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Immutable. Requests keep what they need of it: it may be freed as soon as the last of them is submitted. Any thread. */
typedef struct trit_grammar trit_grammar;

/* From text[0..n) in GBNF, the grammars of llama.cpp; the answer is a "root". Errors: format (names the line), unsupported, memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_grammar_from_gbnf(trit_grammar **out, const char *text, size_t n, trit_error *err);

typedef struct trit_schema_opts {
    bool strict; /* as OpenAI's strict mode: each object has additionalProperties false and requires all of its properties */
} trit_schema_opts;

/* JSON that satisfies the JSON Schema (2020-12) in json[0..n). Properties come in the schema's order; a keyword that is not supported is an
 * error that names it. `opts` may be NULL. Errors: format (the schema is no JSON, or broken), unsupported, memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_grammar_from_schema(trit_grammar **out, const char *json, size_t n, const trit_schema_opts *opts,
                                                              trit_error *err);

/* A rule that a JSON Schema defines. */
typedef struct trit_grammar_value {
    const char *name, *json; /* of the rule; the schema [n] */
    size_t n;
    bool strict; /* see trit_schema_opts */
} trit_grammar_value;

/* GBNF whose rules may use those of `values`, and of JSON itself (value, object, array, string, number, boolean, null), by their names: JSON
 * inside another text. Errors: as of both. */
TRIT_API TRIT_MUST_CHECK trit_status trit_grammar_from_parts(trit_grammar **out, const char *text, size_t n, const trit_grammar_value *values,
                                                             size_t n_values, trit_error *err);

TRIT_API void trit_grammar_free(trit_grammar *grammar); /* NULL is fine */

/* Is text[0..n) one of the grammar's? Errors: format (names the first byte that cannot stand there, or says that the text ends too
 * early), fail (the grammar is too ambiguous for the text), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_grammar_check(const trit_grammar *grammar, const char *text, size_t n, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
