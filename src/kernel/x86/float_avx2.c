/* The float kernels for AVX2 and F16C: 16 registers of eight lanes, so eight sums are all that fit beside their operands. */
#include "kernel/x86/v16_avx2.h"

#define KERNEL(slot) trit_##slot##_avx2
enum { GEMV_ROWS = 4, GEMM_ROWS = 1, GEMM_TOKENS = 4 };
#include "kernel/float_template.h"
