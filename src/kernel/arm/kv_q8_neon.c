/* Attention over the q8 cache with AdvSIMD. */
#include "kernel/arm/i16_neon.h"

#define KERNEL(slot) trit_##slot##_neon
#include "kernel/kv_q8_template.h"
