/* Any bytes as the file of what was measured; what is found there can be true, and stays what it is when the file is written anew. */
#include <stdlib.h>
#include <string.h>

#include "device/cpu/cpu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    const trit_str text = {(const char *)data, n}, key = trit_str_from("a"), other = trit_str_from("b");
    const trit_tuning mine = {{3.5, 2.5}, {1.5, 0.5}};
    trit_tuning found, again;
    trit_text out = {0};
    const bool known = trit_tuning_read(&found, text, key);
    if (!trit_tuning_write(&out, text, other, &mine)) abort();
    const trit_str written = {out.data, out.n};
    if (!trit_tuning_read(&again, written, other) || memcmp(&again, &mine, sizeof mine) != 0) abort();
    if (known && (!trit_tuning_read(&again, written, key) || memcmp(&again, &found, sizeof found) != 0)) abort();
    for (size_t f = 0; known && f < 2; f++)
        if (!(found.one[f] > 0 && found.several[f] > 0)) abort();
    trit_text_fini(&out);
    return 0;
}
