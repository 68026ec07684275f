/* A trit_gguf for a container that is none: keys and tensors put together by its reader. */
#include "base/alloc.h"
#include "base/error.h"
#include "io/gguf_parts.h"
#include "tensor/bytes.h"

trit_status trit_gguf_make(trit_gguf_maker *out, trit_file_map map, size_t n_kv, size_t n_tensors, size_t n_made, const char *what, trit_error *err) {
    trit_gguf *g = trit_alloc_zero(1, sizeof *g);
    if (!g) return trit_error_memory(err, sizeof *g, what);
    g->map = map;
    g->kv = trit_alloc(n_kv, sizeof *g->kv);
    g->tensors = trit_alloc(n_tensors, sizeof *g->tensors);
    g->made = trit_alloc(n_made, 1);
    if (!g->kv || !g->tensors || !g->made) {
        trit_gguf_close(g);
        return trit_error_memory(err, n_made, what);
    }
    *out = (trit_gguf_maker){g, g->made};
    return trit_ok;
}

void trit_gguf_make_key(trit_gguf_maker *m, const char *key, trit_gguf_type type, trit_gguf_type item, uint64_t n) {
    m->g->kv[m->g->n_kv++] = (trit_gguf_kv){.key = trit_str_from(key), .type = type, .item_type = item, .n = n, .data = m->at};
}

void trit_gguf_make_u32(trit_gguf_maker *m, const char *key, uint32_t v) {
    trit_gguf_make_key(m, key, trit_gguf_u32, trit_gguf_u32, 1);
    trit_store_u32(m->at, v);
    m->at += 4;
}

void trit_gguf_make_f32(trit_gguf_maker *m, const char *key, float v) {
    trit_gguf_make_key(m, key, trit_gguf_f32, trit_gguf_f32, 1);
    trit_store_f32(m->at, v);
    m->at += 4;
}

void trit_gguf_make_str(trit_gguf_maker *m, const char *key, trit_str v) {
    trit_gguf_make_key(m, key, trit_gguf_string, trit_gguf_string, 1);
    trit_store_u64(m->at, v.n);
    memcpy(m->at + 8, v.p, v.n);
    m->at += 8 + v.n;
}

trit_status trit_gguf_made(trit_gguf **out, trit_gguf_maker *m, trit_error *err) {
    trit_gguf *g = m->g;
    size_t twice;
    trit_status status = trit_names_init(&g->keys, g->kv, (size_t)g->n_kv, sizeof *g->kv, &twice);
    if (status == trit_ok) status = trit_names_init(&g->names, g->tensors, (size_t)g->n_tensors, sizeof *g->tensors, &twice);
    if (status == trit_ok) {
        *out = g;
        return trit_ok;
    }
    const size_t n_bytes = (size_t)g->n_tensors * 16;
    trit_gguf_close(g);
    return trit_error_memory(err, n_bytes, "the index of names");
}
