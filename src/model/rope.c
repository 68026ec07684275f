/* Rotary position embedding (arXiv:2104.09864): its base and scaling as files name them, and the frequencies that follow. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"
#include "model/model.h"

static const double pi = 3.14159265358979323846;
enum { max_context = 1 << 24 };

/* ---- Reading ---- */

/* Where config.json speaks of RoPE: rope_scaling, or since version 5 of the transformers library rope_parameters, which holds
 * rope_theta too, and one object for each kind of layer where they differ. NULL: neither. */
static const trit_json *hf_rope(const trit_reader *r, const char *layers) {
    const trit_json *scaling = trit_json_get(r->json, "rope_scaling");
    if (trit_json_kind_of(scaling) != trit_json_object) scaling = trit_json_get(r->json, "rope_parameters");
    const trit_json *of_layers = trit_json_get(scaling, layers);
    return trit_json_kind_of(of_layers) == trit_json_object ? of_layers : scaling;
}

static double read_theta(trit_reader *r, const char *gguf, const char *hf, const char *layers, double otherwise) {
    double inside = trit_json_as_real(trit_json_get(hf_rope(r, layers), "rope_theta"), otherwise);
    double theta = trit_read_real(r, gguf, hf, 1, 1e12, inside);
    if (r->status == trit_ok && theta != otherwise && !(theta >= 1 && theta <= 1e12))
        r->status = trit_error_set(r->err, trit_format, "rope_theta: %g is not between 1 and 1e12", theta);
    return theta;
}

/* `object` of config.json as its own scope; GGUF keys stay as they are. */
static trit_reader scope(const trit_reader *r, const trit_json *object) {
    trit_reader inner = *r;
    inner.json = object;
    return inner;
}

static void read_llama3(trit_rope_scaling *s, trit_reader *r) {
    s->low = trit_read_real(r, "", "low_freq_factor", -1e6, 1e6, 1);
    s->high = trit_read_real(r, "", "high_freq_factor", -1e6, 1e6, 4);
    if (r->status == trit_ok && !(s->low > 0 && s->high > s->low))
        r->status = trit_error_set(r->err, trit_format, "rope scaling: low_freq_factor %g must be positive and below high_freq_factor %g", s->low, s->high);
}

/* See model.h. Growth of attention's temperature with the context, arXiv:2309.00071 eq. 22. */
double trit_rope_yarn_magnitude(double factor, double weight) {
    return 1 + 0.1 * weight * trit_log(factor);
}

static void read_yarn(trit_rope_scaling *s, trit_reader *r) {
    s->high = trit_read_real(r, "rope.scaling.yarn_beta_fast", "beta_fast", 1e-6, 1e6, 32);
    s->low = trit_read_real(r, "rope.scaling.yarn_beta_slow", "beta_slow", 1e-6, 1e6, 1);
    s->whole_bounds = trit_read_bool(r, TRIT_KEY_YARN_TRUNCATE, "truncate", true);
    double all = trit_read_real(r, "", "mscale_all_dim", 0, 100, 0), one = trit_read_real(r, "", "mscale", 0, 100, 0);
    double formula = all > 0 && one > 0 ? trit_rope_yarn_magnitude(s->factor, one) / trit_rope_yarn_magnitude(s->factor, all)
                                        : trit_rope_yarn_magnitude(s->factor, 1);
    s->magnitude = r->source->gguf ? formula * trit_read_real(r, "rope.scaling.attn_factor", "", 0, 1e3, 1)
                                   : trit_read_real(r, "", "attention_factor", 0, 1e3, formula);
}

/* arXiv:2402.13753. The factors of GGUF files are tensors. */
static void read_longrope(trit_rope_scaling *s, trit_reader *r, const trit_config *c) {
    s->short_factors = trit_json_get(r->json, "short_factor");
    s->long_factors = trit_json_get(r->json, "long_factor");
    double stretch = c->context_length / s->original_context;
    double formula = stretch > 1 && s->original_context > 1 ? sqrt(1 + trit_log(stretch) / trit_log(s->original_context)) : 1;
    s->magnitude = trit_read_real(r, "rope.scaling.attn_factor", "attention_factor", 0, 1e3, r->source->gguf ? 1 : formula);
}

static trit_rope_kind kind_of(trit_reader *r, bool has_factor) {
    static const struct {
        const char *name;
        trit_rope_kind kind;
    } kinds[] = {{"none", trit_rope_plain},   {"default", trit_rope_plain}, {"linear", trit_rope_linear},    {"llama3", trit_rope_llama3},
                 {"yarn", trit_rope_yarn},    {"longrope", trit_rope_longrope}, {"su", trit_rope_longrope}};
    trit_str type = trit_read_str(r, "rope.scaling.type", "rope_type");
    if (!type.n) type = trit_read_str(r, "", "type");
    if (!type.n) return has_factor && r->source->gguf ? trit_rope_linear : trit_rope_plain;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (trit_str_is(type, kinds[i].name)) return kinds[i].kind;
    if (r->status == trit_ok)
        r->status = trit_error_set(r->err, trit_unsupported, "rope scaling \"%.*s\" is not supported", TRIT_STR_ARG(type));
    return trit_rope_plain;
}

/* GGUF files keep the result of "llama3" in rope_freqs.weight. */
void trit_rope_read(trit_config *c, trit_reader *r) {
    trit_rope_scaling *s = &c->rope;
    *s = (trit_rope_scaling){.factor = 1, .magnitude = 1};
    c->rope_theta = (float)read_theta(r, "rope.freq_base", "rope_theta", "full_attention", 10000);
    c->local_rope_theta = (float)read_theta(r, "rope.freq_base_swa", "rope_local_base_freq", "sliding_attention", 0);
    trit_reader in = scope(r, hf_rope(r, "full_attention"));
    double factor = trit_read_real(&in, "rope.scaling.factor", "factor", 1, 1e6, 0);
    s->kind = kind_of(&in, factor > 0);
    if (factor > 0) s->factor = factor;
    double original = trit_read_real(r, "rope.scaling.original_context_length", "original_max_position_embeddings", 1, max_context, c->context_length);
    if (s->kind == trit_rope_llama3 && !r->source->gguf) original = 8192;
    s->original_context = trit_read_real(&in, "rope.scaling.original_context_length", "original_max_position_embeddings", 1, max_context, original);
    if (s->kind == trit_rope_llama3) read_llama3(s, &in);
    if (s->kind == trit_rope_yarn) read_yarn(s, &in);
    if (s->kind == trit_rope_longrope) read_longrope(s, &in, c);
    if (r->status == trit_ok) r->status = in.status;
}

/* ---- Frequencies ---- */

/* Llama 3.1's rule: long waves are slowed by `factor`, short ones left, those between are blended. */
double trit_rope_llama3_divisor(const trit_rope_scaling *s, double inv_freq) {
    double wavelength = 2 * pi / inv_freq;
    if (wavelength < s->original_context / s->high) return 1;
    if (wavelength > s->original_context / s->low) return s->factor;
    double blend = (s->original_context / wavelength - s->low) / (s->high - s->low);
    return 1 / ((1 - blend) / s->factor + blend);
}

/* The dimension whose wave turns `rotations` times within the original context. */
static double yarn_dimension(const trit_config *c, double rotations) {
    return c->rope_dims * trit_log(c->rope.original_context / (rotations * 2 * pi)) / (2 * trit_log((double)c->rope_theta));
}

/* YaRN's "NTK by parts" (arXiv:2309.00071): fast waves stay, slow ones are stretched, between them a ramp over dimensions. */
static double yarn_frequency(const trit_config *c, uint32_t i, double inv_freq) {
    double low = yarn_dimension(c, c->rope.high), high = yarn_dimension(c, c->rope.low);
    if (c->rope.whole_bounds) {
        low = floor(low);
        high = ceil(high);
    }
    if (low < 0) low = 0;
    if (high > c->rope_dims - 1) high = c->rope_dims - 1;
    if (high == low) high += 0.001;
    double ramp = (i - low) / (high - low);
    ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
    return inv_freq / c->rope.factor * ramp + inv_freq * (1 - ramp);
}

static double scaled_frequency(const trit_config *c, uint32_t i) {
    double f = trit_pow((double)c->rope_theta, -2.0 * i / c->rope_dims);
    switch (c->rope.kind) {
    case trit_rope_linear: return f / c->rope.factor;
    case trit_rope_llama3: return f / trit_rope_llama3_divisor(&c->rope, f);
    case trit_rope_yarn: return yarn_frequency(c, i, f);
    case trit_rope_plain:
    case trit_rope_longrope: break;
    }
    return f;
}

static trit_status divide(double *inv_freq, uint32_t i, double divisor, const char *what, trit_error *err) {
    if (!(divisor > 0 && isfinite(divisor))) return trit_error_set(err, trit_format, "%s: element %u is %g", what, i, divisor);
    inv_freq[i] /= divisor;
    return trit_ok;
}

/* Divisors of a GGUF file [half]; *found tells whether it has them. */
static trit_status divide_by_tensor(trit_model *m, const char *name, double *inv_freq, bool *found, trit_error *err) {
    const trit_file_tensor *t = trit_source_find(&m->source, name, NULL);
    *found = t != NULL;
    if (!t) return trit_ok;
    trit_weight w;
    trit_status status = trit_plain_bind(&w, m, t, 1, m->rope.half, true, err);
    if (status != trit_ok) return status;
    const float *divisor = w.data;
    for (uint32_t i = 0; i < m->rope.half && status == trit_ok; i++) status = divide(inv_freq, i, (double)divisor[i], name, err);
    m->device->vt->weight_free(m->device, &w);
    return status;
}

/* Longrope's divisors, of whichever container. */
static trit_status divide_by_factors(trit_model *m, const char *name, const char *tensor, const trit_json *list, double *inv_freq, trit_error *err) {
    bool found;
    trit_status status = divide_by_tensor(m, tensor, inv_freq, &found, err);
    if (status != trit_ok || found) return status;
    if (trit_json_length(list) != m->rope.half)
        return trit_error_set(err, trit_format, "rope scaling \"longrope\": %s has %zu numbers, but the model's heads need %u", name,
                              trit_json_length(list), m->rope.half);
    for (uint32_t i = 0; i < m->rope.half && status == trit_ok; i++)
        status = divide(inv_freq, i, trit_json_as_real(trit_json_at(list, i), 0), name, err);
    return status;
}

trit_status trit_rope_bind(trit_model *m, trit_error *err) {
    const trit_config *c = &m->config;
    bool is_long = c->rope.kind == trit_rope_longrope, found;
    uint32_t half = c->rope_dims / 2;
    double *f = trit_alloc((size_t)half * 3, sizeof *f), *of_long = f + half, *local = f + 2 * half;
    if (!f) return trit_error_memory(err, half * 3 * sizeof *f, "RoPE");
    for (uint32_t i = 0; i < half; i++) {
        f[i] = of_long[i] = scaled_frequency(c, i);
        local[i] = trit_pow((double)(c->local_rope_theta > 0 ? c->local_rope_theta : c->rope_theta), -2.0 * i / c->rope_dims);
    }
    m->rope = (trit_rope){.inv_freq = f, .half = half, .neox = c->rope_neox, .magnitude = (float)c->rope.magnitude};
    m->local_rope = (trit_rope){.inv_freq = local, .half = half, .neox = c->rope_neox, .magnitude = 1};
    trit_status status = divide_by_tensor(m, "rope_freqs.weight", f, &found, err);
    if (status != trit_ok || !is_long) return status;
    m->rope.inv_freq_long = of_long;
    m->rope.original_context = (uint32_t)c->rope.original_context;
    status = divide_by_factors(m, "short_factor", "rope_factors_short.weight", c->rope.short_factors, f, err);
    return status == trit_ok ? divide_by_factors(m, "long_factor", "rope_factors_long.weight", c->rope.long_factors, of_long, err) : status;
}

uint64_t trit_rope_row_of_half(uint64_t head_dim, uint64_t row) {
    const uint64_t half = head_dim / 2, i = row % head_dim;
    return row - i + (i < half ? 2 * i : 2 * (i - half) + 1);
}

void trit_rope_fini(trit_model *m) {
    trit_free((void *)m->rope.inv_freq);
    m->rope = m->local_rope = (trit_rope){0};
}

trit_heads trit_heads_between(size_t layer_tensor, bool has_neighbours, bool wants_neighbours) {
    const bool turns = layer_tensor == trit_layer_attn_q || layer_tensor == trit_layer_attn_k;
    if (!turns || has_neighbours == wants_neighbours) return trit_heads_stay;
    return wants_neighbours ? trit_heads_to_neighbours : trit_heads_to_halves;
}

uint64_t trit_heads_row(trit_heads heads, uint32_t head_dim, uint64_t row) {
    if (heads == trit_heads_stay) return row; /* also of a tensor without heads, whose head_dim is 0 */
    const uint64_t half = head_dim / 2, i = row % head_dim;
    return heads == trit_heads_to_halves ? trit_rope_row_of_half(head_dim, row) : row - i + i / 2 + (i % 2 ? half : 0);
}
