/* Attention over the q8 cache with AVX-VNNI: dpwssd multiplies and adds in one instruction. */
#include "kernel/x86/i16_avx2.h"

#define KERNEL(slot) trit_##slot##_avxvnni
#include "kernel/kv_q8_template.h"
