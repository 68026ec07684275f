/* exp, log, sin, cos and powers of our own in double: the same bits on every machine, which libm's are not. Only sums,
 * products, quotients and bit operations, each rounded by itself. Errors stay below 2e-15 relative (powers 1e-14; sin and cos
 * 1e-15 absolute) in the ranges that the library uses; the tests measure them. */
#ifndef TRIT_BASE_MATH_H
#define TRIT_BASE_MATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

double trit_exp(double x);                      /* 0 below -745, infinity above 709.79 */
void trit_exp_each(double *y, const double *x, size_t n); /* y[i] = trit_exp(x[i]), the same bits, several times as fast; y is not x */
double trit_log(double x);                      /* -infinity at 0, NaN below */
double trit_pow(double base, double exponent);  /* exp(exponent log base), base > 0 */
double trit_log_sum_exp(const float *x, size_t n); /* ln(exp x[0] + ... + exp x[n - 1]), n >= 1, summed in that order */
void trit_sincos(double x, double *sin, double *cos); /* |x| < 1e9 */
bool trit_all_finite(const float *x, size_t n);
uint32_t trit_argmax(const float *x, uint32_t n); /* the first of the largest, n >= 1 */
bool trit_any_nan(const float *x, size_t n);

#endif
