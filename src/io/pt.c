/* Reads int2 checkpoints of BitNet for Microsoft's CUDA kernels (model_state_int2.pt, made by gpu/convert_checkpoint.py of
 * https://github.com/microsoft/BitNet): PyTorch's archives of a dict of tensors, presented as a GGUF file of architecture
 * "bitnet-b1.58".
 *
 *   NAME/data.pkl     the dict                NAME/data/KEY    the bytes of a storage                NAME/byteorder    may be absent
 *
 * Queries, keys and values are one matrix, and so are gate and up; weight_scale has four numbers, one for each part in this order, of
 * which those beyond the last are 0. (The published kernel takes the second for half of the queries and the third for the keys too;
 * what the converter wrote counts here.) Nothing says how many heads there are: all models of the release have heads of 128. Its
 * queries and keys are turned in neighbouring pairs, GGUF's in halves of a head: the rows of these two are put in order at open. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/gguf_parts.h"
#include "io/pickle.h"
#include "io/zip.h"
#include "tensor/bytes.h"
#include "tensor/int2.h"

enum { head_dim = 128, context_length = 4096, most_layers = 1024, most_dim = 1 << 20, most_pickle = 64 << 20, name_bytes = 40, full_name = 80 };

typedef struct checkpoint {
    const char *what;
    trit_zip zip;
    trit_str prefix; /* of the archive's names, with its '/' */
    trit_pickle pickle;
    trit_names names;
    bool *is_used; /* [pickle.n] */
    uint32_t dim, ff_dim, n_heads, n_kv_heads, n_layers, vocab_size;
} checkpoint;

/* ---- Tensors of the file ---- */

static const trit_pickle_tensor *find(const checkpoint *c, const char *name) {
    return trit_names_find(&c->names, trit_str_from(name));
}

static bool has_shape(const trit_pickle_tensor *t, uint64_t n_rows, uint64_t n_cols) {
    return n_rows ? t->n_dims == 2 && t->shape[0] == n_rows && t->shape[1] == n_cols : t->n_dims == 1 && t->shape[0] == n_cols;
}

/* The bytes of a tensor of [n_rows, n_cols], of n_cols where n_rows is 0. */
static trit_status tensor_data(const uint8_t **out, checkpoint *c, const trit_pickle_tensor *t, uint64_t n_rows, uint64_t n_cols, trit_error *err) {
    char key[256];
    const uint64_t size = trit_dtype_info(t->dtype)->block_bytes, n = (n_rows ? n_rows : 1) * n_cols;
    if (!has_shape(t, n_rows, n_cols))
        return trit_error_set(err, trit_format, "%.200s: tensor %.*s has another shape than [%llu, %llu]", c->what, TRIT_STR_ARG(t->name),
                              (unsigned long long)(n_rows ? n_rows : 1), (unsigned long long)n_cols);
    if (!t->is_contiguous)
        return trit_error_set(err, trit_unsupported, "%.200s: tensor %.*s has strides: a view of another tensor", c->what, TRIT_STR_ARG(t->name));
    const int n_key = snprintf(key, sizeof key, "%.*sdata/%.*s", TRIT_STR_ARG(c->prefix), TRIT_STR_ARG(t->storage));
    const trit_zip_entry *e = n_key < (int)sizeof key ? trit_zip_find(&c->zip, (trit_str){key, (size_t)n_key}) : NULL;
    if (!e)
        return trit_error_set(err, trit_format, "%.200s: tensor %.*s: its bytes are not in the archive", c->what, TRIT_STR_ARG(t->name));
    if (t->n_stored > e->n / size || t->offset > t->n_stored || n > t->n_stored - t->offset)
        return trit_error_set(err, trit_format, "%.200s: tensor %.*s is beyond the end of its storage", c->what, TRIT_STR_ARG(t->name));
    c->is_used[t - c->pickle.tensor] = true;
    *out = e->data + t->offset * size;
    return trit_ok;
}

static trit_status get(const trit_pickle_tensor **t, const uint8_t **data, checkpoint *c, const char *name, uint64_t n_rows, uint64_t n_cols,
                       trit_error *err) {
    *t = find(c, name);
    if (!*t) return trit_error_set(err, trit_format, "%.200s: tensor %s is missing", c->what, name);
    return tensor_data(data, c, *t, n_rows, n_cols, err);
}

/* ---- Sizes ---- */

static trit_status read_sizes(checkpoint *c, trit_error *err) {
    char name[full_name];
    const trit_pickle_tensor *embd = find(c, "tok_embeddings.weight"), *qkv = find(c, "layers.0.attention.wqkv.weight"),
                             *w13 = find(c, "layers.0.feed_forward.w13.weight");
    if (!embd || !qkv || !w13 || embd->n_dims != 2 || qkv->n_dims != 2 || w13->n_dims != 2 || qkv->dtype != trit_dtype_i8)
        return trit_error_set(err, trit_unsupported, "%.200s: no int2 checkpoint of BitNet, which of PyTorch's files alone are supported", c->what);
    const uint64_t dim = embd->shape[1], ff_dim = w13->shape[0] / 2, vocab_size = embd->shape[0], rows = qkv->shape[0];
    if (dim > most_dim || dim % head_dim || ff_dim < 1 || ff_dim > 4 * most_dim || ff_dim % trit_int2_cols || vocab_size > 1 << 24)
        return trit_error_set(err, trit_unsupported, "%.200s: [%llu, %llu] embeddings and %llu rows of w13 are no int2 checkpoint of BitNet", c->what,
                              (unsigned long long)vocab_size, (unsigned long long)dim, (unsigned long long)w13->shape[0]);
    const uint64_t n_kv = rows > dim && rows <= 3 * dim && (rows - dim) % (2 * head_dim) == 0 ? (rows - dim) / (2 * head_dim) : 0;
    if (n_kv == 0 || dim / head_dim % n_kv)
        return trit_error_set(err, trit_unsupported, "%.200s: %llu rows of wqkv are not those of heads of %d beside %llu queries", c->what,
                              (unsigned long long)rows, head_dim, (unsigned long long)dim);
    c->dim = (uint32_t)dim;
    c->ff_dim = (uint32_t)ff_dim;
    c->vocab_size = (uint32_t)vocab_size;
    c->n_heads = (uint32_t)(dim / head_dim);
    c->n_kv_heads = (uint32_t)n_kv;
    do snprintf(name, sizeof name, "layers.%u.attention.wqkv.weight", (unsigned)++c->n_layers);
    while (c->n_layers < most_layers && find(c, name));
    return trit_ok;
}

/* ---- Tensors as GGUF has them ---- */

typedef enum unit { none, of_model, of_kv, of_ff } unit;

static const struct {
    const char *from, *to;
    unit n;
} norms[] = {{"attention_norm", "attn_norm", of_model},
             {"attention.attn_sub_norm", "attn_sub_norm", of_model},
             {"ffn_norm", "ffn_norm", of_model},
             {"feed_forward.ffn_sub_norm", "ffn_sub_norm", of_ff}};

enum { n_norms = sizeof norms / sizeof norms[0], most_parts = 3 };

static const struct {
    const char *from;
    unit cols;
    struct {
        const char *to;
        unit rows;
        bool turned;
    } part[most_parts];
} matrices[] = {{"attention.wqkv", of_model, {{"attn_q", of_model, true}, {"attn_k", of_kv, true}, {"attn_v", of_kv, false}}},
                {"attention.wo", of_model, {{"attn_output", of_model, false}}},
                {"feed_forward.w13", of_model, {{"ffn_gate", of_ff, false}, {"ffn_up", of_ff, false}}},
                {"feed_forward.w2", of_ff, {{"ffn_down", of_model, false}}}};

enum { n_matrices = sizeof matrices / sizeof matrices[0], tensors_per_layer = n_norms + 2 * 7, n_ends = 3, n_keys = 11, room_for_keys = 256 };

static uint32_t extent(const checkpoint *c, unit u) {
    return u == of_model ? c->dim : u == of_kv ? c->n_kv_heads * head_dim : u == of_ff ? c->ff_dim : 0;
}

/* Bytes of the rows of a layer that are put in another order. */
static uint64_t turned_bytes(const checkpoint *c) {
    return (uint64_t)(c->dim + c->n_kv_heads * head_dim) * c->dim / 4;
}

/* A tensor whose name is printed at m->at. */
static void add(trit_gguf_maker *m, int n_name, trit_dtype dtype, uint64_t n_rows, uint64_t n_cols, const uint8_t *data) {
    trit_file_tensor *t = &m->g->tensors[m->g->n_tensors++];
    *t = (trit_file_tensor){.name = {(const char *)m->at, (size_t)n_name}, .dtype = dtype, .n_dims = n_rows ? 2 : 1,
                       .shape = {n_rows ? n_rows : n_cols, n_rows ? n_cols : 0}, .data = data};
    (void)trit_dtype_n_bytes(dtype, n_rows ? n_rows : 1, n_cols, &t->n_bytes); /* the shape was checked against the storage */
    m->at += name_bytes;
}

/* One that needs no change, floats: layer < 0 for those outside the layers. */
static trit_status add_floats(trit_gguf_maker *m, checkpoint *c, int layer, const char *from, const char *to, uint64_t n_rows, uint64_t n_cols,
                              trit_error *err) {
    char name[full_name];
    const trit_pickle_tensor *t;
    const uint8_t *data = NULL;
    if (layer < 0) snprintf(name, sizeof name, "%s.weight", from);
    else snprintf(name, sizeof name, "layers.%d.%s.weight", layer, from);
    trit_status status = get(&t, &data, c, name, n_rows, n_cols, err);
    if (status != trit_ok) return status;
    if (!trit_dtype_is_float(t->dtype)) return trit_error_set(err, trit_format, "%.200s: tensor %s: floats were expected", c->what, name);
    char *at = (char *)m->at;
    add(m, layer < 0 ? snprintf(at, name_bytes, "%s.weight", to) : snprintf(at, name_bytes, "blk.%d.%s.weight", layer, to), t->dtype, n_rows, n_cols, data);
    return trit_ok;
}

/* Neighbouring rows 2 j, 2 j + 1 of a head to j and j + head_dim / 2. */
static void turn_rows(uint8_t *dst, const uint8_t *src, uint64_t n_rows, uint64_t n_cols) {
    for (uint64_t row = 0; row < n_rows; row++) {
        const uint64_t j = row % head_dim, to = row - j + j / 2 + j % 2 * (head_dim / 2);
        for (uint64_t col = 0; col < n_cols; col += trit_int2_word_cols)
            memcpy(dst + trit_int2_word_at(n_cols, to, col), src + trit_int2_word_at(n_cols, row, col), 4);
    }
}

/* The parts of one matrix with their scales. Rows that change places are written to *room. */
static trit_status add_matrix(trit_gguf_maker *m, checkpoint *c, int layer, size_t i, uint8_t **room, trit_error *err) {
    char name[full_name], scale_name[full_name];
    const trit_pickle_tensor *t, *scale;
    const uint8_t *data = NULL, *scales = NULL;
    const uint64_t n_cols = extent(c, matrices[i].cols);
    uint64_t rows = 0;
    for (size_t k = 0; k < most_parts; k++) rows += extent(c, matrices[i].part[k].rows);
    snprintf(name, sizeof name, "layers.%d.%s.weight", layer, matrices[i].from);
    snprintf(scale_name, sizeof scale_name, "layers.%d.%s.weight_scale", layer, matrices[i].from);
    trit_status status = get(&t, &data, c, name, rows, n_cols / 4, err);
    if (status == trit_ok) status = get(&scale, &scales, c, scale_name, 0, 4, err);
    if (status != trit_ok) return status;
    if (t->dtype != trit_dtype_i8 || !trit_dtype_is_float(scale->dtype))
        return trit_error_set(err, trit_format, "%.200s: tensor %s: bytes and scales of floats were expected", c->what, name);
    for (size_t k = 0; k < most_parts && matrices[i].part[k].to; k++) {
        const char *to = matrices[i].part[k].to;
        const uint64_t n_rows = extent(c, matrices[i].part[k].rows), n_bytes = n_rows * n_cols / 4;
        const bool turned = matrices[i].part[k].turned;
        if (turned) turn_rows(*room, data, n_rows, n_cols);
        add(m, snprintf((char *)m->at, name_bytes, "blk.%d.%s.weight", layer, to), trit_dtype_gpu_int2, n_rows, n_cols, turned ? *room : data);
        add(m, snprintf((char *)m->at, name_bytes, "blk.%d.%s.scale", layer, to), scale->dtype, 0, 1,
            scales + k * trit_dtype_info(scale->dtype)->block_bytes);
        data += n_bytes;
        *room += turned ? n_bytes : 0;
    }
    return trit_ok;
}

static trit_status add_tensors(trit_gguf_maker *m, checkpoint *c, uint8_t *room, trit_error *err) {
    trit_status status = add_floats(m, c, -1, "tok_embeddings", "token_embd", c->vocab_size, c->dim, err);
    if (status == trit_ok) status = add_floats(m, c, -1, "norm", "output_norm", 0, c->dim, err);
    if (status == trit_ok && find(c, "output.weight")) status = add_floats(m, c, -1, "output", "output", c->vocab_size, c->dim, err);
    for (uint32_t layer = 0; layer < c->n_layers && status == trit_ok; layer++) {
        for (size_t i = 0; i < n_norms && status == trit_ok; i++)
            status = add_floats(m, c, (int)layer, norms[i].from, norms[i].to, 0, extent(c, norms[i].n), err);
        for (size_t i = 0; i < n_matrices && status == trit_ok; i++) status = add_matrix(m, c, (int)layer, i, &room, err);
    }
    for (size_t i = 0; i < c->pickle.n && status == trit_ok; i++)
        if (!c->is_used[i])
            status = trit_error_set(err, trit_unsupported, "%.200s: tensor %.*s is no part of an int2 checkpoint of BitNet", c->what,
                                    TRIT_STR_ARG(c->pickle.tensor[i].name));
    return status;
}

static void add_keys(trit_gguf_maker *m, const checkpoint *c) {
    trit_gguf_make_str(m, "general.architecture", trit_str_from("bitnet-b1.58"));
    trit_gguf_make_u32(m, "bitnet-b1.58.embedding_length", c->dim);
    trit_gguf_make_u32(m, "bitnet-b1.58.feed_forward_length", c->ff_dim);
    trit_gguf_make_u32(m, "bitnet-b1.58.block_count", c->n_layers);
    trit_gguf_make_u32(m, "bitnet-b1.58.attention.head_count", c->n_heads);
    trit_gguf_make_u32(m, "bitnet-b1.58.attention.head_count_kv", c->n_kv_heads);
    trit_gguf_make_u32(m, "bitnet-b1.58.vocab_size", c->vocab_size);
    trit_gguf_make_u32(m, "bitnet-b1.58.context_length", context_length);
    trit_gguf_make_f32(m, "bitnet-b1.58.attention.layer_norm_rms_epsilon", 1e-5f);
    trit_gguf_make_f32(m, "bitnet-b1.58.rope.freq_base", 500000.0f);
    trit_gguf_make_str(m, "bitnet-b1.58.hidden_act", trit_str_from("relu2"));
}

/* ---- Opening ---- */

/* The archive's only data.pkl, and the order of its bytes. */
static trit_status open_archive(checkpoint *c, trit_file_map file, trit_error *err) {
    static const char last[] = "data.pkl";
    char order_name[256];
    const trit_zip_entry *pkl = NULL;
    trit_status status = trit_zip_open(&c->zip, file, c->what, err);
    for (size_t i = 0; i < c->zip.n; i++) {
        const trit_str name = c->zip.entry[i].name;
        const size_t n = name.n - (sizeof last - 1);
        if (name.n < sizeof last || name.n > 128 || memcmp(name.p + n, last, sizeof last - 1) != 0 || name.p[n - 1] != '/') continue;
        pkl = &c->zip.entry[i];
        c->prefix = (trit_str){name.p, n};
    }
    if (status != trit_ok) return status;
    if (!pkl) return trit_error_set(err, trit_format, "%.200s: no checkpoint of PyTorch: the archive has no data.pkl", c->what);
    const int n = snprintf(order_name, sizeof order_name, "%.*sbyteorder", TRIT_STR_ARG(c->prefix));
    const trit_zip_entry *order = trit_zip_find(&c->zip, (trit_str){order_name, (size_t)n});
    if (order && !trit_str_is((trit_str){(const char *)order->data, (size_t)order->n}, "little"))
        return trit_error_set(err, trit_unsupported, "%.200s: numbers of another order than \"little\"", c->what);
    if (pkl->n > most_pickle) return trit_error_set(err, trit_unsupported, "%.200s: a data.pkl of %llu bytes", c->what, (unsigned long long)pkl->n);
    return trit_pickle_read(&c->pickle, pkl->data, (size_t)pkl->n, c->what, err);
}

static trit_status index_names(checkpoint *c, trit_error *err) {
    size_t twice = 0;
    const trit_status status = trit_names_init(&c->names, c->pickle.tensor, c->pickle.n, sizeof *c->pickle.tensor, &twice);
    if (status == trit_format)
        return trit_error_set(err, status, "%.200s: two tensors are called %.*s", c->what, TRIT_STR_ARG(c->pickle.tensor[twice].name));
    c->is_used = status == trit_ok ? trit_alloc_zero(c->pickle.n, sizeof *c->is_used) : NULL;
    return c->is_used ? trit_ok : trit_error_memory(err, c->pickle.n * 16, "the index of names");
}

/* Rows that change places need memory: layers that share a storage could ask for more of it than the file has bytes. */
static trit_status present(trit_gguf **out, checkpoint *c, trit_file_map file, trit_error *err) {
    const size_t n_tensors = n_ends + (size_t)c->n_layers * tensors_per_layer;
    const uint64_t n_turned = c->n_layers * turned_bytes(c);
    trit_gguf_maker m;
    if (n_turned > file.n) return trit_error_set(err, trit_format, "%.200s: %zu bytes are too few for its layers", c->what, file.n);
    trit_status status = trit_gguf_make(&m, file, n_keys, n_tensors, (size_t)n_turned + n_tensors * name_bytes + room_for_keys, c->what, err);
    if (status != trit_ok) return status;
    uint8_t *room = m.at;
    m.at += n_turned;
    add_keys(&m, c);
    status = add_tensors(&m, c, room, err);
    if (status == trit_ok) return trit_gguf_made(out, &m, err);
    trit_gguf_close(m.g);
    return status;
}

trit_status trit_pt_open_memory(trit_gguf **out, trit_file_map file, const char *what, trit_error *err) {
    checkpoint c = {.what = what};
    trit_status status = open_archive(&c, file, err);
    if (status == trit_ok) status = index_names(&c, err);
    if (status == trit_ok) status = read_sizes(&c, err);
    if (status == trit_ok) status = present(out, &c, file, err);
    trit_free(c.is_used);
    trit_names_fini(&c.names);
    trit_pickle_fini(&c.pickle);
    trit_zip_close(&c.zip);
    return status;
}

trit_status trit_pt_open(trit_gguf **out, const char *path, trit_error *err) {
    trit_file_map map;
    trit_status status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    status = trit_pt_open_memory(out, map, path, err);
    if (status == trit_ok) (*out)->owns_map = true;
    else trit_os_unmap(&map);
    return status;
}
