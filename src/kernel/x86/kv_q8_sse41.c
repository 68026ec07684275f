/* Attention over the q8 cache with SSE4.1. */
#include "kernel/x86/i16_sse41.h"

#define KERNEL(slot) trit_##slot##_sse41
#include "kernel/kv_q8_template.h"
