/* How many ternary codes a step changed, and how many are zero: what says that a learning rate is too low (nothing flips) or too high. */
#include "base/alloc.h"
#include "base/error.h"
#include "train/trainer.h"

/* Codes of one parameter, by threads; counts do not depend on who counts. */
typedef struct count {
    const float *w; /* trits times their scale */
    int8_t *code;
    atomic_ullong flips, zeros;
} count;

static void count_some(void *arg, unsigned i, uint64_t first, uint64_t last) {
    count *c = arg;
    const float *restrict w = c->w;
    int8_t *restrict codes = c->code;
    uint32_t flips = 0, zeros = 0;
    (void)i;
    for (uint64_t e = first; e < last; e++) {
        const int8_t code = (int8_t)((w[e] > 0) - (w[e] < 0));
        flips += codes[e] != code;
        zeros += code == 0;
        codes[e] = code;
    }
    atomic_fetch_add(&c->flips, flips);
    atomic_fetch_add(&c->zeros, zeros);
}

static trit_status count_param(trit_flips *x, trit_trainer *t, size_t i, uint64_t sums[3], trit_error *err) {
    enum { elements_at_once = 1 << 14 };
    trit_tensor *w;
    const uint64_t n = (uint64_t)trit_tensor_n_elements(t->params->at[i]->master);
    if (!x->code[i]) x->code[i] = trit_alloc_zero(n, 1);
    if (!x->code[i]) return trit_error_memory(err, n, "codes of weights");
    trit_status status = trit_forward_trits(&w, t->forward, t->params->at[i], err);
    if (status != trit_ok) return status;
    count c = {.w = trit_tensor_data(w), .code = x->code[i]};
    trit_team_share(t->team, n, elements_at_once, count_some, &c);
    trit_tensor_free(w);
    sums[0] += n;
    sums[1] += atomic_load(&c.flips);
    sums[2] += atomic_load(&c.zeros);
    return trit_ok;
}

static bool can_flip(const trit_param *p) {
    return p->is_ternary && (!p->is_frozen || (p->adapter && p->adapter->is_inside));
}

trit_status trit_flips_count(trit_flips *x, trit_trainer *t, double *flip_rate, double *zeros, trit_error *err) {
    uint64_t sums[3] = {0};
    if (!x->code) {
        x->code = trit_alloc_zero(t->params->n, sizeof *x->code);
        if (!x->code) return trit_error_memory(err, t->params->n * sizeof *x->code, "codes of weights");
        x->n = t->params->n;
    }
    trit_status status = trit_ok;
    for (size_t i = 0; i < x->n && status == trit_ok; i++)
        if (can_flip(t->params->at[i])) status = count_param(x, t, i, sums, err);
    if (status != trit_ok) return status;
    *flip_rate = x->has_codes && sums[0] ? (double)sums[1] / (double)sums[0] : 0;
    *zeros = sums[0] ? (double)sums[2] / (double)sums[0] : 0;
    x->has_codes = true;
    return trit_ok;
}

void trit_flips_fini(trit_flips *x) {
    for (size_t i = 0; i < x->n; i++) trit_free(x->code[i]);
    trit_free(x->code);
    *x = (trit_flips){0};
}
