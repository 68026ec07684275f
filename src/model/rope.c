/* Frequencies of rotary position embedding (arXiv:2104.09864), with the scalings of the files. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"
#include "model/model.h"

static const double two_pi = 6.28318530717958647693;

/* Llama 3.1's rule: long waves are slowed by `factor`, short ones left, those between are blended. */
static double llama3_divisor(const trit_config *c, double inv_freq) {
    double wavelength = two_pi / inv_freq, original = c->rope_llama3.original_context;
    if (wavelength < original / c->rope_llama3.high) return 1;
    if (wavelength > original / c->rope_llama3.low) return c->rope_llama3.factor;
    double s = (original / wavelength - c->rope_llama3.low) / ((double)c->rope_llama3.high - c->rope_llama3.low);
    return 1 / ((1 - s) / c->rope_llama3.factor + s);
}

/* rope_freqs.weight [half] of GGUF: divisors. */
static trit_status apply_file_divisors(trit_model *m, trit_error *err) {
    const trit_tensor *t = trit_source_find(&m->source, "rope_freqs.weight", NULL);
    if (!t) return trit_ok;
    trit_weight w;
    trit_status status = trit_plain_bind(&w, m, t, 1, m->rope.half, true, err);
    if (status != trit_ok) return status;
    const float *divisor = w.data;
    for (uint32_t i = 0; i < m->rope.half && status == trit_ok; i++) {
        if (divisor[i] > 0)
            m->inv_freq[i] /= divisor[i];
        else
            status = trit_error_set(err, trit_format, "rope_freqs.weight: element %u is %g", i, (double)divisor[i]);
    }
    m->device->vt->weight_free(m->device, &w);
    return status;
}

trit_status trit_rope_bind(trit_model *m, trit_error *err) {
    const trit_config *c = &m->config;
    uint32_t half = c->rope_dims / 2;
    m->inv_freq = trit_alloc(half, sizeof *m->inv_freq);
    if (!m->inv_freq) return trit_error_memory(err, half * sizeof *m->inv_freq, "RoPE");
    for (uint32_t i = 0; i < half; i++) {
        double f = trit_pow(c->rope_theta, -2.0 * i / c->rope_dims) / c->rope_linear_factor;
        m->inv_freq[i] = c->rope_llama3.factor > 0 ? f / llama3_divisor(c, f) : f;
    }
    m->rope = (trit_rope){.inv_freq = m->inv_freq, .half = half, .neox = c->rope_neox};
    return apply_file_divisors(m, err);
}
