/* A model's tokenizer, from wherever the file or folder keeps it. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "model/model.h"
#include "trit/hub.h"

static int32_t id_of(const trit_gguf *g, const char *key) {
    int64_t v;
    const trit_gguf_kv *kv = trit_gguf_find(g, key);
    return kv && trit_gguf_int(kv, 0, &v) && v >= 0 && v <= INT32_MAX ? (int32_t)v : -1;
}

static trit_tristate flag_of(const trit_gguf *g, const char *key) {
    bool v;
    const trit_gguf_kv *kv = trit_gguf_find(g, key);
    return kv && trit_gguf_bool_value(kv, &v) ? (v ? trit_yes : trit_no) : trit_unset;
}

/* bitnet-b1.58-2B-4T was published without the name of its pre-tokenizer; it is Llama 3's, vocabulary and all. */
static bool is_nameless_llama3(const trit_gguf *g, uint64_t n_tokens) {
    trit_str arch;
    return n_tokens == 128256 && trit_gguf_str(trit_gguf_find(g, "general.architecture"), &arch) &&
           (trit_str_is(arch, "bitnet-b1.58") || trit_str_is(arch, "bitnet-25") || trit_str_is(arch, "bitnet"));
}

/* Arrays of a GGUF vocabulary, in memory of our own for the call. */
typedef struct vocab {
    trit_str *token, *merge;
    int32_t *type;
    float *score;
    char model[32], pre[64];
} vocab;

static void vocab_fini(vocab *v) {
    trit_free(v->token);
    trit_free(v->merge);
    trit_free(v->type);
    trit_free(v->score);
}

static trit_status read_strs(const trit_gguf *g, const char *key, trit_str **out, uint32_t *n, trit_error *err) {
    const trit_gguf_kv *kv = trit_gguf_find(g, key);
    *n = 0;
    if (!kv) return trit_ok;
    if (kv->type != trit_gguf_array || kv->item_type != trit_gguf_string || kv->n > 1u << 24)
        return trit_error_set(err, trit_format, "%s: not an array of strings", key);
    *out = trit_alloc(kv->n, sizeof **out);
    if (!*out) return trit_error_memory(err, kv->n * sizeof **out, "the vocabulary");
    if (!trit_gguf_strs(kv, *out)) return trit_error_set(err, trit_format, "%s: not an array of strings", key);
    *n = (uint32_t)kv->n;
    return trit_ok;
}

static trit_status read_numbers(const trit_gguf *g, const char *key, uint32_t n, int32_t **ints, float **reals, trit_error *err) {
    const trit_gguf_kv *kv = trit_gguf_find(g, key);
    if (!kv) return trit_ok;
    if (kv->type != trit_gguf_array || kv->n != n)
        return trit_error_set(err, trit_format, "%s: not an array of %u numbers, one a token", key, n);
    void *p = trit_alloc(n, 4);
    if (!p) return trit_error_memory(err, (size_t)n * 4, "the vocabulary");
    if (ints) *ints = p;
    if (reals) *reals = p;
    for (uint32_t i = 0; i < n; i++) {
        int64_t whole = 0;
        double real = 0;
        if (ints ? !trit_gguf_int(kv, i, &whole) || whole < INT32_MIN || whole > INT32_MAX : !trit_gguf_real(kv, i, &real))
            return trit_error_set(err, trit_format, "%s: item %u is not a number", key, i);
        if (ints)
            (*ints)[i] = (int32_t)whole;
        else
            (*reals)[i] = (float)real;
    }
    return trit_ok;
}

/* SentencePiece's character map: bytes, signed or not. */
static trit_status read_charsmap(const trit_gguf *g, trit_str *charsmap, trit_error *err) {
    static const char key[] = "tokenizer.ggml.precompiled_charsmap";
    const trit_gguf_kv *kv = trit_gguf_find(g, key);
    if (!kv) return trit_ok;
    if (kv->type != trit_gguf_array || (kv->item_type != trit_gguf_u8 && kv->item_type != trit_gguf_i8))
        return trit_error_set(err, trit_format, "%s: not an array of bytes", key);
    *charsmap = (trit_str){(const char *)kv->data, (size_t)kv->n};
    return trit_ok;
}

static trit_status read_vocab(vocab *v, trit_vocab_desc *d, const trit_gguf *g, trit_error *err) {
    trit_status status = read_strs(g, "tokenizer.ggml.tokens", &v->token, &d->n_tokens, err);
    if (status == trit_ok) status = read_strs(g, "tokenizer.ggml.merges", &v->merge, &d->n_merges, err);
    if (status == trit_ok) status = read_numbers(g, "tokenizer.ggml.token_type", d->n_tokens, &v->type, NULL, err);
    if (status == trit_ok) status = read_numbers(g, "tokenizer.ggml.scores", d->n_tokens, NULL, &v->score, err);
    if (status == trit_ok) status = read_charsmap(g, &d->charsmap, err);
    return status;
}

/* Files without a tokenizer lack the key, or say so in llama.cpp's way. */
static bool model_of(const trit_gguf *g, trit_str *model) {
    return trit_gguf_str(trit_gguf_find(g, "tokenizer.ggml.model"), model) && !trit_str_is(*model, "no_vocab") && !trit_str_is(*model, "none");
}

bool trit_gguf_has_tokenizer(const trit_gguf *g) {
    trit_str model;
    return model_of(g, &model);
}

trit_status trit_tokenizer_from_gguf(trit_tokenizer **out, const trit_gguf *g, trit_error *err) {
    vocab v = {0};
    trit_str model = {0}, pre = {0};
    trit_vocab_desc d = {.model = v.model};
    if (!model_of(g, &model))
        return trit_error_set(err, trit_format, "tokenizer.ggml.model: the file has no tokenizer");
    snprintf(v.model, sizeof v.model, "%.*s", TRIT_STR_ARG(model));
    trit_status status = read_vocab(&v, &d, g, err);
    if (trit_gguf_str(trit_gguf_find(g, "tokenizer.ggml.pre"), &pre)) snprintf(v.pre, sizeof v.pre, "%.*s", TRIT_STR_ARG(pre));
    if (!pre.n && is_nameless_llama3(g, d.n_tokens)) snprintf(v.pre, sizeof v.pre, "llama-bpe");
    d.pre = *v.pre ? v.pre : NULL;
    d.token = v.token;
    d.merge = v.merge;
    d.type = v.type;
    d.score = v.score;
    d.bos = id_of(g, "tokenizer.ggml.bos_token_id");
    d.eos = id_of(g, "tokenizer.ggml.eos_token_id");
    d.eot = id_of(g, "tokenizer.ggml.eot_token_id");
    d.eom = id_of(g, "tokenizer.ggml.eom_token_id");
    d.unk = id_of(g, "tokenizer.ggml.unknown_token_id");
    d.pad = id_of(g, "tokenizer.ggml.padding_token_id");
    d.cls = id_of(g, "tokenizer.ggml.cls_token_id");
    d.sep = id_of(g, "tokenizer.ggml.seperator_token_id"); /* so the key is spelled */
    d.add_bos = flag_of(g, "tokenizer.ggml.add_bos_token");
    d.add_eos = flag_of(g, "tokenizer.ggml.add_eos_token");
    d.add_space_prefix = flag_of(g, "tokenizer.ggml.add_space_prefix");
    d.ignore_merges = trit_unset;
    d.remove_extra_whitespaces = flag_of(g, "tokenizer.ggml.remove_extra_whitespaces") == trit_yes;
    if (status == trit_ok) status = trit_tokenizer_from_vocab(out, &d, err);
    vocab_fini(&v);
    return status;
}

static trit_status from_json_file(trit_tokenizer **out, const char *path, const char *config_path, trit_error *err) {
    trit_file_map json = {0}, config = {0};
    trit_status status = trit_os_map(&json, path, err);
    if (status == trit_ok && config_path && trit_os_is_file(config_path)) status = trit_os_map(&config, config_path, err);
    if (status == trit_ok)
        status = trit_tokenizer_from_json(out, (trit_str){(const char *)json.data, json.n}, (trit_str){(const char *)config.data, config.n},
                                          path, err);
    trit_os_unmap(&json);
    trit_os_unmap(&config);
    return status;
}

static trit_status from_spm_file(trit_tokenizer **out, const char *path, trit_error *err) {
    trit_file_map map;
    trit_status status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    status = trit_tokenizer_from_spm(out, (trit_str){(const char *)map.data, map.n}, path, err);
    trit_os_unmap(&map);
    return status;
}

/* tokenizer.json where there is one, else tokenizer.model. *out stays NULL where a folder has neither. */
trit_status trit_tokenizer_from_folder(trit_tokenizer **out, const char *folder, const trit_hf_config *hf, trit_error *err) {
    char json[4096], config[4096], spm[4096];
    *out = NULL;
    if (snprintf(json, sizeof json, "%s/tokenizer.json", folder) >= (int)sizeof json ||
        snprintf(config, sizeof config, "%s/tokenizer_config.json", folder) >= (int)sizeof config ||
        snprintf(spm, sizeof spm, "%s/tokenizer.model", folder) >= (int)sizeof spm)
        return trit_error_set(err, trit_io, "%s: the path is too long", folder);
    trit_status status = trit_ok;
    if (trit_os_is_file(json))
        status = from_json_file(out, json, config, err);
    else if (trit_os_is_file(spm))
        status = from_spm_file(out, spm, err);
    if (status != trit_ok || !*out || !hf) return status;
    status = trit_tokenizer_add_eog(*out, hf->eos, hf->n_eos, err);
    if (status != trit_ok) {
        trit_tokenizer_close(*out);
        *out = NULL;
    }
    return status;
}

static trit_status open_path(trit_tokenizer **out, const char *ref, trit_error *err) {
    trit_tokenizer *tokenizer = NULL;
    trit_status status;
    if (trit_os_is_dir(ref)) {
        status = trit_tokenizer_from_folder(&tokenizer, ref, NULL, err);
        if (status == trit_ok && !tokenizer) status = trit_error_set(err, trit_io, "%s: no tokenizer.json or tokenizer.model in it", ref);
    } else if (trit_ends_with(ref, ".json")) {
        status = from_json_file(&tokenizer, ref, NULL, err);
    } else if (trit_ends_with(ref, ".model")) {
        status = from_spm_file(&tokenizer, ref, err);
    } else {
        trit_gguf *g;
        status = trit_ends_with(ref, ".bin") ? trit_llama2c_open_tokenizer(&g, ref, err) : trit_gguf_open(&g, ref, err);
        if (status != trit_ok) return status;
        status = trit_tokenizer_from_gguf(&tokenizer, g, err);
        trit_gguf_close(g);
    }
    if (status == trit_ok) *out = tokenizer;
    return status;
}

trit_status trit_tokenizer_open(trit_tokenizer **out, const char *ref, trit_error *err) {
    trit_text path = {0};
    trit_status status = trit_hub_resolve(&path, ref, NULL, err);
    if (status == trit_ok) status = open_path(out, path.data, err);
    trit_text_fini(&path);
    return status;
}
