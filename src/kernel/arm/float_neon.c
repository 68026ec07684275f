/* The float kernels for AdvSIMD: 32 registers of four lanes, so four sums of sixteen lanes fit beside their operands. */
#include "kernel/arm/v16_neon.h"

#define KERNEL(slot) trit_##slot##_neon
enum { GEMV_ROWS = 4, GEMM_ROWS = 1, GEMM_TOKENS = 4 };
#include "kernel/float_template.h"
