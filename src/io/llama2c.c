/* Reads the model files of llama2.c (https://github.com/karpathy/llama2.c), floats behind a header, and its tokenizer.bin.
 *
 *   version 0   i32 dim, ff_dim, n_layers, n_heads, n_kv_heads, vocab_size, context | tensors
 *               a negative vocab_size says that the head is a tensor of its own
 *   version 1   "24ka" | i32 1 | the seven numbers | u8 the head is the embeddings | zeros up to 256 | tensors
 *   tokenizer   u32 longest token | for each token: f32 score, i32 n, n bytes
 *
 * The tensors stand without gaps in a fixed order, the same tensor of all layers together. Nothing names the file or counts its
 * bytes, so the size that the header asks for must be the file's to the byte. Queries and keys are turned in neighbouring pairs,
 * as GGUF's architecture "llama" has them: the file is presented as one of those. */
#include <stdio.h>

#include "base/error.h"
#include "io/gguf_parts.h"
#include "io/path.h"
#include "tensor/bytes.h"

enum { header_v0 = 28, header_v1 = 256, name_bytes = 40, token_head = 8 };

typedef struct header {
    uint32_t version, size; /* bytes before the tensors */
    uint32_t dim, ff_dim, n_layers, n_heads, n_kv_heads, vocab_size, context;
    bool tied;
} header;

/* ---- The tensors ---- */

typedef enum part {
    embeddings, attn_norm, attn_q, attn_k, attn_v, attn_output, ffn_norm, ffn_gate, ffn_down, ffn_up, output_norm, rope_table, output,
    n_parts
} part;

typedef enum unit { one, of_model, of_ff, of_kv, of_vocab, of_context, of_head } unit;

static const struct {
    const char *name; /* NULL: not used */
    bool per_layer;
    unit rows, cols; /* rows == one: a vector */
} parts[n_parts] = {
    [embeddings] = {"token_embd", false, of_vocab, of_model},
    [attn_norm] = {"attn_norm", true, one, of_model},
    [attn_q] = {"attn_q", true, of_model, of_model},
    [attn_k] = {"attn_k", true, of_kv, of_model},
    [attn_v] = {"attn_v", true, of_kv, of_model},
    [attn_output] = {"attn_output", true, of_model, of_model},
    [ffn_norm] = {"ffn_norm", true, one, of_model},
    [ffn_gate] = {"ffn_gate", true, of_ff, of_model},
    [ffn_down] = {"ffn_down", true, of_model, of_ff},
    [ffn_up] = {"ffn_up", true, of_ff, of_model},
    [output_norm] = {"output_norm", false, one, of_model},
    [rope_table] = {NULL, false, of_context, of_head}, /* cosines, then sines of half a head each */
    [output] = {"output", false, of_vocab, of_model},
};

static const part order_v0[] = {embeddings, attn_norm, attn_q, attn_k, attn_v, attn_output, ffn_norm,
                                ffn_gate, ffn_down, ffn_up, output_norm, rope_table, output, n_parts};
static const part order_v1[] = {attn_norm, ffn_norm, output_norm, embeddings, attn_q, attn_k, attn_v,
                                attn_output, ffn_gate, ffn_down, ffn_up, output, n_parts};

static const part *order_of(const header *h) {
    return h->version == 0 ? order_v0 : order_v1;
}

static uint64_t extent(const header *h, unit u) {
    switch (u) {
    case one: return 1;
    case of_model: return h->dim;
    case of_ff: return h->ff_dim;
    case of_kv: return h->dim / h->n_heads * h->n_kv_heads;
    case of_vocab: return h->vocab_size;
    case of_context: return h->context;
    default: return h->dim / h->n_heads;
    }
}

static uint64_t bytes_of(const header *h, part p) {
    return 4 * extent(h, parts[p].rows) * extent(h, parts[p].cols);
}

static uint64_t copies_of(const header *h, part p) {
    return p == output && h->tied ? 0 : parts[p].per_layer ? h->n_layers : 1;
}

/* Bytes of the whole file. No overflow: vocab_size, ff_dim and context are at most 2^24, dim 2^20 and n_layers 2^10, so each
 * product is at most 2^56. */
static uint64_t size_of(const header *h) {
    uint64_t n = h->size;
    for (const part *p = order_of(h); *p != n_parts; p++) n += copies_of(h, *p) * bytes_of(h, *p);
    return n;
}

static uint64_t count_tensors(const header *h) {
    uint64_t n = 0;
    for (const part *p = order_of(h); *p != n_parts; p++) n += parts[*p].name ? copies_of(h, *p) : 0;
    return n;
}

/* g->tensors, and what they are called from `names` on. */
static void list_tensors(trit_gguf *g, const header *h, char *names) {
    const uint8_t *at = g->map.data + h->size;
    for (const part *p = order_of(h); *p != n_parts; p++)
        for (uint64_t layer = 0; layer < copies_of(h, *p); layer++, at += bytes_of(h, *p)) {
            if (!parts[*p].name) continue;
            const uint64_t n_rows = extent(h, parts[*p].rows), n_cols = extent(h, parts[*p].cols);
            const bool is_vector = parts[*p].rows == one;
            const int n = parts[*p].per_layer ? snprintf(names, name_bytes, "blk.%u.%s.weight", (unsigned)layer, parts[*p].name)
                                              : snprintf(names, name_bytes, "%s.weight", parts[*p].name);
            g->tensors[g->n_tensors++] =
                (trit_file_tensor){.name = {names, (size_t)n}, .dtype = trit_dtype_f32, .n_dims = is_vector ? 1 : 2,
                              .shape = {is_vector ? n_cols : n_rows, is_vector ? 0 : n_cols}, .data = at, .n_bytes = bytes_of(h, *p)};
            names += name_bytes;
        }
}

/* ---- The header ---- */

static trit_status read_numbers(header *h, const uint8_t *p, const char *what, trit_error *err) {
    const struct {
        const char *name;
        uint32_t *out, most;
    } numbers[7] = {{"dim", &h->dim, 1 << 20},         {"hidden_dim", &h->ff_dim, 1 << 24}, {"n_layers", &h->n_layers, 1 << 10},
                    {"n_heads", &h->n_heads, 1 << 12}, {"n_kv_heads", &h->n_kv_heads, 1 << 12},
                    {"vocab_size", &h->vocab_size, 1 << 24}, {"seq_len", &h->context, 1 << 24}};
    for (int i = 0; i < 7; i++) {
        const uint32_t raw = trit_load_u32(p + 4 * i);
        const bool negative = h->version == 0 && i == 5 && raw > INT32_MAX;
        const uint32_t v = negative ? 0u - raw : raw;
        if (negative) h->tied = false;
        if (v < 1 || v > numbers[i].most)
            return trit_error_set(err, trit_format, "%.200s: %s of %d is not between 1 and %u: no model of llama2.c", what, numbers[i].name,
                                  (int)(int32_t)v, numbers[i].most);
        *numbers[i].out = v;
    }
    if (h->dim % h->n_heads || h->dim / h->n_heads % 2 || h->n_heads % h->n_kv_heads)
        return trit_error_set(err, trit_format, "%.200s: dim %u, %u heads and %u key-value heads do not go together", what, h->dim,
                              h->n_heads, h->n_kv_heads);
    return trit_ok;
}

static trit_status read_header(header *h, trit_file_map file, const char *what, trit_error *err) {
    const uint8_t *p = file.data;
    *h = (header){.size = header_v0, .tied = true};
    if (file.n < header_v0) return trit_error_set(err, trit_format, "%.200s: %zu bytes are no model of llama2.c", what, file.n);
    if (memcmp(p, "PK\3\4", 4) == 0)
        return trit_error_set(err, trit_unsupported, "%.200s: a file of PyTorch; of these only int2 checkpoints are supported, as *.pt", what);
    if (memcmp(p, "24ka", 4) == 0) { /* 0x616b3432, "ak42" */
        h->version = trit_load_u32(p + 4);
        h->size = header_v1;
        if (h->version != 1)
            return trit_error_set(err, trit_unsupported, "%.200s: version %u of llama2.c's files is not supported (0 and 1 are)", what, h->version);
        if (file.n < header_v1) return trit_error_set(err, trit_format, "%.200s: %zu bytes are no model of llama2.c", what, file.n);
        h->tied = p[36] != 0;
        p += 8;
    }
    const trit_status status = read_numbers(h, p, what, err);
    if (status != trit_ok) return status;
    const uint64_t size = size_of(h);
    if (size != file.n)
        return trit_error_set(err, trit_format, "%.200s: %zu bytes, but a model of llama2.c with this header has %llu", what, file.n,
                              (unsigned long long)size);
    return trit_ok;
}

/* ---- Tokens ---- */

typedef struct tokens {
    trit_file_map file;
    uint64_t n, n_bytes; /* of the array of strings as GGUF has it */
} tokens;

/* llama2.c wrote blanks for SentencePiece's mark of a blank, U+2581. */
static uint64_t marked_bytes(trit_str s) {
    uint64_t n = s.n;
    for (size_t i = 0; i < s.n; i++) n += s.p[i] == ' ' ? 2 : 0;
    return n;
}

/* The token at *at, which moves behind it. The bytes were checked by count_tokens. */
static trit_str next_token(trit_file_map file, size_t *at, float *score) {
    const uint8_t *p = file.data + *at;
    *score = trit_load_f32(p);
    const trit_str s = {(const char *)p + token_head, trit_load_u32(p + 4)};
    *at += token_head + s.n;
    return s;
}

static trit_status count_tokens(tokens *t, trit_file_map file, const char *what, trit_error *err) {
    *t = (tokens){.file = file};
    if (file.n == 0) return trit_ok;
    for (size_t at = 4; at < file.n;) {
        const size_t left = file.n - at;
        const uint32_t n = left >= token_head ? trit_load_u32(file.data + at + 4) : 0;
        if (left < token_head || n > left - token_head)
            return trit_error_set(err, trit_format, "%.200s: token %llu at offset %zu is beyond the end of the file", what,
                                  (unsigned long long)t->n, at);
        t->n_bytes += 8 + marked_bytes((trit_str){(const char *)file.data + at + token_head, n});
        t->n++;
        at += token_head + n;
    }
    if (t->n < 3 || t->n > 1 << 24)
        return trit_error_set(err, trit_format, "%.200s: %llu tokens are no tokenizer of llama2.c", what, (unsigned long long)t->n);
    return trit_ok;
}

/* ---- Keys ---- */

static void append_str(trit_gguf_maker *m, trit_str s) {
    trit_store_u64(m->at, marked_bytes(s));
    m->at += 8;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ' ') {
            memcpy(m->at, "\xe2\x96\x81", 3);
            m->at += 3;
        } else {
            *m->at++ = (uint8_t)s.p[i];
        }
    }
}

enum { n_model_keys = 9, n_token_keys = 4, room_for_numbers = 256 };

static void add_model_keys(trit_gguf_maker *m, const header *h) {
    trit_gguf_make_str(m, "general.architecture", trit_str_from("llama"));
    trit_gguf_make_u32(m, "llama.embedding_length", h->dim);
    trit_gguf_make_u32(m, "llama.feed_forward_length", h->ff_dim);
    trit_gguf_make_u32(m, "llama.block_count", h->n_layers);
    trit_gguf_make_u32(m, "llama.attention.head_count", h->n_heads);
    trit_gguf_make_u32(m, "llama.attention.head_count_kv", h->n_kv_heads);
    trit_gguf_make_u32(m, "llama.vocab_size", h->vocab_size);
    trit_gguf_make_u32(m, "llama.context_length", h->context);
    trit_gguf_make_f32(m, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
}

/* The numbers of tokenizer.ggml.token_type. */
static uint32_t type_of(uint64_t id, trit_str s) {
    enum { normal = 1, unknown = 2, control = 3, byte = 6 };
    if (id < 3) return id == 0 ? unknown : control;
    return s.n == 6 && memcmp(s.p, "<0x", 3) == 0 && s.p[5] == '>' ? byte : normal;
}

/* Tokens 0, 1 and 2 are unknown, begin and end, whose texts llama2.c wrote with line breaks around them. */
static void add_token_keys(trit_gguf_maker *m, const tokens *t) {
    static const char *const first[] = {"<unk>", "<s>", "</s>"};
    float score;
    trit_gguf_make_str(m, "tokenizer.ggml.model", trit_str_from("llama"));
    trit_gguf_make_key(m, "tokenizer.ggml.tokens", trit_gguf_array, trit_gguf_string, t->n);
    size_t at = 4;
    for (uint64_t id = 0; id < t->n; id++) {
        const trit_str s = next_token(t->file, &at, &score);
        append_str(m, id < 3 ? trit_str_from(first[id]) : s);
    }
    trit_gguf_make_key(m, "tokenizer.ggml.scores", trit_gguf_array, trit_gguf_f32, t->n);
    at = 4;
    for (uint64_t id = 0; id < t->n; id++, m->at += 4) {
        (void)next_token(t->file, &at, &score);
        trit_store_f32(m->at, score);
    }
    trit_gguf_make_key(m, "tokenizer.ggml.token_type", trit_gguf_array, trit_gguf_i32, t->n);
    at = 4;
    for (uint64_t id = 0; id < t->n; id++, m->at += 4) trit_store_u32(m->at, type_of(id, next_token(t->file, &at, &score)));
}

/* ---- Opening ---- */

/* h or t may be NULL. Everything was checked, so that only memory can be missing. The map is the caller's until the end. */
static trit_status present(trit_gguf **out, trit_file_map file, const header *h, const tokens *t, const char *what, trit_error *err) {
    const uint64_t n_tensors = h ? count_tensors(h) : 0;
    const size_t n_values = room_for_numbers + (t ? (size_t)(t->n_bytes + 8 * t->n) + 3 * 8 : 0);
    trit_gguf_maker m;
    const trit_status status =
        trit_gguf_make(&m, file, n_model_keys + n_token_keys, (size_t)n_tensors, (size_t)n_tensors * name_bytes + n_values, what, err);
    if (status != trit_ok) return status;
    if (h) list_tensors(m.g, h, (char *)m.at);
    m.at += n_tensors * name_bytes;
    if (h) add_model_keys(&m, h);
    if (t) add_token_keys(&m, t);
    return trit_gguf_made(out, &m, err);
}

trit_status trit_llama2c_open_memory(trit_gguf **out, trit_file_map model, trit_file_map token_file, const char *what, trit_error *err) {
    header h;
    tokens t;
    trit_status status = read_header(&h, model, what, err);
    if (status == trit_ok) status = count_tokens(&t, token_file, "tokenizer.bin", err);
    if (status != trit_ok) return status;
    return present(out, model, &h, t.n == h.vocab_size ? &t : NULL, what, err);
}

/* The tokenizer.bin beside a model; a map of 0 bytes where there is none. */
static trit_status map_tokens(trit_file_map *map, const char *path, trit_error *err) {
    trit_text beside = {0};
    trit_status status = trit_ok;
    *map = (trit_file_map){0};
    if (!trit_path_join(&beside, trit_path_folder(path), trit_str_from("tokenizer.bin"))) status = trit_error_memory(err, strlen(path), path);
    else if (trit_os_is_file(beside.data)) status = trit_os_map(map, beside.data, err);
    trit_text_fini(&beside);
    return status;
}

trit_status trit_llama2c_open(trit_gguf **out, const char *path, trit_error *err) {
    trit_file_map map, token_map;
    trit_status status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    if (map.n >= 4 && memcmp(map.data, "GGUF", 4) == 0) {
        trit_os_unmap(&map);
        return trit_gguf_open(out, path, err);
    }
    status = map_tokens(&token_map, path, err);
    if (status == trit_ok)
        status = trit_llama2c_open_memory(out, map, token_map, path, err);
    trit_os_unmap(&token_map);
    if (status == trit_ok) (*out)->owns_map = true;
    else trit_os_unmap(&map);
    return status;
}

trit_status trit_llama2c_open_tokenizer(trit_gguf **out, const char *path, trit_error *err) {
    trit_file_map map;
    tokens t;
    trit_status status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    status = count_tokens(&t, map, path, err);
    if (status == trit_ok && t.n == 0) status = trit_error_set(err, trit_format, "%.200s: the file is empty", path);
    if (status == trit_ok) status = present(out, (trit_file_map){0}, NULL, &t, path, err);
    trit_os_unmap(&map);
    return status;
}
