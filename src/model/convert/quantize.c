/* Quantization is a conversion whose types come from rules: what becomes of each matrix, and what is told of it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/convert/convert.h"

/* Types whose blocks are wider than some rows, and what those rows take instead: as llama.cpp chooses. */
trit_dtype trit_convert_wider(trit_dtype dtype, uint64_t n_cols) {
    static const trit_dtype next[][2] = {
        {trit_dtype_q2_k, trit_dtype_iq4_nl}, {trit_dtype_q3_k, trit_dtype_iq4_nl}, {trit_dtype_q4_k, trit_dtype_q5_0},
        {trit_dtype_q5_k, trit_dtype_q5_1},   {trit_dtype_q6_k, trit_dtype_q8_0},
    };
    if (n_cols % trit_dtype_info(dtype)->block == 0) return dtype;
    for (size_t i = 0; i < sizeof next / sizeof next[0]; i++)
        if (next[i][0] == dtype && n_cols % trit_dtype_info(next[i][1])->block == 0) return next[i][1];
    return trit_dtype_f16;
}

/* Quantizing to more bytes than the weights have now would add an error and nothing else. */
static bool is_pointless(const trit_convert_tensor *t, trit_dtype dtype) {
    const trit_quant_matrix *m = &t->linear.matrix;
    uint64_t n_bytes;
    if (trit_dtype_is_float(dtype) || trit_dtype_is_float(t->in->dtype)) return false;
    return !trit_dtype_n_bytes(dtype, m->n_rows, m->n_cols, &n_bytes) || n_bytes >= t->in->n_bytes;
}

static trit_status take_type(trit_convert_tensor *t, trit_dtype asked, trit_error *err) {
    trit_convert_job *job = t->job;
    const trit_dtype dtype = trit_convert_wider(asked, t->linear.matrix.n_cols);
    if (!trit_convert_can_hold(job, dtype))
        return trit_error_set(err, trit_unsupported, "tensor %s: %s", t->key,
                              job->o->hugging_face ? "a Hugging Face folder holds floats only; a scheme's values can stand there (\"4bit-asym-g32\")"
                                                   : "GGUF has no such type");
    if (t->linear.row == NULL && is_pointless(t, dtype)) return trit_ok;
    job->n_widened += dtype != asked;
    t->dtype = dtype;
    t->role = t->linear.row                                                                              ? trit_role_ternary
              : dtype == t->in->dtype && t->heads == trit_heads_stay && t->linear.factor == 1 ? trit_role_copy
                                                                                                         : trit_role_rows;
    return trit_ok;
}

static const trit_recipe_rule *find_rule(const trit_convert_tensor *t, bool only_named) {
    char from_end[64], own[160];
    unsigned layer;
    int at = 0;
    const char *names[3] = {t->key, NULL, own};
    snprintf(own, sizeof own, "%.*s", (int)(t->in->name.n < sizeof own ? t->in->name.n : sizeof own - 1), t->in->name.p);
    if (sscanf(t->key, "blk.%u.%n", &layer, &at) == 1 && at > 0) {
        snprintf(from_end, sizeof from_end, "blk.-%u.%s", t->job->m->config.n_layers - layer, t->key + at);
        names[1] = from_end;
    }
    return trit_recipe_find(&t->job->recipe, names, only_named);
}

/* Three levels are what projections are trained with; embeddings and heads never are, so "*" alone does not reach them. */
static bool is_spared(const trit_convert_tensor *t, const trit_recipe_rule *rule) {
    int low, high;
    if (!rule->target.has_scheme || !trit_str_is(rule->pattern, "*") || strncmp(t->key, "blk.", 4) == 0) return false;
    trit_scheme_levels(&rule->target.scheme, &low, &high);
    return high - low <= 2;
}

trit_status trit_convert_by_rules(trit_convert_tensor *t, trit_error *err) {
    const trit_quantize_opts *q = t->job->q;
    const bool is_ternary = t->linear.row != NULL;
    const trit_recipe_rule *rule = find_rule(t, is_ternary);
    t->dtype = trit_n_dtypes;
    t->importance = trit_importance_find(q->importance, t->key, t->linear.matrix.n_cols);
    t->is_free = q->budget && !is_ternary && !(rule && rule->is_named);
    if (!rule || rule->target.keep || t->is_free || is_spared(t, rule)) return trit_ok;
    if (!rule->target.has_scheme || (is_ternary && rule->target.is_type)) return take_type(t, rule->target.dtype, err);
    t->scheme = rule->target.scheme;
    t->role = trit_role_scheme;
    return trit_convert_carrier(&t->dtype, t, &rule->target, err);
}

/* ---- What is told ---- */

static void scheme_text(char out[trit_scheme_text_max], const trit_convert_tensor *t) {
    if (t->role == trit_role_scheme) trit_scheme_text(&t->scheme, out);
    else snprintf(out, trit_scheme_text_max, "%s", t->role == trit_role_rows ? trit_dtype_info(t->dtype)->label : "kept");
}

void trit_convert_tell(trit_convert_job *job, const trit_convert_tensor *t, const trit_convert_difference *d) {
    char scheme[trit_scheme_text_max];
    int low, high;
    scheme_text(scheme, t);
    const trit_quantized told = {
        .name = t->name, .scheme = scheme, .type_in = trit_dtype_info(t->in->dtype)->label, .type = trit_dtype_info(t->dtype)->label,
        .n_rows = t->linear.matrix.n_rows, .n_cols = t->linear.matrix.n_cols, .bytes_in = t->in->n_bytes, .bytes = t->out.n_bytes,
        .mse = trit_quant_mse(&d->error), .sqnr_db = trit_quant_sqnr_db(&d->error), .cosine = trit_quant_cosine(&d->error),
        .max_error = d->error.largest, .weighted_sqnr_db = d->importance ? trit_quant_sqnr_db(&d->weighted) : (double)NAN,
        .predicted_sqnr_db = t->predicted == 0 ? (double)INFINITY : -10 * log10(t->predicted),
    };
    if (t->role == trit_role_scheme) {
        trit_scheme_levels(&t->scheme, &low, &high);
        if (high - low <= 2 && d->error.error_square > 0) {
            job->n_crude++;
            job->crude_cosine += told.cosine;
        }
    }
    if (job->q->on_tensor) job->q->on_tensor(job->o->user, &told);
}

static void tell_all(const trit_convert_job *job) {
    if (job->n_widened)
        trit_convert_say(job, trit_convert_note, "%zu matrices have rows that are no whole blocks of what the rules ask for: they took a wider type",
                         job->n_widened);
    if (job->n_crude)
        trit_convert_say(job, trit_convert_warning, "%zu matrices of floats have 3 levels or less now (cosine to what they were: %.3f): without training "
                         "such a model does not speak", job->n_crude, job->crude_cosine / (double)job->n_crude);
}

static trit_status check(const trit_quantize_opts *q, trit_error *err) {
    if (q->convert.type || q->convert.embed_type || q->convert.head_type)
        return trit_error_set(err, trit_arg, "types of a quantization are said by rules");
    if (q->convert.keep) return trit_error_set(err, trit_arg, "tokens are left out by a conversion, before a quantization");
    if (q->convert.n_loras) return trit_error_set(err, trit_arg, "adapters are added by a conversion, before a quantization");
    if (q->budget && q->convert.hugging_face)
        return trit_error_set(err, trit_unsupported, "a budget: a Hugging Face folder holds floats only, there is nothing to choose");
    return trit_ok;
}

trit_status trit_quantize(const char *in, const char *out, const trit_quantize_opts *opts, trit_convert_report *report, trit_error *err) {
    trit_convert_job job = {.o = &opts->convert, .q = opts};
    trit_status status = check(opts, err);
    if (status == trit_ok && opts->rules) status = trit_recipe_add(&job.recipe, opts->rules, true, "rules", err);
    if (status == trit_ok && opts->policy) status = trit_recipe_add(&job.recipe, opts->policy, false, "policy", err);
    if (status == trit_ok) status = trit_convert_run(&job, in, out, report, err);
    if (status == trit_ok) tell_all(&job);
    trit_recipe_fini(&job.recipe);
    return status;
}
