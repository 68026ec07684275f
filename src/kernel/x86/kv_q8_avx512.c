/* Attention over the q8 cache with AVX-512. */
#include "kernel/x86/i16_avx512.h"

#define KERNEL(slot) trit_##slot##_avx512
#include "kernel/kv_q8_template.h"
