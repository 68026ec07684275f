/* Stochastic gradient descent with momentum: b = momentum b + g + wd p, p -= lr b. */
#include "train/optim_parts.h"

void trit_sgd_update(float *p, const float *g, float *buffer, int64_t n, float scale, float lr, float wd, float momentum) {
    for (int64_t i = 0; i < n; i++) {
        buffer[i] = momentum * buffer[i] + (scale * g[i] + wd * p[i]);
        p[i] -= lr * buffer[i];
    }
}
