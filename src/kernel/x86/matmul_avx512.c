/* The product of matrices with AVX-512. An element that an instruction repeats as it reads it costs nothing, and one that is repeated in a
 * register takes a turn of the units that multiply and add (Zen 4: 39 instead of 59 thousand million multiply-adds a second). */
#define MATMUL trit_matmul_avx512
#define VECTOR_BYTES 64
#define READS_AGAIN
#include "kernel/matmul_template.h"
