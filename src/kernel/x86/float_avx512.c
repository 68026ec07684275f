/* The float kernels for AVX-512: 32 registers of sixteen lanes. */
#include "kernel/x86/v16_avx512.h"

#define KERNEL(slot) trit_##slot##_avx512
enum { GEMV_ROWS = 8, GEMM_ROWS = 6, GEMM_TOKENS = 4 };
#include "kernel/float_template.h"
