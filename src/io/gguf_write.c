/* Writes GGUF v3. Keys are serialized as they come; tensors are remembered, and their data written last, or
 * even made only then:
 *
 *      header | keys | infos | padding to 32 | (data, padding to 32) per tensor
 *
 * The file depends on the calls alone: no times, no paths, zeros in all padding. It is written beside its place and renamed, so
 * that a half-written model never carries the name of a whole one. */
#include "base/alloc.h"
#include "base/error.h"
#include "io/items.h"
#include "tensor/bytes.h"

enum { alignment = 32, max_key_bytes = 65535, max_name_bytes = 63, version = 3 };

struct trit_gguf_writer {
    trit_text keys;  /* serialized */
    trit_str *names; /* [n_keys] of the keys, owned: by them duplicates are found */
    size_t n_keys, names_capacity;
    trit_items tensors;
};

trit_status trit_gguf_writer_new(trit_gguf_writer **out, trit_error *err) {
    trit_gguf_writer *w = trit_alloc_zero(1, sizeof *w);
    if (!w) return trit_error_memory(err, sizeof *w, "a GGUF writer");
    *out = w;
    return trit_ok;
}

void trit_gguf_writer_free(trit_gguf_writer *w) {
    if (!w) return;
    for (size_t i = 0; i < w->n_keys; i++) trit_free((void *)(uintptr_t)w->names[i].p);
    trit_free(w->names);
    trit_items_fini(&w->tensors);
    trit_text_fini(&w->keys);
    trit_free(w);
}

static bool append_u32(trit_text *out, uint32_t v) {
    uint8_t bytes[4];
    trit_store_u32(bytes, v);
    return trit_text_append(out, (const char *)bytes, sizeof bytes);
}

static bool append_u64(trit_text *out, uint64_t v) {
    uint8_t bytes[8];
    trit_store_u64(bytes, v);
    return trit_text_append(out, (const char *)bytes, sizeof bytes);
}

static bool append_str(trit_text *out, trit_str s) {
    return append_u64(out, s.n) && trit_text_append(out, s.p, s.n);
}

/* ---- Keys ---- */

/* Remembers the name and writes it and the type. After a failure the caller calls forget_key. */
static bool begin_key(trit_gguf_writer *w, trit_str key, trit_gguf_type type) {
    void *names = w->names;
    if (!trit_grow(&names, &w->names_capacity, w->n_keys + 1, sizeof *w->names)) return false;
    w->names = names;
    char *copy = trit_strndup(key.p, key.n);
    if (!copy) return false;
    w->names[w->n_keys++] = (trit_str){copy, key.n};
    return append_str(&w->keys, key) && append_u32(&w->keys, (uint32_t)type);
}

/* After a failure: as it was with n_keys and n_text. */
static trit_status forget_key(trit_gguf_writer *w, size_t n_keys, size_t n_text, trit_error *err) {
    if (w->n_keys > n_keys) trit_free((void *)(uintptr_t)w->names[--w->n_keys].p);
    w->keys.n = n_text;
    return trit_error_memory(err, n_text, "the keys");
}

/* One value, or an array's items: `append` writes the i-th of `values`. */
typedef bool (*append_item)(trit_text *out, const void *values, uint64_t i);

static bool append_items(trit_text *out, append_item append, const void *values, uint64_t n) {
    for (uint64_t i = 0; i < n; i++)
        if (!append(out, values, i)) return false;
    return true;
}

static trit_status put(trit_gguf_writer *w, const char *name, trit_gguf_type type, bool is_array, append_item append,
                       const void *values, uint64_t n, trit_error *err) {
    const trit_str key = trit_str_from(name);
    const size_t n_keys = w->n_keys, n_text = w->keys.n;
    if (key.n > max_key_bytes) return trit_error_set(err, trit_arg, "key of %zu bytes", key.n);
    const bool good = begin_key(w, key, is_array ? trit_gguf_array : type) &&
                      (!is_array || (append_u32(&w->keys, (uint32_t)type) && append_u64(&w->keys, n))) &&
                      append_items(&w->keys, append, values, n);
    return good ? trit_ok : forget_key(w, n_keys, n_text, err);
}

static bool append_bool(trit_text *out, const void *values, uint64_t i) {
    return trit_text_append(out, ((const bool *)values)[i] ? "\1" : "\0", 1);
}

static bool append_u32_item(trit_text *out, const void *values, uint64_t i) {
    return append_u32(out, ((const uint32_t *)values)[i]);
}

static bool append_i32_item(trit_text *out, const void *values, uint64_t i) {
    return append_u32(out, (uint32_t)((const int32_t *)values)[i]);
}

static bool append_f32_item(trit_text *out, const void *values, uint64_t i) {
    return append_u32(out, trit_bits_from_f32(((const float *)values)[i]));
}

static bool append_str_item(trit_text *out, const void *values, uint64_t i) {
    return append_str(out, ((const trit_str *)values)[i]);
}

trit_status trit_gguf_put_u32(trit_gguf_writer *w, const char *key, uint32_t v, trit_error *err) {
    return put(w, key, trit_gguf_u32, false, append_u32_item, &v, 1, err);
}

trit_status trit_gguf_put_f32(trit_gguf_writer *w, const char *key, float v, trit_error *err) {
    return put(w, key, trit_gguf_f32, false, append_f32_item, &v, 1, err);
}

trit_status trit_gguf_put_bool(trit_gguf_writer *w, const char *key, bool v, trit_error *err) {
    return put(w, key, trit_gguf_bool, false, append_bool, &v, 1, err);
}

trit_status trit_gguf_put_str(trit_gguf_writer *w, const char *key, trit_str v, trit_error *err) {
    return put(w, key, trit_gguf_string, false, append_str_item, &v, 1, err);
}

trit_status trit_gguf_put_strs(trit_gguf_writer *w, const char *key, const trit_str *v, uint64_t n, trit_error *err) {
    return put(w, key, trit_gguf_string, true, append_str_item, v, n, err);
}

trit_status trit_gguf_put_i32s(trit_gguf_writer *w, const char *key, const int32_t *v, uint64_t n, trit_error *err) {
    return put(w, key, trit_gguf_i32, true, append_i32_item, v, n, err);
}

trit_status trit_gguf_put_f32s(trit_gguf_writer *w, const char *key, const float *v, uint64_t n, trit_error *err) {
    return put(w, key, trit_gguf_f32, true, append_f32_item, v, n, err);
}

trit_status trit_gguf_put_bools(trit_gguf_writer *w, const char *key, const bool *v, uint64_t n, trit_error *err) {
    return put(w, key, trit_gguf_bool, true, append_bool, v, n, err);
}

uint64_t trit_gguf_value_bytes(const trit_gguf_kv *kv) {
    static const uint8_t widths[] = {[trit_gguf_u8] = 1,  [trit_gguf_i8] = 1,   [trit_gguf_u16] = 2, [trit_gguf_i16] = 2,
                                     [trit_gguf_u32] = 4, [trit_gguf_i32] = 4,  [trit_gguf_f32] = 4, [trit_gguf_bool] = 1,
                                     [trit_gguf_u64] = 8, [trit_gguf_i64] = 8,  [trit_gguf_f64] = 8};
    if (kv->item_type != trit_gguf_string) return kv->n * widths[kv->item_type];
    uint64_t n = 0;
    for (uint64_t i = 0; i < kv->n; i++) n += 8 + trit_load_u64(kv->data + n);
    return n;
}

trit_status trit_gguf_put_kv(trit_gguf_writer *w, const trit_gguf_kv *kv, trit_error *err) {
    const size_t n_keys = w->n_keys, n_text = w->keys.n;
    const bool is_array = kv->type == trit_gguf_array;
    const bool good = begin_key(w, kv->key, kv->type) &&
                      (!is_array || (append_u32(&w->keys, (uint32_t)kv->item_type) && append_u64(&w->keys, kv->n))) &&
                      trit_text_append(&w->keys, (const char *)kv->data, (size_t)trit_gguf_value_bytes(kv));
    return good ? trit_ok : forget_key(w, n_keys, n_text, err);
}

/* ---- Tensors ---- */

/* A tensor that the reader would refuse is a mistake of the caller. */
static trit_status check_tensor(const trit_file_tensor *t, trit_error *err) {
    const trit_dtype_traits *traits = trit_dtype_info(t->dtype);
    uint64_t n_bytes;
    bool empty = false;
    for (uint32_t i = 0; i < t->n_dims && i < trit_gguf_max_dims; i++) empty |= t->shape[i] == 0;
    if (t->name.n > max_name_bytes)
        return trit_error_set(err, trit_arg, "tensor %.*s: a name of %zu bytes, GGUF allows %d", TRIT_STR_ARG(t->name), t->name.n,
                              max_name_bytes);
    if (!traits || traits->gguf_id < 0)
        return trit_error_set(err, trit_arg, "tensor %.*s: GGUF has no type %s", TRIT_STR_ARG(t->name),
                              traits ? traits->label : "like that");
    if (t->n_dims > trit_gguf_max_dims || empty)
        return trit_error_set(err, trit_arg, "tensor %.*s: GGUF has no such shape", TRIT_STR_ARG(t->name));
    if (!trit_dtype_n_bytes(t->dtype, trit_file_tensor_n_rows(t), trit_file_tensor_n_cols(t), &n_bytes) || n_bytes != t->n_bytes)
        return trit_error_set(err, trit_arg, "tensor %.*s: %llu bytes are not the size of its shape as %s", TRIT_STR_ARG(t->name),
                              (unsigned long long)t->n_bytes, traits->label);
    return trit_ok;
}

trit_status trit_gguf_put_tensor_later(trit_gguf_writer *w, const trit_file_tensor *tensor, trit_tensor_fill fill, void *context,
                                       uint64_t piece_bytes, trit_error *err) {
    const trit_status status = check_tensor(tensor, err);
    return status == trit_ok ? trit_items_add(&w->tensors, tensor, fill, context, piece_bytes, err) : status;
}

trit_status trit_gguf_put_tensor(trit_gguf_writer *w, const trit_file_tensor *tensor, trit_error *err) {
    return trit_gguf_put_tensor_later(w, tensor, NULL, NULL, 0, err);
}

/* ---- Writing ---- */

static uint64_t pad(uint64_t n) {
    return (n + alignment - 1) / alignment * alignment;
}

static bool append_padding(trit_text *out) {
    static const char zeros[alignment];
    return trit_text_append(out, zeros, (size_t)(pad(out->n) - out->n));
}

static bool append_info(trit_text *out, const trit_file_tensor *t, uint64_t offset) {
    bool good = append_str(out, t->name) && append_u32(out, t->n_dims);
    for (uint32_t i = t->n_dims; good && i > 0; i--) good = append_u64(out, t->shape[i - 1]); /* fastest first */
    return good && append_u32(out, (uint32_t)trit_dtype_info(t->dtype)->gguf_id) && append_u64(out, offset);
}

/* All that stands before the data. */
static bool append_head(trit_text *out, const trit_gguf_writer *w) {
    uint64_t offset = 0;
    bool good = trit_text_append(out, "GGUF", 4) && append_u32(out, version) && append_u64(out, w->tensors.n) &&
                append_u64(out, w->n_keys) && trit_text_append(out, w->keys.data, w->keys.n);
    for (size_t i = 0; good && i < w->tensors.n; i++) {
        good = append_info(out, &w->tensors.item[i].tensor, offset);
        offset += pad(w->tensors.item[i].tensor.n_bytes);
    }
    return good && append_padding(out);
}

trit_status trit_gguf_write(trit_gguf_writer *w, const char *path, trit_error *err) {
    trit_text head = {0};
    trit_status status = trit_check_unique(w->names, w->n_keys, sizeof *w->names, "key", err);
    if (status == trit_ok) status = trit_check_unique(w->tensors.item, w->tensors.n, sizeof *w->tensors.item, "tensor", err);
    if (status == trit_ok && !append_head(&head, w)) status = trit_error_memory(err, w->keys.n, "the head of a GGUF file");
    if (status == trit_ok) status = trit_items_write(&w->tensors, &head, alignment, path, err);
    trit_text_fini(&head);
    return status;
}
