/* Any bytes as the file of what was measured; what is found there can be true, and stays what it is when the file is written anew. */
#include <stdlib.h>
#include <string.h>

#include "device/measured.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    const trit_str text = {(const char *)data, n}, key = trit_str_from("a"), other = trit_str_from("b");
    const double mine[] = {3.5, 2.5, 1.5, 0.5};
    double found[4], again[4];
    trit_text out = {0};
    const bool known = trit_measured_read(found, 4, text, key);
    if (!trit_measured_write(&out, 4, mine, text, other)) abort();
    const trit_str written = {out.data, out.n};
    if (!trit_measured_read(again, 4, written, other) || memcmp(again, mine, sizeof mine) != 0) abort();
    if (known && (!trit_measured_read(again, 4, written, key) || memcmp(again, found, sizeof found) != 0)) abort();
    for (size_t i = 0; known && i < 4; i++)
        if (!(found[i] > 0)) abort();
    trit_text_fini(&out);
    return 0;
}
