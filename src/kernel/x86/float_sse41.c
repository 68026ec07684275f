/* The float kernels for SSE4.1: 16 registers of four lanes, so two sums of sixteen lanes are all that fit. */
#include "kernel/x86/v16_sse41.h"

#define KERNEL(slot) trit_##slot##_sse41
enum { GEMV_ROWS = 2, GEMM_ROWS = 1, GEMM_TOKENS = 2 };
#include "kernel/float_template.h"
