/* Reads GGUF v2 and v3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md):
 *
 *      "GGUF" | u32 version | u64 n_tensors | u64 n_kv | keys and values | tensor infos | padding | data of the tensors
 *
 * Opening walks everything before the data once and checks it against the size of the file; the data themselves are not
 * touched. The tensors must follow each other in the order of their infos, each padded to the alignment: a gap or an overlap
 * means that the sizes or the types are not what they seem. */
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/gguf_parts.h"
#include "io/gguf_type.h"
#include "tensor/bytes.h"

enum {
    min_kv_bytes = 8 + 4 + 1,       /* empty key, type, one byte of value */
    min_tensor_bytes = 8 + 4 + 4 + 8, /* empty name, no dimensions, type, offset */
    max_key_bytes = 65535,
    max_name_bytes = 63,
    max_string_bytes = 1 << 30,
    max_array_items = 1 << 30,
    max_kv = 1 << 16,      /* real files have less than a hundred */
    max_tensors = 1 << 16, /* and at most some thousands */
    default_alignment = 32,
};

/* ---- A reading position that remembers the first error: after it every read gives zeros ---- */

typedef struct cursor {
    const uint8_t *p; /* [n] */
    uint64_t n, at;
    const char *file;
    const char *kind; /* "key", "tensor": what is being read, for messages; NULL: the file as a whole */
    trit_str name;    /* of it; while that is unread, index counts */
    uint64_t index;
    trit_status status;
    trit_error *err;
} cursor;

/* "FILE: tensor NAME: ...", once. The first error counts. */
TRIT_PRINTF(3, 4) static trit_status fail(cursor *c, trit_status status, const char *fmt, ...) {
    char message[256];
    va_list args;
    if (c->status != trit_ok) return c->status;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    c->status = status;
    if (!c->kind) return trit_error_set(c->err, status, "%.200s: %s", c->file, message);
    if (!c->name.n)
        return trit_error_set(c->err, status, "%.200s: %s #%llu: %s", c->file, c->kind, (unsigned long long)c->index, message);
    return trit_error_set(c->err, status, "%.200s: %s %.*s: %s", c->file, c->kind, (int)(c->name.n < 80 ? c->name.n : 80),
                          c->name.p, message);
}

static trit_status fail_memory(cursor *c, size_t n_bytes, const char *what) {
    if (c->status == trit_ok) c->status = trit_error_memory(c->err, n_bytes, what);
    return c->status;
}

static void about(cursor *c, const char *kind, trit_str name, uint64_t index) {
    c->kind = kind;
    c->name = name;
    c->index = index;
}

static const uint8_t *take(cursor *c, uint64_t n) {
    if (c->status != trit_ok) return NULL;
    if (n > c->n - c->at) {
        fail(c, trit_format, "%llu bytes at offset %llu are beyond the end of the file at %llu", (unsigned long long)n,
             (unsigned long long)c->at, (unsigned long long)c->n);
        return NULL;
    }
    const uint8_t *p = c->p + c->at;
    c->at += n;
    return p;
}

static uint32_t take_u32(cursor *c) {
    const uint8_t *p = take(c, 4);
    return p ? trit_load_u32(p) : 0;
}

static uint64_t take_u64(cursor *c) {
    const uint8_t *p = take(c, 8);
    return p ? trit_load_u64(p) : 0;
}

static trit_str take_string(cursor *c, uint64_t max, const char *what) {
    const uint64_t n = take_u64(c);
    if (n > max)
        fail(c, trit_format, "%s of %llu bytes, at most %llu are allowed", what, (unsigned long long)n, (unsigned long long)max);
    const uint8_t *p = take(c, n);
    return p ? (trit_str){(const char *)p, (size_t)n} : (trit_str){NULL, 0};
}

/* ---- Keys and values ---- */

/* Bytes of a value; 0: strings and arrays, which tell their own. */
static unsigned type_bytes(trit_gguf_type type) {
    static const uint8_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return bytes[type];
}

static trit_gguf_type take_type(cursor *c) {
    const uint32_t type = take_u32(c);
    if (type > trit_gguf_f64) fail(c, trit_format, "value type %u is none of 0 to %d", type, (int)trit_gguf_f64);
    return c->status == trit_ok ? (trit_gguf_type)type : trit_gguf_u8;
}

static void take_items(cursor *c, trit_gguf_type type, uint64_t n) {
    if (type == trit_gguf_string)
        for (uint64_t i = 0; i < n && c->status == trit_ok; i++) (void)take_string(c, max_string_bytes, "string");
    else
        (void)take(c, n * type_bytes(type)); /* n <= 2^30 */
}

static void take_array(cursor *c, trit_gguf_kv *kv) {
    kv->item_type = take_type(c);
    kv->n = take_u64(c);
    if (kv->item_type == trit_gguf_array) fail(c, trit_format, "array of arrays");
    if (kv->n > max_array_items) fail(c, trit_format, "array of %llu items", (unsigned long long)kv->n);
    if (c->status != trit_ok) return;
    kv->data = c->p + c->at;
    take_items(c, kv->item_type, kv->n);
}

static void take_kv(cursor *c, trit_gguf_kv *kv, uint64_t i) {
    about(c, "key", (trit_str){NULL, 0}, i);
    kv->key = c->name = take_string(c, max_key_bytes, "key");
    kv->type = kv->item_type = take_type(c);
    kv->n = 1;
    if (c->status != trit_ok) return;
    if (kv->type == trit_gguf_array) {
        take_array(c, kv);
        return;
    }
    kv->data = c->p + c->at;
    take_items(c, kv->type, 1);
}

/* The index of names, with an error that tells which stands there twice. */
static trit_status index_names(cursor *c, trit_names *names, const void *items, uint64_t n, size_t stride, const char *kind) {
    size_t twice;
    const trit_status status = trit_names_init(names, items, (size_t)n, stride, &twice);
    if (status == trit_memory) return fail_memory(c, (size_t)n * 16, "the index of names");
    if (status == trit_ok) return trit_ok;
    trit_str name;
    memcpy(&name, (const char *)items + twice * stride, sizeof name);
    about(c, kind, name, twice);
    return fail(c, trit_format, "stands in the file twice");
}

static trit_status read_keys(cursor *c, trit_gguf *g) {
    g->kv = trit_alloc_zero((size_t)g->n_kv, sizeof *g->kv);
    if (!g->kv) return fail_memory(c, (size_t)g->n_kv * sizeof *g->kv, "the keys");
    for (uint64_t i = 0; i < g->n_kv && c->status == trit_ok; i++) take_kv(c, &g->kv[i], i);
    if (c->status != trit_ok) return c->status;
    return index_names(c, &g->keys, g->kv, g->n_kv, sizeof *g->kv, "key");
}

/* ---- Tensors ---- */

/* What an info says beyond the tensor's name and shape. */
typedef struct raw_info {
    uint32_t type;
    uint64_t offset; /* in the data section */
} raw_info;

static void take_shape(cursor *c, trit_file_tensor *t) {
    uint64_t n = 1;
    t->n_dims = take_u32(c);
    if (t->n_dims > trit_gguf_max_dims) fail(c, trit_format, "%u dimensions, at most %d are allowed", t->n_dims, (int)trit_gguf_max_dims);
    for (uint32_t i = 0; i < t->n_dims && c->status == trit_ok; i++) {
        const uint64_t dim = take_u64(c);
        if (c->status != trit_ok) return;
        if (dim == 0) fail(c, trit_format, "dimension %u is 0", i);
        else if (n > (uint64_t)INT64_MAX / dim)
            fail(c, trit_format, "dimension %u of %llu overflows", i, (unsigned long long)dim);
        n *= dim;
        t->shape[t->n_dims - 1 - i] = dim; /* the file has the fastest first */
    }
}

static void take_info(cursor *c, trit_file_tensor *t, raw_info *raw, uint64_t i) {
    about(c, "tensor", (trit_str){NULL, 0}, i);
    t->name = c->name = take_string(c, max_name_bytes, "name");
    take_shape(c, t);
    raw->type = take_u32(c);
    raw->offset = take_u64(c);
}

static uint64_t pad(uint64_t n, uint64_t alignment) {
    return (n + alignment - 1) & ~(alignment - 1); /* n is below 2^63, alignment at most 2^32 */
}

static trit_status read_alignment(cursor *c, const trit_gguf *g, uint64_t *alignment) {
    const trit_gguf_kv *kv = trit_gguf_find(g, "general.alignment");
    int64_t value = default_alignment;
    if (kv && !trit_gguf_int(kv, 0, &value)) return fail(c, trit_format, "general.alignment is not an integer");
    if (value <= 0 || value > UINT32_MAX || (value & (value - 1)))
        return fail(c, trit_format, "general.alignment %lld is not a power of two", (long long)value);
    *alignment = (uint64_t)value;
    return trit_ok;
}

/* Remembered once for a type, with the signals that all its tensors share. */
static void conclude(trit_gguf *g, trit_gguf_conclusion new) {
    for (size_t i = 0; i < g->n_conclusions; i++) {
        trit_gguf_conclusion *old = &g->conclusion[i];
        if (old->id != new.id || old->dtype != new.dtype) continue;
        old->signals &= new.signals;
        return;
    }
    if (g->n_conclusions < sizeof g->conclusion / sizeof g->conclusion[0]) g->conclusion[g->n_conclusions++] = new;
}

/* Gives tensor t its type and size. `span`: the bytes to the next tensor. */
static trit_status resolve_type(cursor *c, trit_gguf *g, trit_file_tensor *t, const raw_info *raw, uint64_t span, const trit_gguf_signals *signals) {
    const uint64_t n_rows = trit_file_tensor_n_rows(t), n_cols = trit_file_tensor_n_cols(t);
    const trit_gguf_meaning meaning = trit_gguf_meaning_of(raw->type, n_rows, n_cols, span, signals);
    if (meaning.dtype == trit_n_dtypes)
        return fail(c, trit_unsupported, "type %u is %s, which is not supported", raw->type,
                    meaning.name ? meaning.name : "of an unknown kind");
    if (!trit_dtype_n_bytes(meaning.dtype, n_rows, n_cols, &t->n_bytes))
        return fail(c, trit_format, "%llu x %llu elements are not whole blocks of %s or too many", (unsigned long long)n_rows,
                    (unsigned long long)n_cols, meaning.name);
    t->dtype = meaning.dtype;
    if (meaning.rival) conclude(g, (trit_gguf_conclusion){raw->type, meaning.dtype, meaning.votes, meaning.rival});
    return trit_ok;
}

/* Tensor i lies where the ones before it end (at *end, which moves on) and inside the data section. */
static trit_status place(cursor *c, trit_file_tensor *t, const raw_info *raw, trit_str data, uint64_t alignment, uint64_t *end) {
    if (raw->offset != *end)
        return fail(c, trit_format, "offset %llu, but the tensor before it ends at %llu", (unsigned long long)raw->offset,
                    (unsigned long long)*end);
    if (raw->offset > data.n || t->n_bytes > data.n - raw->offset)
        return fail(c, trit_format, "%llu bytes at offset %llu are beyond the data section of %llu bytes",
                    (unsigned long long)t->n_bytes, (unsigned long long)raw->offset, (unsigned long long)data.n);
    t->data = (const uint8_t *)data.p + raw->offset;
    *end = pad(raw->offset + t->n_bytes, alignment);
    return trit_ok;
}

static trit_status place_tensors(cursor *c, trit_gguf *g, const raw_info *raw) {
    uint64_t alignment = default_alignment, end = 0;
    c->kind = NULL;
    if (read_alignment(c, g, &alignment) != trit_ok) return c->status;
    const uint64_t start = pad(c->at, alignment);
    const trit_str data = start <= c->n ? (trit_str){(const char *)c->p + start, (size_t)(c->n - start)} : (trit_str){NULL, 0};
    trit_gguf_signals signals = {.file_type = -1, .alignment = alignment};
    (void)trit_gguf_int(trit_gguf_find(g, "general.file_type"), 0, &signals.file_type);
    (void)trit_gguf_str(trit_gguf_find(g, "general.architecture"), &signals.architecture);
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        const uint64_t next = i + 1 < g->n_tensors ? raw[i + 1].offset : data.n;
        about(c, "tensor", g->tensors[i].name, i);
        if (resolve_type(c, g, &g->tensors[i], &raw[i], next > raw[i].offset ? next - raw[i].offset : 0, &signals) != trit_ok ||
            place(c, &g->tensors[i], &raw[i], data, alignment, &end) != trit_ok)
            return c->status;
    }
    return trit_ok;
}

static trit_status read_tensors(cursor *c, trit_gguf *g) {
    raw_info *raw = trit_alloc_zero((size_t)g->n_tensors, sizeof *raw);
    g->tensors = trit_alloc_zero((size_t)g->n_tensors, sizeof *g->tensors);
    if (!raw || !g->tensors) fail_memory(c, (size_t)g->n_tensors * sizeof *g->tensors, "the list of tensors");
    for (uint64_t i = 0; i < g->n_tensors && c->status == trit_ok; i++) take_info(c, &g->tensors[i], &raw[i], i);
    if (c->status == trit_ok) (void)index_names(c, &g->names, g->tensors, g->n_tensors, sizeof *g->tensors, "tensor");
    if (c->status == trit_ok) (void)place_tensors(c, g, raw);
    trit_free(raw);
    return c->status;
}

/* ---- The header ---- */

/* What is often found under the name of a model file. */
static trit_status fail_magic(cursor *c) {
    static const char lfs[] = "version https://git-lfs";
    if (c->n == 0) return fail(c, trit_format, "the file is empty");
    if (c->n > sizeof lfs && memcmp(c->p, lfs, sizeof lfs - 1) == 0)
        return fail(c, trit_format, "this is a Git LFS pointer, the model itself was not downloaded");
    if (c->p[0] == '<') return fail(c, trit_format, "this is a web page and not a GGUF file");
    return fail(c, trit_format, "not a GGUF file (begins with %02x %02x %02x %02x)", c->p[0], c->n > 1 ? c->p[1] : 0,
                c->n > 2 ? c->p[2] : 0, c->n > 3 ? c->p[3] : 0);
}

static trit_status read_header(cursor *c, trit_gguf *g) {
    if (c->n < 4 || memcmp(c->p, "GGUF", 4) != 0) return fail_magic(c);
    (void)take(c, 4);
    g->version = take_u32(c);
    g->n_tensors = take_u64(c);
    g->n_kv = take_u64(c);
    if (c->status != trit_ok) return c->status;
    if (g->version && (g->version & 0xffff) == 0) return fail(c, trit_unsupported, "big-endian GGUF is not supported");
    if (g->version != 2 && g->version != 3)
        return fail(c, trit_unsupported, "GGUF version %u is not supported (2 and 3 are)", g->version);
    const uint64_t left = c->n - c->at;
    if (g->n_kv > max_kv || g->n_kv > left / min_kv_bytes)
        return fail(c, trit_format, "%llu keys are more than the file can hold", (unsigned long long)g->n_kv);
    if (g->n_tensors > max_tensors || g->n_tensors > (left - g->n_kv * min_kv_bytes) / min_tensor_bytes)
        return fail(c, trit_format, "%llu tensors are more than the file can hold", (unsigned long long)g->n_tensors);
    return trit_ok;
}

/* Reads from `map`, which g owns if asked to, on success only. */
static trit_status open_map(trit_gguf **out, trit_file_map map, bool owns_map, const char *what, trit_error *err) {
    cursor c = {.p = map.data, .n = map.n, .file = what, .status = trit_ok, .err = err};
    trit_gguf *g = trit_alloc_zero(1, sizeof *g);
    if (!g) return trit_error_memory(err, sizeof *g, what);
    g->map = map;
    if (read_header(&c, g) != trit_ok || read_keys(&c, g) != trit_ok || read_tensors(&c, g) != trit_ok) {
        trit_gguf_close(g);
        return c.status;
    }
    g->owns_map = owns_map;
    *out = g;
    return trit_ok;
}

trit_status trit_gguf_open(trit_gguf **out, const char *path, trit_error *err) {
    trit_file_map map;
    trit_status status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    status = open_map(out, map, true, path, err);
    if (status != trit_ok) trit_os_unmap(&map);
    return status;
}

trit_status trit_gguf_open_memory(trit_gguf **out, const void *data, size_t n, const char *what, trit_error *err) {
    return open_map(out, (trit_file_map){data, n}, false, what, err);
}

void trit_gguf_close(trit_gguf *g) {
    if (!g) return;
    if (g->owns_map) trit_os_unmap(&g->map);
    trit_names_fini(&g->keys);
    trit_names_fini(&g->names);
    trit_free(g->kv);
    trit_free(g->tensors);
    trit_free(g->made);
    trit_free(g);
}

/* ---- Looking things up ---- */

const trit_gguf_conclusion *trit_gguf_conclusion_at(const trit_gguf *g, size_t i) {
    return i < g->n_conclusions ? &g->conclusion[i] : NULL;
}

uint32_t trit_gguf_version(const trit_gguf *g) {
    return g->version;
}

uint64_t trit_gguf_n_kv(const trit_gguf *g) {
    return g->n_kv;
}

const trit_gguf_kv *trit_gguf_kv_at(const trit_gguf *g, uint64_t i) {
    return i < g->n_kv ? &g->kv[i] : NULL;
}

const trit_gguf_kv *trit_gguf_find(const trit_gguf *g, const char *key) {
    return trit_names_find(&g->keys, trit_str_from(key));
}

uint64_t trit_gguf_n_tensors(const trit_gguf *g) {
    return g->n_tensors;
}

const trit_file_tensor *trit_gguf_tensor_at(const trit_gguf *g, uint64_t i) {
    return i < g->n_tensors ? &g->tensors[i] : NULL;
}

const trit_file_tensor *trit_gguf_tensor(const trit_gguf *g, const char *name) {
    return trit_names_find(&g->names, trit_str_from(name));
}
