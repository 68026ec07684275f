/* Any bytes as a JSON Schema: one that compiles leads to no dead end, and what its grammar takes is JSON. */
#include <stdlib.h>

#include "base/json.h"
#include "engine/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_error err;
    trit_grammar *grammar;
    trit_guide *guide;
    char text[400];
    size_t n_text = 0, at;
    if (trit_grammar_from_schema(&grammar, (const char *)data, n, NULL, &err) != trit_ok) return 0;
    if (trit_guide_new(&guide, grammar, NULL, &err) == trit_ok) {
        while (n_text < sizeof text && !trit_guide_must_end(guide)) {
            unsigned i = 0;
            for (; i < 256; i++) {
                text[n_text] = (char)(uint8_t)(n_text * 53 + i);
                if (trit_guide_move(guide, &text[n_text], 1, &at)) break;
            }
            if (i == 256 && !trit_guide_is_full(guide)) abort();
            if (i == 256) break;
            n_text++;
        }
        trit_json *document = NULL;
        if (trit_guide_must_end(guide)) {
            if (trit_json_parse(&document, text, n_text, "answer", &err) != trit_ok) abort();
            trit_json_free(document);
        }
        trit_guide_free(guide);
    }
    trit_grammar_free(grammar);
    return 0;
}
