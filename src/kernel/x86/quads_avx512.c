/* Ternary products on the way back with AVX-512. */
#include "kernel/x86/turn_avx512.h"

#define QUADS_MUL trit_quads_mul_avx512
#define QUADS_I16_MUL trit_quads_i16_mul_avx512
#define VECTOR_BYTES 64
#define TURN_16 turn_16
#include "kernel/quads_template.h"
