/* Attention over the q8 cache with AVX2. */
#include "kernel/x86/i16_avx2.h"

#define KERNEL(slot) trit_##slot##_avx2
#include "kernel/kv_q8_template.h"
