/* Reads safetensors (https://github.com/huggingface/safetensors#format), one file or the shards of an index:
 *
 *      u64 n | JSON of n bytes: {"name": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [begin, end]}, ...} | data
 *
 * As the reference implementation demands, the tensors tile the data without a hole, an overlap or a rest, so that a file has
 * one meaning only. The JSON is thrown away after opening; the names are kept in one block per file. */
#include "io/io.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/names.h"
#include "io/path.h"
#include "tensor/bytes.h"

enum { max_header_bytes = 100 * 1000 * 1000 }; /* the reference implementation's */

/* One file. */
typedef struct shard {
    trit_file_map map;
    bool owns_map;
    char *names;     /* the tensors' names, one behind the other */
    trit_str file;   /* its name in the index; borrowed while that is read, empty for a single file */
    size_t first, n; /* its tensors in the list */
} shard;

struct trit_safetensors {
    shard *shards; /* [n_shards] */
    size_t n_shards, shards_capacity;
    trit_file_tensor *tensors; /* [n_tensors] */
    size_t n_tensors, tensors_capacity;
    trit_names names;
};

/* Where the reader is, for messages. */
typedef struct place {
    const char *file;
    trit_str tensor;
    trit_error *err;
} place;

/* "FILE: tensor NAME: ..." */
TRIT_PRINTF(3, 4) static trit_status fail(const place *at, trit_status status, const char *fmt, ...) {
    char message[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    if (!at->tensor.p) return trit_error_set(at->err, status, "%.200s: %s", at->file, message);
    return trit_error_set(at->err, status, "%.200s: tensor %.*s: %s", at->file, TRIT_STR_ARG(at->tensor), message);
}

/* ---- One tensor's entry in the header ---- */

/* A JSON integer that is not negative: 2.0 and "2" are none. */
static bool size_of(const trit_json *v, uint64_t *out) {
    const int64_t n = trit_json_kind_of(v) == trit_json_int ? trit_json_as_int(v, -1) : -1;
    if (n < 0) return false;
    *out = (uint64_t)n;
    return true;
}

static trit_status read_dtype(const place *at, const trit_json *entry, trit_file_tensor *t) {
    const trit_json *v = trit_json_get(entry, "dtype");
    const trit_str name = trit_json_as_str(v);
    if (trit_json_kind_of(v) != trit_json_string) return fail(at, trit_format, "has no dtype");
    t->dtype = trit_dtype_from_safetensors(name);
    if (t->dtype == trit_n_dtypes) return fail(at, trit_unsupported, "dtype %.*s is not supported", TRIT_STR_ARG(name));
    return trit_ok;
}

static trit_status read_shape(const place *at, const trit_json *entry, trit_file_tensor *t) {
    const trit_json *v = trit_json_get(entry, "shape");
    uint64_t n = 1;
    if (trit_json_kind_of(v) != trit_json_array) return fail(at, trit_format, "has no shape");
    if (trit_json_length(v) > trit_file_max_dims)
        return fail(at, trit_unsupported, "%zu dimensions, at most %d are supported", trit_json_length(v), (int)trit_file_max_dims);
    t->n_dims = (uint32_t)trit_json_length(v);
    for (uint32_t i = 0; i < t->n_dims; i++) {
        uint64_t *dim = &t->shape[i];
        if (!size_of(trit_json_at(v, i), dim)) return fail(at, trit_format, "dimension %u is not a size", i);
        if (*dim && n > (uint64_t)INT64_MAX / *dim)
            return fail(at, trit_format, "dimension %u of %llu overflows", i, (unsigned long long)*dim);
        n *= *dim;
    }
    return trit_ok;
}

static trit_status read_offsets(const place *at, const trit_json *entry, trit_str data, trit_file_tensor *t) {
    const trit_json *v = trit_json_get(entry, "data_offsets");
    uint64_t begin, end, n_bytes;
    if (trit_json_length(v) != 2 || !size_of(trit_json_at(v, 0), &begin) || !size_of(trit_json_at(v, 1), &end))
        return fail(at, trit_format, "data_offsets are not two sizes");
    if (begin > end || end > data.n)
        return fail(at, trit_format, "data_offsets %llu to %llu do not lie in %zu bytes of data", (unsigned long long)begin,
                    (unsigned long long)end, data.n);
    if (!trit_dtype_n_bytes(t->dtype, trit_file_tensor_n_rows(t), trit_file_tensor_n_cols(t), &n_bytes) || n_bytes != end - begin)
        return fail(at, trit_format, "data_offsets span %llu bytes, which is not the size of its shape as %s",
                    (unsigned long long)(end - begin), trit_dtype_info(t->dtype)->label);
    t->data = (const uint8_t *)data.p + begin;
    t->n_bytes = n_bytes;
    return trit_ok;
}

static trit_status read_entry(const place *at, const trit_json *entry, trit_str data, trit_file_tensor *t) {
    if (trit_json_kind_of(entry) != trit_json_object) return fail(at, trit_format, "its entry is no object");
    trit_status status = read_dtype(at, entry, t);
    if (status == trit_ok) status = read_shape(at, entry, t);
    if (status == trit_ok) status = read_offsets(at, entry, data, t);
    return status;
}

/* ---- One file ---- */

static int by_position(const void *a, const void *b) {
    const trit_file_tensor *x = a, *y = b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return (x->n_bytes > y->n_bytes) - (x->n_bytes < y->n_bytes); /* empty tensors come first */
}

/* The tensors, brought into the order of their data, tile it. */
static trit_status check_tiling(place *at, trit_file_tensor *tensors, size_t n, trit_str data) {
    const uint8_t *end = (const uint8_t *)data.p;
    if (n) qsort(tensors, n, sizeof *tensors, by_position);
    for (size_t i = 0; i < n; i++) {
        at->tensor = tensors[i].name;
        if (tensors[i].data != end)
            return fail(at, trit_format, "%s the tensor before it", tensors[i].data > end ? "leaves a hole behind" : "overlaps");
        end += tensors[i].n_bytes;
    }
    at->tensor = (trit_str){NULL, 0};
    if (end != (const uint8_t *)data.p + data.n)
        return fail(at, trit_format, "%zu bytes of data belong to no tensor", (size_t)((const uint8_t *)data.p + data.n - end));
    return trit_ok;
}

/* "__metadata__" maps strings to strings; nothing here needs them. */
static trit_status check_metadata(const place *at, const trit_json *metadata) {
    void *iter = NULL;
    trit_str key;
    const trit_json *value;
    if (trit_json_kind_of(metadata) != trit_json_object) return fail(at, trit_format, "__metadata__ is no object");
    while (trit_json_next(metadata, &iter, &key, &value))
        if (trit_json_kind_of(value) != trit_json_string)
            return fail(at, trit_format, "__metadata__ %.*s is no string", TRIT_STR_ARG(key));
    return trit_ok;
}

/* Copies the names of the entries into one block, so that the document can go. */
static bool reserve_names(shard *f, const trit_json *header) {
    size_t n = 0;
    void *iter = NULL;
    trit_str key;
    const trit_json *value;
    while (trit_json_next(header, &iter, &key, &value)) n += key.n;
    f->names = trit_alloc(n, 1);
    return f->names != NULL;
}

static trit_status read_entries(trit_safetensors *s, shard *f, place *at, const trit_json *header, trit_str data) {
    void *iter = NULL, *tensors = s->tensors;
    trit_str key;
    const trit_json *entry;
    const size_t most = s->n_tensors + trit_json_length(header) + 1; /* one more, so that an empty list is a list as well */
    if (!reserve_names(f, header) || !trit_grow(&tensors, &s->tensors_capacity, most, sizeof *s->tensors))
        return trit_error_memory(at->err, most * sizeof *s->tensors, "the list of tensors");
    s->tensors = tensors;
    f->first = s->n_tensors;
    char *name = f->names;
    while (trit_json_next(header, &iter, &key, &entry)) {
        trit_status status;
        at->tensor = (trit_str){NULL, 0};
        if (trit_str_is(key, "__metadata__")) {
            status = check_metadata(at, entry);
        } else {
            if (key.n) memcpy(name, key.p, key.n);
            trit_file_tensor *t = &s->tensors[s->n_tensors];
            *t = (trit_file_tensor){.name = {name, key.n}};
            at->tensor = t->name;
            status = read_entry(at, entry, data, t);
            if (status == trit_ok) s->n_tensors++;
            name += key.n;
        }
        if (status != trit_ok) return status;
    }
    f->n = s->n_tensors - f->first;
    return check_tiling(at, s->tensors + f->first, f->n, data);
}

/* Reads the file of `f`, whose map stands. */
static trit_status read_file(trit_safetensors *s, shard *f, const char *what, trit_error *err) {
    place at = {.file = what, .err = err};
    const uint8_t *p = f->map.data;
    if (f->map.n < 8) return fail(&at, trit_format, "%zu bytes are no safetensors file", f->map.n);
    const uint64_t n = trit_load_u64(p);
    if (n > max_header_bytes || n > f->map.n - 8)
        return fail(&at, trit_format, "header of %llu bytes in a file of %zu", (unsigned long long)n, f->map.n);
    if (n == 0 || p[8] != '{') return fail(&at, trit_format, "the header is no JSON object");
    trit_json *header;
    trit_status status = trit_json_parse(&header, (const char *)p + 8, (size_t)n, what, err);
    if (status != trit_ok) return status;
    status = read_entries(s, f, &at, header, (trit_str){(const char *)p + 8 + n, (size_t)(f->map.n - 8 - n)});
    trit_json_free(header);
    return status;
}

/* A fresh shard at the end of the list, or NULL. */
static shard *add_shard(trit_safetensors *s) {
    void *shards = s->shards;
    if (!trit_grow(&shards, &s->shards_capacity, s->n_shards + 1, sizeof *s->shards)) return NULL;
    s->shards = shards;
    s->shards[s->n_shards] = (shard){0};
    return &s->shards[s->n_shards++];
}

static trit_status add_file(trit_safetensors *s, const char *path, trit_str file, trit_error *err) {
    shard *f = add_shard(s);
    if (!f) return trit_error_memory(err, sizeof *f, path);
    f->file = file;
    trit_status status = trit_os_map(&f->map, path, err);
    f->owns_map = status == trit_ok;
    return status == trit_ok ? read_file(s, f, path, err) : status;
}

static trit_status index_names(trit_safetensors *s, const char *what, trit_error *err) {
    size_t twice;
    const trit_status status = trit_names_init(&s->names, s->tensors, s->n_tensors, sizeof *s->tensors, &twice);
    if (status == trit_memory) return trit_error_memory(err, s->n_tensors * 16, "the index of names");
    if (status == trit_ok) return trit_ok;
    return fail(&(place){what, s->tensors[twice].name, err}, status, "stands in the files twice");
}

/* ---- An index of shards ---- */

static shard *find_shard(const trit_safetensors *s, trit_str file) {
    for (size_t i = 0; i < s->n_shards; i++)
        if (trit_str_equal(s->shards[i].file, file)) return &s->shards[i];
    return NULL;
}

/* The index may name files of its own folder and no others. */
static bool plain_file_name(trit_str file) {
    return file.n > 0 && file.p[0] != '.' && !memchr(file.p, '/', file.n) && !memchr(file.p, '\\', file.n) &&
           !memchr(file.p, '\0', file.n);
}

static trit_status add_shards(trit_safetensors *s, const char *path, const trit_json *map, trit_error *err) {
    void *iter = NULL;
    trit_str key;
    const trit_json *value;
    trit_text shard_path = {0};
    trit_status status = trit_ok;
    while (status == trit_ok && trit_json_next(map, &iter, &key, &value)) {
        const trit_str file = trit_json_as_str(value);
        if (!plain_file_name(file))
            status = fail(&(place){path, key, err}, trit_format, "its file is not a name in the same folder");
        else if (find_shard(s, file))
            continue;
        else if (!trit_path_join(&shard_path, trit_path_folder(path), file))
            status = trit_error_memory(err, file.n, path);
        else
            status = add_file(s, shard_path.data, file, err);
    }
    trit_text_fini(&shard_path);
    return status;
}

/* Every tensor of the index stands in the file that it says. */
static trit_status check_map(const trit_safetensors *s, const char *path, const trit_json *map, trit_error *err) {
    void *iter = NULL;
    trit_str key;
    const trit_json *value;
    while (trit_json_next(map, &iter, &key, &value)) {
        const trit_file_tensor *t = trit_names_find(&s->names, key);
        const shard *f = find_shard(s, trit_json_as_str(value));
        const size_t i = t ? (size_t)(t - s->tensors) : SIZE_MAX;
        if (!f || i < f->first || i - f->first >= f->n)
            return fail(&(place){path, key, err}, trit_format, "is not in %.*s", TRIT_STR_ARG(trit_json_as_str(value)));
    }
    return trit_ok;
}

static trit_status open_index(trit_safetensors *s, const char *path, trit_error *err) {
    trit_file_map file;
    trit_json *json = NULL;
    trit_status status = trit_os_map(&file, path, err);
    if (status != trit_ok) return status;
    const place at = {.file = path, .err = err};
    if (file.n > max_header_bytes) status = fail(&at, trit_format, "%zu bytes are no index", file.n);
    else status = trit_json_parse(&json, (const char *)file.data, file.n, path, err);
    trit_os_unmap(&file);
    if (status != trit_ok) return status;
    const trit_json *map = trit_json_get(json, "weight_map");
    if (trit_json_kind_of(map) != trit_json_object) status = fail(&at, trit_format, "no weight_map");
    if (status == trit_ok) status = add_shards(s, path, map, err);
    if (status == trit_ok) status = index_names(s, path, err);
    if (status == trit_ok) status = check_map(s, path, map, err);
    for (size_t i = 0; i < s->n_shards; i++) s->shards[i].file = (trit_str){NULL, 0};
    trit_json_free(json);
    return status;
}

static trit_status open_single(trit_safetensors *s, const char *path, trit_error *err) {
    const trit_status status = add_file(s, path, (trit_str){NULL, 0}, err);
    return status == trit_ok ? index_names(s, path, err) : status;
}

/* One file is preferred to shards, as Hugging Face's own loader has it. */
static trit_status open_folder(trit_safetensors *s, const char *folder, trit_error *err) {
    trit_text path = {0};
    trit_status status;
    if (!trit_path_join(&path, trit_str_from(folder), trit_str_from("model.safetensors"))) {
        status = trit_error_memory(err, strlen(folder), folder);
    } else if (trit_os_is_file(path.data)) {
        status = open_single(s, path.data, err);
    } else if (!trit_text_append(&path, ".index.json", 11)) {
        status = trit_error_memory(err, path.n, folder);
    } else if (trit_os_is_file(path.data)) {
        status = open_index(s, path.data, err);
    } else {
        status = trit_error_set(err, trit_io, "%.200s: no model.safetensors and no model.safetensors.index.json in it", folder);
    }
    trit_text_fini(&path);
    return status;
}

/* ---- The interface ---- */

trit_status trit_safetensors_open(trit_safetensors **out, const char *path, trit_error *err) {
    trit_safetensors *s = trit_alloc_zero(1, sizeof *s);
    trit_status status;
    if (!s) return trit_error_memory(err, sizeof *s, path);
    if (trit_os_is_dir(path)) status = open_folder(s, path, err);
    else if (trit_ends_with(path, ".json")) status = open_index(s, path, err);
    else status = open_single(s, path, err);
    if (status == trit_ok) *out = s;
    else trit_safetensors_close(s);
    return status;
}

trit_status trit_safetensors_open_memory(trit_safetensors **out, const void *data, size_t n, const char *what, trit_error *err) {
    trit_safetensors *s = trit_alloc_zero(1, sizeof *s);
    shard *f = s ? add_shard(s) : NULL;
    trit_status status;
    if (f) {
        f->map = (trit_file_map){data, n};
        status = read_file(s, f, what, err);
        if (status == trit_ok) status = index_names(s, what, err);
    } else {
        status = trit_error_memory(err, sizeof *s, what);
    }
    if (status == trit_ok) *out = s;
    else trit_safetensors_close(s);
    return status;
}

void trit_safetensors_close(trit_safetensors *s) {
    if (!s) return;
    for (size_t i = 0; i < s->n_shards; i++) {
        if (s->shards[i].owns_map) trit_os_unmap(&s->shards[i].map);
        trit_free(s->shards[i].names);
    }
    trit_names_fini(&s->names);
    trit_free(s->shards);
    trit_free(s->tensors);
    trit_free(s);
}

uint64_t trit_safetensors_n_tensors(const trit_safetensors *s) {
    return s->n_tensors;
}

const trit_file_tensor *trit_safetensors_tensor_at(const trit_safetensors *s, uint64_t i) {
    return i < s->n_tensors ? &s->tensors[i] : NULL;
}

const trit_file_tensor *trit_safetensors_tensor(const trit_safetensors *s, const char *name) {
    return trit_names_find(&s->names, trit_str_from(name));
}
