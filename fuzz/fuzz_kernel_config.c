/* Fuzzes the reader of kernel_config.ini. */
#include "io/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_kernel_config c;
    trit_error err;
    trit_tile tile;
    if (trit_kernel_config_from_memory(&c, (trit_str){(const char *)data, n}, "input", &err) == trit_ok)
        (void)trit_kernel_config_find(&c, trit_dtype_tl2, 3200, 8640, &tile);
    return 0;
}
