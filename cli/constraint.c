#include "constraint.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "input.h"

#define AT(field) offsetof(trit_constraint_choice, field)

const trit_option trit_constraint_options[2] = {
    {"grammar", 0, trit_opt_file, AT(grammar), "FILE", 0, 0, "answers are texts of this grammar (GBNF; its rule \"root\")"},
    {"schema", 0, trit_opt_file, AT(schema), "FILE", 0, 0, "answers are JSON by this JSON Schema: a file, or the schema itself where it begins with {"},
};

const char *trit_constraint_option(const trit_constraint_choice *choice) {
    return choice->grammar ? "--grammar" : choice->schema ? "--schema" : NULL;
}

trit_status trit_constraint_make(trit_grammar **out, const trit_constraint_choice *choice, trit_error *err) {
    trit_text text = {0};
    const char *file = choice->grammar ? choice->grammar : choice->schema;
    *out = NULL;
    if (!file) return trit_ok;
    if (choice->grammar && choice->schema) return trit_error_set(err, trit_arg, "--grammar does not go with --schema");
    if (choice->schema && file[0] == '{') return trit_grammar_from_schema(out, file, strlen(file), NULL, err);
    trit_status status = trit_input_read(&text, file, err);
    const char *data = text.data ? text.data : "";
    if (status == trit_ok)
        status = choice->grammar ? trit_grammar_from_gbnf(out, data, text.n, err) : trit_grammar_from_schema(out, data, text.n, NULL, err);
    trit_text_fini(&text);
    return status;
}
