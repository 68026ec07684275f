/* What the files that read JSON Schemas share. */
#ifndef TRIT_ENGINE_GRAMMAR_SCHEMA_H
#define TRIT_ENGINE_GRAMMAR_SCHEMA_H

#include "base/json.h"
#include "base/str.h"
#include "engine/grammar.h"

/* Adds the rules of a GBNF text; those that it uses may be there already. Errors: as trit_grammar_from_gbnf. */
TRIT_MUST_CHECK trit_status trit_gbnf_read(trit_expr_tree *tree, const char *text, size_t n, trit_error *err);

/* One character of a JSON string's value, as JSON spells it. */
uint32_t trit_json_chars(trit_expr_tree *tree, const trit_char_range *range, size_t n, bool others);

/* A regular expression as JSON Schema has them (ECMA-262, without look-around, back references and word boundaries), over what is
 * between the quotes of a JSON string; it may match anywhere unless anchored. \d, \w, \s and their opposites stand for ASCII
 * characters alone, on which all dialects agree. The tree has a rule "char", any character of a JSON string. Errors: unsupported, format, memory. */
TRIT_MUST_CHECK trit_status trit_regex_read(trit_expr_tree *tree, uint32_t *out, trit_str pattern, const char *where, trit_error *err);

/* A number of JSON Schema as mantissa / 10^digits. */
typedef struct trit_decimal {
    int64_t mantissa;
    int digits;
} trit_decimal;

enum { trit_decimal_digits = 17 }; /* of the largest number that bounds may have */

bool trit_decimal_of(const trit_json *v, trit_decimal *out); /* false: no number, or one of more digits */

typedef struct trit_bounds {
    bool has_low, has_high, above_low, below_high; /* above, below: not the bound itself */
    trit_decimal low, high;
} trit_bounds;

/* Takes the narrower one of both. */
void trit_bounds_add(trit_bounds *b, trit_decimal bound, bool is_low, bool is_exclusive);

/* Whole or decimal numbers within the bounds, of 15 digits where there is none. A choice without alternatives: there are none. */
uint32_t trit_numbers_put(trit_expr_tree *tree, const trit_bounds *b, bool only_whole);

/* The regular expression of a format, or NULL. */
const char *trit_format_pattern(trit_str name);

/* ---- Schemas ---- */

/* All of these must hold; `done` are the keywords that were followed already. */
typedef struct trit_schema_part {
    const trit_json *schema;
    uint64_t done; /* as wide as the pointer: parts are compared as bytes */
} trit_schema_part;

enum { trit_schema_max_parts = 32, trit_schema_max_rules = 10000, trit_schema_max_effort = 1 << 22 };

typedef struct trit_schema_view {
    trit_schema_part part[trit_schema_max_parts];
    uint32_t n;
    bool never; /* one of them is false, or there are too many */
} trit_schema_view;

typedef struct trit_schema_rule {
    trit_schema_part *part; /* [n_parts] */
    uint32_t n_parts, rule; /* of the tree */
} trit_schema_rule;

typedef struct trit_schema_reader {
    trit_expr_tree tree;
    const trit_json *root;
    bool strict;
    trit_schema_rule *rule; /* [n_rules], the first n_read of them defined */
    size_t n_rules, n_read, capacity;
    trit_text where;        /* what is being read */
    uint64_t effort;        /* spent on comparing names and values */
    trit_status status;     /* the first error */
    trit_error *err;
} trit_schema_reader;

void trit_schema_fail(trit_schema_reader *r, trit_status status, const char *fmt, ...) TRIT_PRINTF(3, 4);

/* Before names (an effort of 1) or values are compared with each other, which may be as many as the square of the schema's length. False: no
 * more of it; the schema is refused. */
bool trit_schema_spend(trit_schema_reader *r, size_t effort);

void trit_schema_add(trit_schema_reader *r, trit_schema_view *view, const trit_json *schema); /* one more that must hold */

/* A use of the rule for a view that is named `name` below what is being read. */
uint32_t trit_schema_use(trit_schema_reader *r, const trit_schema_view *view, trit_str name);

/* The value of a keyword of a part, checked for its kind; NULL: it is not there. */
const trit_json *trit_schema_get(trit_schema_reader *r, const trit_json *schema, const char *keyword, trit_json_kind kind);
uint32_t trit_schema_count(trit_schema_reader *r, const trit_json *schema, const char *keyword, uint32_t otherwise);

const trit_json *trit_schema_property(trit_schema_reader *r, const trit_json *schema, trit_str name); /* of "properties"; NULL: not there */
bool trit_schema_same(trit_schema_reader *r, const trit_json *a, const trit_json *b);                  /* are they written alike? */

uint32_t trit_schema_name(trit_schema_reader *r, const char *rule); /* a use of one of the rules for JSON */

/* The expressions for values of one type. */
uint32_t trit_schema_object(trit_schema_reader *r, const trit_schema_view *view);
uint32_t trit_schema_array(trit_schema_reader *r, const trit_schema_view *view);

/* May a value satisfy both? False only where that is certain. */
bool trit_schemas_overlap(trit_schema_reader *r, const trit_json *a, const trit_json *b);
const trit_json *trit_schema_target(trit_schema_reader *r, const trit_json *schema); /* what its $ref names; NULL: it has none */

enum { /* types, as a set */
    trit_type_null = 1,
    trit_type_bool = 2,
    trit_type_integer = 4,
    trit_type_fraction = 8,
    trit_type_string = 16,
    trit_type_array = 32,
    trit_type_object = 64,
    trit_type_all = 127
};

unsigned trit_schema_types(trit_schema_reader *r, const trit_json *schema); /* those of "type"; all where there is none */
unsigned trit_schema_type_of(const trit_json *v);

#endif
