/* The unpackers with AVX2. */
#define UNPACK_TWO_BIT trit_unpack_two_bit_avx2
#define UNPACK_BASE3 trit_unpack_base3_avx2
#define UNPACK_Q6_K trit_unpack_q6_k_avx2
#include "kernel/unpack_template.h"
