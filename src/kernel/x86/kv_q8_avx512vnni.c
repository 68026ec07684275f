/* Attention over the q8 cache with AVX-512 VNNI: dpwssd multiplies and adds in one instruction. */
#include "kernel/x86/i16_avx512.h"

#define KERNEL(slot) trit_##slot##_avx512vnni
#include "kernel/kv_q8_template.h"
