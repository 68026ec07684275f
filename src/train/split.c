/* A model of wider layers that says what the narrow one said: each neuron of the feed-forward part becomes several with the same inputs, and their
 * outputs are divided among them (Net2WiderNet: Chen, Goodfellow, Shlens 2016, arXiv:1511.05641). Copies that were alike would get the same gradients
 * for ever, so one of two has weights a little larger where the other's are smaller: their sum stays. Zeros stay zeros and the mean magnitude hardly
 * changes, so most trits stay what they are too. */
#include <string.h>

#include "base/rng.h"
#include "train/train.h"

static const float difference = 0.1f; /* of a weight, from copy to copy */

/* Copies 0 and 1, 2 and 3 ... are apart; one without a partner is what it was. */
static float apart(uint32_t copy, uint32_t n_copies, uint64_t seed, uint64_t i) {
    if (copy == n_copies - 1 && n_copies % 2) return 1;
    const bool up = (trit_rng_u64(seed, i * n_copies + copy / 2) & 1) == copy % 2;
    return up ? 1 + difference : 1 - difference;
}

/* From the end on, so that nothing is overwritten that is still read. */
void trit_neurons_split(float *w, const trit_master *t, uint64_t seed) {
    const uint64_t n_rows = t->source.n_rows, n_cols = t->source.n_cols;
    const uint32_t by_rows = (uint32_t)(t->n_rows / n_rows), by_cols = (uint32_t)(t->n_cols / n_cols), n_copies = by_rows * by_cols;
    const float share = t->is_linear ? 1 / (float)by_cols : 1; /* norms and biases belong to a neuron */
    if (n_copies == 1) return;
    for (uint32_t r = by_rows; r-- > 0;)
        for (uint64_t row = n_rows; row-- > 0;)
            for (uint32_t c = by_cols; c-- > 0;)
                for (uint64_t col = n_cols; col-- > 0;) {
                    const uint64_t i = row * n_cols + col;
                    const float factor = t->is_linear ? share * apart(r + c, n_copies, seed, i) : 1;
                    w[((r * n_rows + row) * by_cols + c) * n_cols + col] = w[i] * factor;
                }
}
