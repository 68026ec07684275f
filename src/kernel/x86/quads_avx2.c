/* Ternary products on the way back with AVX2. */
#include "kernel/x86/turn_avx2.h"

#define QUADS_MUL trit_quads_mul_avx2
#define QUADS_I16_MUL trit_quads_i16_mul_avx2
#define VECTOR_BYTES 32
#define TURN_16 turn_16
#include "kernel/quads_template.h"
