/* Constants that the scalar twins and the SIMD kernels share, so that their steps have the same operands.
 *
 * exp(x) = 2^k e^r with k = x / ln 2 rounded to nearest and r = x - k ln 2 in two parts: ln2_hi has 9 bits, so that k ln2_hi is
 * exact, and |r| <= 0.3467. e^r = 1 + r + r^2 (c2 + c3 r + ... + c6 r^4); the minimax polynomial is within 3.1e-9 of e^r
 * (relative, 2^-28), so roundings make nearly all of the error: 0.99 units in the last place at most over all floats (measured
 * by tests/kernel/test_exp.c). k appears in the low bits of a float by adding 1.5 * 2^23, whose unit is 1. */
#ifndef TRIT_KERNEL_NUMBERS_H
#define TRIT_KERNEL_NUMBERS_H

static const float trit_exp_low = -87.3f;               /* below: 0. exp(-87.3) = 1.2e-38 is still a normal float */
static const float trit_exp_high = 0x1.62e42ep+6f;      /* 88.72283; above: infinity */
static const float trit_exp_shift = 12582912.0f;        /* 1.5 * 2^23 */
static const float trit_exp_log2e = 0x1.715476p+0f;     /* 1 / ln 2 */
static const float trit_exp_ln2_hi = 0x1.63p-1f;        /* 355 / 512 */
static const float trit_exp_ln2_lo = -0x1.bd0106p-13f;  /* ln 2 - 355 / 512 */
static const float trit_exp_c2 = 0x1.fffffcp-2f;
static const float trit_exp_c3 = 0x1.555492p-3f;
static const float trit_exp_c4 = 0x1.5558f2p-5f;
static const float trit_exp_c5 = 0x1.123a2p-7f;
static const float trit_exp_c6 = 0x1.6a23dp-10f;

static const float trit_gelu_inner = 0.7978845608f; /* sqrt(2 / pi) */
static const float trit_gelu_cubic = 0.044715f;
static const float trit_gelu_slope = 1.5957691216f; /* twice the first: tanh(z) = 2 sigmoid(2 z) - 1 */
static const float trit_gelu_square = 0.134145f;    /* three times the second */
static const float trit_whole_shift = 12582912.0f;  /* 1.5 * 2^23, whose unit is 1: added and taken away again it rounds to a whole number */

#endif
