/* Any bytes as a SentencePiece tokenizer.model; what opens must encode and decode without a fault. */
#include <stdlib.h>

#include "text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char text[] = " hello  hell o\xC3\xA9llo <s> \xE2\x96\x81";
    trit_tokenizer *t = NULL;
    trit_error err;
    if (trit_tokenizer_from_spm(&t, (trit_str){(const char *)data, n}, "input", &err)) return 0;
    trit_ids ids = {0};
    trit_text back = {0};
    trit_encode_opts opts = {.special = true};
    if (trit_tokenizer_encode(t, &ids, text, sizeof text - 1, &opts, &err) == trit_ok &&
        trit_tokenizer_decode(t, &back, ids.data, ids.n, true, &err))
        abort();
    trit_text_fini(&back);
    trit_ids_fini(&ids);
    trit_tokenizer_close(t);
    return 0;
}
