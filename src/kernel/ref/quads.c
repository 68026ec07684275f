/* Scalar twin of ternary products on the way back. */
#define QUADS_MUL trit_quads_mul_scalar
#define QUADS_I16_MUL trit_quads_i16_mul_scalar
#define VECTOR_BYTES 16
#include "kernel/quads_template.h"
