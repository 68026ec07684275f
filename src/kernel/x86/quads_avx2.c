/* Ternary products on the way back with AVX2. */
#define QUADS_MUL trit_quads_mul_avx2
#define VECTOR_BYTES 32
#include "kernel/quads_template.h"
