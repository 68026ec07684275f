/* Any bytes as a JSON document: parsing, walking all of it, and writing every string and number back. */
#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void walk(const trit_json *v) {
    trit_text out = {0};
    trit_str s = trit_json_as_str(v), key;
    const trit_json *value;
    void *iter = NULL;
    if (s.p && !trit_json_write_str(&out, s.p, s.n)) abort();
    if (trit_json_kind_of(v) == trit_json_real && !trit_json_write_f64(&out, trit_json_as_real(v, 0))) abort();
    if (out.n) { /* what we write is JSON, and says the same */
        trit_json *again = NULL;
        if (trit_json_parse(&again, out.data, out.n, "written", NULL)) abort();
        if (s.p && !trit_str_equal(trit_json_as_str(again), s)) abort();
        trit_json_free(again);
    }
    trit_text_fini(&out);
    (void)trit_json_as_int(v, 0);
    while (trit_json_next(v, &iter, &key, &value)) walk(value);
    for (size_t i = 0; trit_json_kind_of(v) == trit_json_array && i < trit_json_length(v); i++) walk(trit_json_at(v, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_json *doc = NULL;
    trit_error err;
    if (trit_json_parse(&doc, (const char *)data, n, "input", &err) == trit_ok) walk(doc);
    trit_json_free(doc);
    return 0;
}
