/* What the layers of a transformer are made of, on tensors: the ops of programs (`trit run`), with gradients.
 *
 * Elements are F32 or F64, of one type in a call; inputs may be any views. With gradients as in trit/grad.h, for all inputs but angles and
 * positions. F32 has the bits of the ops of programs where these exist: norms, rotations, GLUs. The same bits for any number of threads.
 * Errors of all: arg (types, shapes that do not fit, named), memory.
 *
 * Sources: RMSNorm arXiv:1910.07467, RoPE arXiv:2104.09864, attention arXiv:1706.03762 by blocks as in arXiv:2307.08691, GQA arXiv:2305.13245, GLU
 * variants arXiv:2002.05202, W1.58A8 and its straight-through gradients arXiv:2402.17764. */
#ifndef TRIT_NN_H
#define TRIT_NN_H

#include "trit/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y = x / sqrt(mean(x^2) + eps) * w over each of n_parts equal parts of the last dimension: x [..., n], w [n / n_parts]. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_rms_norm(trit_tensor **out, const trit_tensor *x, const trit_tensor *w, int64_t n_parts,
                                                          double eps, trit_error *err);

/* Rotates each of n_heads heads of d elements by the angles of its row: x [T, n_heads d], angles [T, 2 half], cosines, then sines. The first
 * 2 half elements of a head are turned, in pairs (i, i + half) where `neox`, else (2 i, 2 i + 1): a cos - b sin, b cos + a sin; the others stay.
 * Angles have no gradient. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_rope(trit_tensor **out, const trit_tensor *x, const trit_tensor *angles, int64_t n_heads,
                                                      bool neox, trit_error *err);

/* softmax(q k^T factor) v, head by head: q [T, n_heads d], k and v [T, n_kv_heads d], the result [T, n_heads d]; n_heads / n_kv_heads heads of q
 * share one of k and v. Row t sees rows first[t], ..., t: first [T], whole numbers in 0 ... t, tells documents, sequences and windows apart. No
 * matrix of T by T is ever made. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_attention(trit_tensor **out, const trit_tensor *q, const trit_tensor *k, const trit_tensor *v,
                                                           const trit_tensor *first, int64_t n_heads, int64_t n_kv_heads, double factor,
                                                           trit_error *err);

/* The same of F32 tensors, with the operands of its products, and of those of its gradient, rounded to bfloat16 as trit_tensor_matmul_bf16 does: q times the
 * factor, k, v, the weights, and back their and the result's gradients; maxima, exponentials and sums stay F32. Faster where `trit info` says yes to
 * avx512bf16, the same bits elsewhere. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_attention_bf16(trit_tensor **out, const trit_tensor *q, const trit_tensor *k, const trit_tensor *v,
                                                                const trit_tensor *first, int64_t n_heads, int64_t n_kv_heads, double factor,
                                                                trit_error *err);

/* x sigmoid(x); max(x, 0)^2; GELU by tanh. */
typedef enum trit_activation { trit_act_silu, trit_act_relu2, trit_act_gelu } trit_activation;

/* act(gate) up, of one shape. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_glu(trit_tensor **out, const trit_tensor *gate, const trit_tensor *up,
                                                     trit_activation activation, trit_error *err);

/* Activations as int8 would hold them: x + lambda (q(x) - x), q(x) = round(x s) / s within -128 ... 127, s = 127 / max(max |x|, 1e-5) of a row, the
 * last dimension. Halves round to even. The gradient passes straight through, as if this were x. lambda in 0 ... 1: 1 quantizes. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_absmax_int8(trit_tensor **out, const trit_tensor *x, double lambda, trit_error *err);

/* Weights as trits would hold them: w + lambda (g trit(w) - w), trit(w) = round(w / g) within -1 ... 1, g = max(mean |w|, 1e-5). w is a matrix
 * [m, k]; group 0: one g for all of it, k: one for each row, else one for each `group` neighbours in a row, the last of which may be fewer. The
 * gradient passes straight through. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_absmean_ternary(trit_tensor **out, const trit_tensor *w, int64_t group, double lambda,
                                                                 trit_error *err);

/* y = x w^T as the finished model computes it, where both were quantized by the two functions above with lambda 1: x [n, k] as int8 by absmax, rows
 * of w [m, k] trits times one scale each; F32. Sums are of whole numbers, so y is that of the floats but for their rounding. No gradient. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_ternary_product(trit_tensor **out, const trit_tensor *x, const trit_tensor *w, trit_error *err);

/* Its gradient for x [n, k]: gy w, gy [n, m] that of y, w as above; F32. Sums of four rows of w at a time come from tables, 1.4 to 1.9 times as fast
 * as a product of the floats (docs/performance.md) and wrong by as few roundings. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_ternary_product_grad(trit_tensor **out, const trit_tensor *gy, const trit_tensor *w, trit_error *err);

/* The same, coarser and faster: gy by the scales of w's rows becomes whole numbers of 11 bits, 32 neighbours in a row at a time by their absmax m (at
 * least 2^-100), round(v 1023 / m), halves to even. Sums of 32 are of whole numbers, those of m / 1023 times these of floats. A token of which a
 * number is not finite gets NaN everywhere. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_ternary_product_grad_i16(trit_tensor **out, const trit_tensor *gy, const trit_tensor *w,
                                                                          trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
