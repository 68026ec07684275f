/* A model's chat template: where its release keeps it, and the right one where a release ships a wrong one. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "base/os.h"
#include "model/model.h"

/* bitnet-b1.58-2B-4T's GGUF file embeds a template that the model was not trained on ("Human: ... BITNETAssistant: "); its Hugging
 * Face release has the right frames: "User: text<|eot_id|>", with "Assistant: " before an answer. These are they. */
const char trit_chat_bitnet_2b4t[] =
    "{{ bos_token }}"
    "{% for message in messages %}{{ message.role | capitalize }}: {{ message.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}Assistant: {% endif %}";

static trit_status copy(char **out, trit_str s, trit_error *err) {
    *out = trit_strndup(s.p ? s.p : "", s.n);
    return *out ? trit_ok : trit_error_memory(err, s.n, "the chat template");
}

/* "chat_template": a text, or a list of {"name", "template"} of which "default" or else the first counts. */
static trit_str template_in(const trit_json *config) {
    const trit_json *value = trit_json_get(config, "chat_template"), *chosen = NULL;
    if (trit_json_kind_of(value) != trit_json_array) return trit_json_as_str(value);
    for (size_t i = 0; i < trit_json_length(value); i++) {
        const trit_json *one = trit_json_at(value, i);
        if (!chosen || trit_str_is(trit_json_as_str(trit_json_get(one, "name")), "default")) chosen = one;
    }
    return trit_json_as_str(trit_json_get(chosen, "template"));
}

static trit_status read_config(char **out, const char *path, trit_error *err) {
    trit_file_map map;
    trit_json *config = NULL;
    trit_status status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    status = trit_json_parse(&config, (const char *)map.data, map.n, path, err);
    trit_os_unmap(&map);
    if (status != trit_ok) return status;
    trit_str template = template_in(config);
    if (template.p) status = copy(out, template, err);
    trit_json_free(config);
    return status;
}

trit_status trit_chat_template_read_file(char **out, const char *path, trit_error *err) {
    trit_file_map map;
    trit_status status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    status = copy(out, (trit_str){(const char *)map.data, map.n}, err);
    trit_os_unmap(&map);
    return status;
}

trit_status trit_chat_template_read_folder(char **out, const char *folder, trit_error *err) {
    char source[4096], config[4096];
    *out = NULL;
    if (snprintf(source, sizeof source, "%s/chat_template.jinja", folder) >= (int)sizeof source ||
        snprintf(config, sizeof config, "%s/tokenizer_config.json", folder) >= (int)sizeof config)
        return trit_error_set(err, trit_io, "%s: the path is too long", folder);
    if (trit_os_is_file(source)) return trit_chat_template_read_file(out, source, err); /* where there are both, this one is the newer way */
    return trit_os_is_file(config) ? read_config(out, config, err) : trit_ok;
}

trit_status trit_chat_template_read(trit_model *m, trit_error *err) {
    trit_str template;
    if (m->source.gguf && trit_gguf_str(trit_gguf_find(m->source.gguf, "tokenizer.chat_template"), &template))
        return copy(&m->chat_template, template, err);
    return m->source.safetensors ? trit_chat_template_read_folder(&m->chat_template, m->source.folder, err) : trit_ok;
}

const char *trit_model_chat_template(const trit_model *m) {
    const char *arch = m->source.file_arch;
    bool is_2b4t = strcmp(arch, "bitnet-b1.58") == 0 || strcmp(arch, "bitnet-25") == 0;
    if (m->source.gguf && is_2b4t && m->config.vocab_size == 128256) return trit_chat_bitnet_2b4t;
    return m->chat_template;
}

/* A token's text; NULL where the model has none. */
static trit_status token_text(char **out, const trit_model *m, int32_t id, trit_error *err) {
    size_t n = 0;
    const char *piece = m->tokenizer && id >= 0 ? trit_tokenizer_piece(m->tokenizer, id, &n) : NULL;
    *out = NULL;
    return piece ? copy(out, (trit_str){piece, n}, err) : trit_ok;
}

trit_status trit_model_chat_render(const trit_model *m, const char *conversation, size_t n, const trit_chat_opts *opts, trit_text *out,
                                   trit_error *err) {
    const char *template = trit_model_chat_template(m);
    trit_chat_opts o = opts ? *opts : (trit_chat_opts){0};
    char *bos, *eos = NULL;
    if (!template) return trit_error_set(err, trit_unsupported, "the model has no chat template");
    trit_status status = token_text(&bos, m, m->tokenizer ? trit_tokenizer_bos(m->tokenizer) : -1, err);
    if (status == trit_ok) status = token_text(&eos, m, m->tokenizer ? trit_tokenizer_eos(m->tokenizer) : -1, err);
    if (!o.bos_token) o.bos_token = bos;
    if (!o.eos_token) o.eos_token = eos;
    if (status == trit_ok) status = trit_chat_render(template, strlen(template), conversation, n, &o, out, err);
    trit_free(bos);
    trit_free(eos);
    return status;
}

trit_status trit_model_check_template(const trit_model *m, trit_error *err) {
    static const char greeting[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}], \"add_generation_prompt\": true}";
    trit_text text = {0};
    if (!trit_model_chat_template(m)) return trit_ok;
    const trit_status status = trit_model_chat_render(m, greeting, sizeof greeting - 1, NULL, &text, err);
    trit_text_fini(&text);
    return status == trit_arg ? trit_ok : status;
}
