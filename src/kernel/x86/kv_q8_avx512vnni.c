/* Attention over the q8 cache with AVX-512 VNNI: dpwssd multiplies and adds in one instruction. */
#define KERNEL(slot) trit_##slot##_avx512vnni
#include "kernel/x86/kv_q8_zmm.h"
