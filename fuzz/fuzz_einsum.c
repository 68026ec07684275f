/* Any text as an equation of einsum: first the number of operands and the sizes of each, then the equation. */
#include <stdlib.h>
#include <string.h>

#include "trit/device.h"
#include "trit/linalg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static trit_device *device;

/* A digit is a size, anything else ends the shape. */
static size_t read_shape(const uint8_t *data, size_t n, int64_t shape[trit_max_dims], uint32_t *n_dims) {
    size_t i = 0;
    for (*n_dims = 0; i < n && data[i] >= '0' && data[i] <= '3' && *n_dims < 5; i++) shape[(*n_dims)++] = data[i] - '0';
    return i < n ? i + 1 : n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static int8_t elements[243]; /* 3^5 */
    trit_tensor *operands[4] = {NULL}, *out = NULL;
    trit_error err;
    char text[64];
    if (!device && trit_device_open(&device, "cpu", &(trit_device_opts){.n_threads = 1}, &err) != trit_ok) abort();
    const uint32_t count = n ? data[0] % 4 + 1 : 1;
    size_t at = n ? 1 : 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t shape[trit_max_dims];
        uint32_t n_dims;
        at += read_shape(data + at, n - at, shape, &n_dims);
        if (trit_tensor_borrow(&operands[i], device, trit_dtype_i8, n_dims, shape, NULL, elements, &err) != trit_ok) abort();
    }
    const size_t length = n - at < sizeof text - 1 ? n - at : sizeof text - 1;
    memcpy(text, data + at, length);
    text[length] = '\0';
    if (trit_tensor_einsum(&out, text, count, (const trit_tensor *const *)operands, &err) == trit_ok && !out) abort();
    trit_tensor_free(out);
    for (uint32_t i = 0; i < count; i++) trit_tensor_free(operands[i]);
    return 0;
}
