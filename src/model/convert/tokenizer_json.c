/* The tokenizer of a folder: byte-level BPE from a GGUF file's lists as tokenizer.json, and tokenizer_config.json with the chat
 * template; or the files of the folder that the model comes from. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "model/convert/convert.h"

typedef struct document {
    trit_text text;
    bool ok;
} document;

static void raw(document *d, const char *s) {
    d->ok = d->ok && trit_text_append(&d->text, s, strlen(s));
}

static void str(document *d, trit_str s) {
    d->ok = d->ok && trit_json_write_str(&d->text, s.p, s.n);
}

static void number(document *d, int64_t v) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    raw(d, text);
}

static trit_str piece(const trit_tokenizer *t, int32_t id) {
    trit_str s = {0};
    s.p = id >= 0 ? trit_tokenizer_piece(t, id, &s.n) : NULL;
    return s;
}

static trit_status finish(document *d, const char *folder, const char *name, trit_error *err) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    const trit_status status = d->ok ? trit_os_write_file(path, d->text.data, d->text.n, err) : trit_error_memory(err, d->text.n, name);
    trit_text_fini(&d->text);
    return status;
}

/* Tokens that stand for themselves: special ones, and those that the file's author added. */
static void write_added(document *d, const trit_gguf *g, const trit_tokenizer *t) {
    const trit_gguf_kv *types = trit_gguf_find(g, "tokenizer.ggml.token_type");
    bool any = false;
    raw(d, "\"added_tokens\":[");
    for (uint32_t id = 0; id < trit_tokenizer_size(t); id++) {
        int64_t type = trit_token_normal;
        (void)trit_gguf_int(types, id, &type);
        if (type != trit_token_control && type != trit_token_unknown && type != trit_token_user_defined) continue;
        raw(d, any ? ",\n{\"id\":" : "\n{\"id\":");
        number(d, id);
        raw(d, ",\"content\":");
        str(d, piece(t, (int32_t)id));
        raw(d, ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":");
        raw(d, type == trit_token_user_defined ? "false}" : "true}");
        any = true;
    }
    raw(d, "],\n");
}

static void write_special(document *d, trit_str token) {
    raw(d, "{\"SpecialToken\":{\"id\":");
    str(d, token);
    raw(d, ",\"type_id\":0}}");
}

/* Begin and end tokens around one text or each of two. */
static void write_post_processor(document *d, const trit_tokenizer *t, bool bos, bool eos) {
    const trit_str first = piece(t, trit_tokenizer_bos(t)), last = piece(t, trit_tokenizer_eos(t));
    static const char *const forms[][2] = {{"\"single\":[", "A"}, {"],\"pair\":[", "A"}, {",", "B"}};
    raw(d, "\"post_processor\":{\"type\":\"TemplateProcessing\",");
    for (size_t i = 0; i < 3; i++) {
        raw(d, forms[i][0]);
        if (bos) write_special(d, first);
        raw(d, bos ? ",{\"Sequence\":{\"id\":\"" : "{\"Sequence\":{\"id\":\"");
        raw(d, forms[i][1]);
        raw(d, "\",\"type_id\":0}}");
        if (eos) raw(d, ",");
        if (eos) write_special(d, last);
    }
    raw(d, "],\"special_tokens\":{");
    for (int i = 0; i < 2; i++) {
        const trit_str token = i ? last : first;
        if (i ? !eos : !bos) continue;
        if (i && bos && trit_str_equal(first, last)) continue;
        if (i && bos) raw(d, ",");
        str(d, token);
        raw(d, ":{\"id\":");
        str(d, token);
        raw(d, ",\"ids\":[");
        number(d, i ? trit_tokenizer_eos(t) : trit_tokenizer_bos(t));
        raw(d, "],\"tokens\":[");
        str(d, token);
        raw(d, "]}");
    }
    raw(d, "}},\n");
}

static trit_status write_model(document *d, const trit_gguf *g, const trit_tokenizer *t, bool ignore_merges, trit_error *err) {
    const trit_gguf_kv *merges = trit_gguf_find(g, "tokenizer.ggml.merges");
    const uint64_t n_merges = merges ? merges->n : 0;
    trit_str *lines = trit_alloc(n_merges, sizeof *lines);
    if (!lines) return trit_error_memory(err, n_merges * sizeof *lines, "the merges");
    raw(d, "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
           "\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":");
    raw(d, ignore_merges ? "true,\"vocab\":{" : "false,\"vocab\":{");
    for (uint32_t id = 0; id < trit_tokenizer_size(t); id++) {
        raw(d, id ? ",\n" : "\n");
        str(d, piece(t, (int32_t)id));
        raw(d, ":");
        number(d, id);
    }
    raw(d, "},\"merges\":[");
    const bool readable = merges && trit_gguf_strs(merges, lines);
    for (uint64_t i = 0; readable && i < n_merges; i++) {
        raw(d, i ? ",\n" : "\n");
        str(d, lines[i]);
    }
    raw(d, "]}}\n");
    trit_free(lines);
    return trit_ok;
}

static trit_status write_tokenizer(const trit_gguf *g, const trit_tokenizer *t, const char *folder, trit_error *err) {
    document d = {.ok = true};
    bool ignore_merges = false;
    trit_ids ids = {0};
    trit_status status = trit_tokenizer_encode(t, &ids, "", 0, NULL, err);
    if (status != trit_ok) return status;
    const bool bos = trit_tokenizer_adds_bos(t), eos = ids.n > (size_t)bos;
    trit_ids_fini(&ids);
    raw(&d, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\n");
    write_added(&d, g, t);
    raw(&d, "\"normalizer\":null,\n\"pre_tokenizer\":");
    d.ok = d.ok && trit_pre_write_json(&d.text, trit_tokenizer_pre(t), &ignore_merges);
    raw(&d, ",\n");
    if (bos || eos) write_post_processor(&d, t, bos, eos);
    else raw(&d, "\"post_processor\":null,\n");
    raw(&d, "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},\n");
    status = write_model(&d, g, t, ignore_merges, err);
    if (status == trit_ok) return finish(&d, folder, "tokenizer.json", err);
    trit_text_fini(&d.text);
    return status;
}

static trit_status write_tokenizer_config(const trit_model *m, const char *folder, trit_error *err) {
    document d = {.ok = true};
    const trit_tokenizer *t = m->tokenizer;
    const char *template = trit_model_chat_template(m);
    const struct {
        const char *key;
        int32_t id;
    } tokens[] = {{",\n\"bos_token\": ", trit_tokenizer_bos(t)}, {",\n\"eos_token\": ", trit_tokenizer_eos(t)}};
    raw(&d, "{\n\"tokenizer_class\": \"PreTrainedTokenizerFast\",\n\"clean_up_tokenization_spaces\": false");
    for (size_t i = 0; i < 2; i++) {
        if (tokens[i].id < 0) continue;
        raw(&d, tokens[i].key);
        str(&d, piece(t, tokens[i].id));
    }
    if (template) raw(&d, ",\n\"chat_template\": ");
    if (template) str(&d, trit_str_from(template));
    raw(&d, "\n}\n");
    return finish(&d, folder, "tokenizer_config.json", err);
}

/* From folder to folder the files go along as they are. */
static trit_status copy_files(const char *from, const char *to, trit_error *err) {
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "generation_config.json",
                                        "chat_template.jinja"};
    trit_status status = trit_ok;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && status == trit_ok; i++) {
        char path[4096], target[4096];
        trit_file_map map;
        snprintf(path, sizeof path, "%s/%s", from, names[i]);
        snprintf(target, sizeof target, "%s/%s", to, names[i]);
        if (!trit_os_is_file(path)) continue;
        status = trit_os_map(&map, path, err);
        if (status != trit_ok) return status;
        status = trit_os_write_file(target, map.data, map.n, err);
        trit_os_unmap(&map);
    }
    return status;
}

trit_status trit_convert_write_vocab(const trit_convert_job *job, const char *folder, trit_error *err) {
    const trit_model *m = job->m;
    if (m->source.folder) return copy_files(m->source.folder, folder, err);
    if (!m->tokenizer) return trit_ok;
    if (strcmp(trit_tokenizer_kind(m->tokenizer), "byte-level BPE") != 0) {
        trit_convert_say(job, trit_convert_note, "no tokenizer in the output: only byte-level BPE is written as tokenizer.json, not %s",
                         trit_tokenizer_kind(m->tokenizer));
        return trit_ok;
    }
    trit_status status = write_tokenizer(m->source.gguf, m->tokenizer, folder, err);
    return status == trit_ok ? write_tokenizer_config(m, folder, err) : status;
}
