/* Fuzzes the reader of config.json: the input up to its first line feed is config.json, the rest generation_config.json. */
#include <string.h>

#include "io/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    const uint8_t *cut = n ? memchr(data, '\n', n) : NULL;
    const size_t n_config = cut ? (size_t)(cut - data) : n;
    const trit_str config = {(const char *)data, n_config};
    const trit_str generation = {(const char *)data + n_config, n - n_config};
    trit_hf_config c;
    trit_error err;
    if (trit_hf_config_from_memory(&c, config, cut ? &generation : NULL, "input", &err) == trit_ok) trit_hf_config_fini(&c);
    return 0;
}
