/* Numbers for what a model computes: two that differ in their files, in how those are read, or in their adapters differ in them. Every byte
 * of the files counts that a model is made of: what is kept under such a number is never another model's, at the price of losing it where
 * only a name was mended. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "base/sum.h"
#include "model/model.h"

static uint64_t add_tensor(uint64_t sum, const trit_file_tensor *t) {
    sum = trit_sum_number(trit_sum_bytes(sum, t->name.p, t->name.n), t->dtype);
    for (uint32_t i = 0; i < t->n_dims; i++) sum = trit_sum_number(sum, t->shape[i]);
    return trit_sum_bytes(sum, t->data, (size_t)t->n_bytes);
}

static uint64_t add_keys(uint64_t sum, const trit_gguf *g) {
    for (uint64_t i = 0; i < trit_gguf_n_kv(g); i++) {
        const trit_gguf_kv *kv = trit_gguf_kv_at(g, i);
        sum = trit_sum_number(trit_sum_bytes(sum, kv->key.p, kv->key.n), (uint64_t)kv->type << 32 | kv->item_type);
        sum = trit_sum_bytes(sum, kv->data, (size_t)trit_gguf_value_bytes(kv));
    }
    return sum;
}

static trit_status add_config(uint64_t *sum, const trit_hf_config *hf, trit_error *err) {
    trit_text text = {0};
    const bool good = trit_json_write(&text, hf->json);
    if (good) *sum = trit_sum_bytes(*sum, text.data, text.n);
    trit_text_fini(&text);
    return good ? trit_ok : trit_error_memory(err, text.n, "the configuration");
}

/* What the user may choose beside the file: the members of trit_model_opts that change numbers. */
static uint64_t add_choices(uint64_t sum, const trit_model *m) {
    sum = trit_sum_number(trit_sum_number(sum, m->config.activation), m->config.act_int8);
    sum = trit_sum_number(trit_sum_number(sum, m->i2_s_block), m->kernels.n);
    for (size_t i = 0; i < m->kernels.n; i++) {
        const trit_kernel_shape *k = &m->kernels.shape[i];
        sum = trit_sum_number(trit_sum_number(sum, k->n_rows), k->n_cols);
        sum = trit_sum_number(trit_sum_number(trit_sum_number(sum, k->tile.rows), k->tile.cols), k->tile.lanes);
    }
    return sum;
}

static uint64_t add_adapter(uint64_t sum, const trit_lora *l) {
    sum = trit_sum_number(sum, l->to_weights);
    for (size_t i = 0, n = 0; n < l->n_pairs; i++) {
        const trit_lora_pair *pair = &l->pair[i];
        if (!pair->tensor[trit_lora_a]) continue;
        n++;
        sum = trit_sum_bytes(trit_sum_number(sum, i), &pair->factor, sizeof pair->factor);
        for (int which = 0; which < 2; which++) sum = add_tensor(sum, pair->tensor[which]);
    }
    return sum;
}

trit_status trit_model_fingerprint(trit_fingerprint *out, const trit_model *m, trit_error *err) {
    const trit_source *s = &m->source;
    uint64_t sum = s->synthetic ? trit_sum_text(0, s->synthetic->name) : 0, adapters = 0;
    trit_status status = s->safetensors ? add_config(&sum, &s->hf, err) : trit_ok;
    if (status != trit_ok) return status;
    if (s->gguf) sum = add_keys(sum, s->gguf);
    for (size_t i = 0; i < trit_source_n_tensors(s); i++) {
        const trit_file_tensor *t = trit_source_tensor_at(s, i);
        sum = add_tensor(sum, t);
        if (s->is_mapped) trit_os_map_drop(t->data, (size_t)t->n_bytes); /* most is used in another form */
    }
    for (size_t i = 0; i < m->n_loras; i++) adapters = add_adapter(adapters, &m->loras[i]);
    *out = (trit_fingerprint){.model = add_choices(sum, m), .adapters = adapters};
    return trit_ok;
}
