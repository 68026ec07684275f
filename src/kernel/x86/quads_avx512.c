/* Ternary products on the way back with AVX-512. */
#define QUADS_MUL trit_quads_mul_avx512
#define VECTOR_BYTES 64
#include "kernel/quads_template.h"
