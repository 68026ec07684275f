/* Any bytes as a grammar: one that compiles is followed along its own shortest-looking text, and never leads to a dead end. */
#include <stdlib.h>

#include "engine/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* One of the bytes that can be next, or -1. */
static int some_byte(trit_guide *guide, unsigned from) {
    for (unsigned i = 0; i < 256; i++) {
        char byte = (char)(uint8_t)(from + i);
        size_t at;
        if (trit_guide_move(guide, &byte, 1, &at)) return (int)(from + i) & 255;
    }
    return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_error err;
    trit_grammar *grammar;
    trit_guide *guide;
    if (trit_grammar_from_gbnf(&grammar, (const char *)data, n, &err) != trit_ok) return 0;
    if (trit_guide_new(&guide, grammar, NULL, &err) == trit_ok) {
        for (unsigned i = 0; i < 100; i++)
            if (some_byte(guide, i * 37) < 0 && !trit_guide_may_end(guide) && !trit_guide_is_full(guide)) abort();
        trit_guide_free(guide);
    }
    trit_grammar_free(grammar);
    return 0;
}
