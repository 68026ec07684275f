/* What a quantized query holds besides its int16s; kernel.h says where. */
#ifndef TRIT_KERNEL_KV_QUERY_H
#define TRIT_KERNEL_KV_QUERY_H

#include <string.h>

#include "kernel/kernel.h"

/* The second half of a query whose first half is there. */
static inline void trit_kv_query_complete(int16_t *q, uint32_t d) {
    const size_t n = trit_kv_query_columns(d);
    for (size_t i = 0; i < n; i += 4) {
        const int16_t four[4] = {q[i], q[i + 2], q[i + 1], q[i + 3]};
        memcpy(q + n + i, four, sizeof four);
    }
}

#endif
