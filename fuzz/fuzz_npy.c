/* Fuzzes the reader of NumPy's arrays: the input as a file, whose elements' ends are touched. */
#include "io/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_npy npy;
    trit_error err;
    if (trit_npy_parse(&npy, data, n, "input", &err) == trit_ok && npy.tensor.n_bytes) {
        volatile uint8_t ends = (uint8_t)(npy.tensor.data[0] ^ npy.tensor.data[npy.tensor.n_bytes - 1]);
        (void)ends;
    }
    return 0;
}
