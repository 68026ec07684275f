/* kernel_config.ini of bitnet.cpp: for each shape of a matrix the sizes of the kernel that its TL1 or TL2 bytes were laid out for.
 * Model files do not carry it, and without it their weights cannot be read.
 *
 *      [Kernels_0]
 *      m = 3200       rows of the matrix
 *      k = 8640       columns
 *      bm = 160       and of the kernel's band of them
 *      bk = 96
 *      bmm = 32       rows of one step
 */
#include <string.h>

#include "base/error.h"
#include "io/io.h"

static const struct {
    trit_dtype dtype;
    trit_kernel_shape shape;
} presets[] = {
#define TRIT_KERNEL_PRESET(dtype, m, k, bm, bk, bmm) {trit_dtype_##dtype, {m, k, {bm, bk, bmm}}},
#include "io/kernel_presets.def"
#undef TRIT_KERNEL_PRESET
};

static const char *const key_names[] = {"m", "k", "bm", "bk", "bmm"};

enum { n_keys = sizeof key_names / sizeof key_names[0], max_value = 1 << 24 };

/* A section under way. */
typedef struct section {
    uint32_t value[n_keys]; /* 0: not given yet */
    bool is_open;
} section;

static trit_str trim(trit_str s) {
    while (s.n && strchr(" \t\r", s.p[0])) s.p++, s.n--;
    while (s.n && strchr(" \t\r", s.p[s.n - 1])) s.n--;
    return s;
}

static trit_str take_line(trit_str *text) {
    const char *end = memchr(text->p, '\n', text->n);
    const trit_str line = {text->p, end ? (size_t)(end - text->p) : text->n};
    const size_t n = line.n + (end != NULL);
    text->p += n;
    text->n -= n;
    return trim(line);
}

/* A whole number of 1 to max_value; 0: none. */
static uint32_t number_of(trit_str s) {
    uint32_t v = 0;
    if (!s.n || s.n > 8) return 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return 0;
        v = 10 * v + (uint32_t)(s.p[i] - '0');
    }
    return v <= max_value ? v : 0;
}

static trit_status close_section(trit_kernel_config *c, section *s, const char *what, trit_error *err) {
    if (!s->is_open) return trit_ok;
    for (int i = 0; i < n_keys; i++)
        if (!s->value[i]) return trit_error_set(err, trit_format, "%.200s: section %zu has no \"%s\"", what, c->n, key_names[i]);
    if (c->n == trit_max_kernels) return trit_error_set(err, trit_format, "%.200s: more than %d sections", what, (int)trit_max_kernels);
    c->shape[c->n++] = (trit_kernel_shape){s->value[0], s->value[1], {s->value[2], s->value[3], s->value[4]}};
    *s = (section){0};
    return trit_ok;
}

/* Keys of other meanings pass. */
static trit_status read_value(section *s, trit_str line, unsigned at, const char *what, trit_error *err) {
    const char *equals = memchr(line.p, '=', line.n);
    if (!equals || !s->is_open)
        return trit_error_set(err, trit_format, "%.200s: line %u is no section and no \"key = value\" of one: %.*s", what, at, TRIT_STR_ARG(line));
    const trit_str key = trim((trit_str){line.p, (size_t)(equals - line.p)});
    const trit_str value = trim((trit_str){equals + 1, line.n - (size_t)(equals - line.p) - 1});
    for (int i = 0; i < n_keys; i++) {
        if (!trit_str_is(key, key_names[i])) continue;
        s->value[i] = number_of(value);
        if (!s->value[i]) return trit_error_set(err, trit_format, "%.200s: line %u: %.*s is no size", what, at, TRIT_STR_ARG(value));
    }
    return trit_ok;
}

trit_status trit_kernel_config_from_memory(trit_kernel_config *out, trit_str text, const char *what, trit_error *err) {
    trit_kernel_config c = {0};
    section s = {0};
    trit_status status = trit_ok;
    for (unsigned at = 1; text.n && status == trit_ok; at++) {
        const trit_str line = take_line(&text);
        if (!line.n || line.p[0] == '#' || line.p[0] == ';') continue;
        if (line.p[0] == '[') {
            status = close_section(&c, &s, what, err);
            s.is_open = true;
        } else {
            status = read_value(&s, line, at, what, err);
        }
    }
    if (status == trit_ok) status = close_section(&c, &s, what, err);
    if (status == trit_ok) *out = c;
    return status;
}

trit_status trit_kernel_config_open(trit_kernel_config *out, const char *path, trit_error *err) {
    trit_file_map map;
    trit_status status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    status = trit_kernel_config_from_memory(out, (trit_str){(const char *)map.data, map.n}, path, err);
    trit_os_unmap(&map);
    return status;
}

static bool is_of(const trit_kernel_shape *s, uint64_t n_rows, uint64_t n_cols) {
    return s->n_rows == n_rows && s->n_cols == n_cols;
}

bool trit_kernel_config_find(const trit_kernel_config *c, trit_dtype dtype, uint64_t n_rows, uint64_t n_cols, trit_tile *out) {
    for (size_t i = 0; i < c->n; i++)
        if (is_of(&c->shape[i], n_rows, n_cols)) {
            *out = c->shape[i].tile;
            return true;
        }
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++)
        if (presets[i].dtype == dtype && is_of(&presets[i].shape, n_rows, n_cols)) {
            *out = presets[i].shape.tile;
            return true;
        }
    return false;
}
