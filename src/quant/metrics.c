/* Error metrics of quantization: sums in double, in the order of the values. */
#include <math.h>

#include "trit/quant.h"

void trit_quant_error_add(trit_quant_error *e, const float *want, const float *got, size_t n) {
    trit_quant_error_add_weighted(e, want, got, NULL, n);
}

void trit_quant_error_add_weighted(trit_quant_error *e, const float *want, const float *got, const float *weight, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double a = (double)want[i], b = (double)got[i], w = weight ? (double)weight[i] : 1, off = fabs(a - b);
        e->error_square += w * off * off;
        e->want_square += w * a * a;
        e->got_square += w * b * b;
        e->product += w * a * b;
        if (!(off <= e->largest) && !isnan(e->largest)) e->largest = off;
    }
    e->n += n;
}

double trit_quant_mse(const trit_quant_error *e) {
    return e->n ? e->error_square / (double)e->n : 0;
}

double trit_quant_sqnr_db(const trit_quant_error *e) {
    return e->error_square == 0 ? INFINITY : 10 * log10(e->want_square / e->error_square);
}

double trit_quant_cosine(const trit_quant_error *e) {
    if (e->want_square == 0 && e->got_square == 0) return 1;
    if (e->want_square == 0 || e->got_square == 0) return 0;
    return e->product / (sqrt(e->want_square) * sqrt(e->got_square));
}
