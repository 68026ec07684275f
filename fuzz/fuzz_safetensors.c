/* Fuzzes the safetensors reader: opens the input and touches the first and the last byte of every tensor. */
#include <stdlib.h>

#include "io/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_safetensors *s;
    trit_error err;
    if (trit_safetensors_open_memory(&s, data, n, "input", &err) != trit_ok) return 0;
    uint64_t n_bytes = 0;
    for (uint64_t i = 0; i < trit_safetensors_n_tensors(s); i++) {
        const trit_file_tensor *t = trit_safetensors_tensor_at(s, i);
        if (t->n_bytes) {
            volatile uint8_t ends = (uint8_t)(t->data[0] ^ t->data[t->n_bytes - 1]);
            (void)ends;
        }
        n_bytes += t->n_bytes;
    }
    if (n_bytes >= n) abort(); /* they tile what follows the header */
    (void)trit_safetensors_tensor(s, "weight");
    trit_safetensors_close(s);
    return 0;
}
