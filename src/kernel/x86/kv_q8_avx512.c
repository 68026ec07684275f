/* Attention over the q8 cache with AVX-512. */
#define KERNEL(slot) trit_##slot##_avx512
#include "kernel/x86/kv_q8_zmm.h"
