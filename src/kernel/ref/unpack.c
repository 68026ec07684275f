/* Scalar twins of the unpackers. */
#define UNPACK_TWO_BIT trit_unpack_two_bit_scalar
#define UNPACK_BASE3 trit_unpack_base3_scalar
#define UNPACK_Q6_K trit_unpack_q6_k_scalar
#include "kernel/unpack_template.h"
