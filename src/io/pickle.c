/* A machine for the few opcodes of pickle's protocol 2 that torch.save uses for a dict of tensors (Python: Lib/pickletools.py):
 *
 *   tensor   torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, needs a gradient, hooks)
 *   storage  persistent id ("storage", torch.FloatStorage, key, device, elements)
 *
 * Values are a stack; tuples are runs of a second array. Of dicts only what is put into them is kept: those behind hooks and a state
 * dict's own attributes do not matter. Each opcode makes a bounded number of values, so memory is in proportion to the bytes. */
#include "io/pickle.h"

#include "base/alloc.h"
#include "base/error.h"
#include "tensor/bytes.h"

typedef enum kind { of_mark, of_nothing, of_number, of_text, of_tuple, of_dict, of_global, of_storage, of_tensor } kind;

typedef struct value {
    kind kind;
    trit_dtype dtype; /* of a storage, or a global that is one */
    trit_str text;    /* a text, a storage's key, a global's name; a tuple has n items */
    int64_t number;   /* a bool or number, a storage's elements; the first item of a tuple, the number of a dict or tensor */
} value;

typedef struct list {
    value *v; /* [n] */
    size_t n, capacity;
} list;

/* dict[key] = tensor, or anything else */
typedef struct pair {
    int64_t dict;
    trit_str key;
    bool is_tensor;
    int64_t tensor;
} pair;

typedef struct machine {
    const uint8_t *data;
    size_t n, at;
    list stack, memo, items;
    trit_pickle_tensor *tensor;
    size_t n_tensors, tensor_capacity;
    pair *pair;
    size_t n_pairs, pair_capacity;
    int64_t n_dicts;
    const char *what;
    trit_error *err;
} machine;

static const struct {
    const char *name;
    trit_dtype dtype; /* trit_n_dtypes: no storage */
} globals[] = {{"collections.OrderedDict", trit_n_dtypes}, {"torch._utils._rebuild_tensor_v2", trit_n_dtypes},
               {"torch.FloatStorage", trit_dtype_f32},     {"torch.HalfStorage", trit_dtype_f16},
               {"torch.BFloat16Storage", trit_dtype_bf16}, {"torch.CharStorage", trit_dtype_i8},
               {"torch.ByteStorage", trit_dtype_u8}};

static trit_status broken(const machine *m, const char *how) {
    return trit_error_set(m->err, trit_format, "%.200s: a broken pickle: %s at byte %zu", m->what, how, m->at);
}

static trit_status append(list *l, value v, const machine *m) {
    if (!trit_grow((void **)&l->v, &l->capacity, l->n + 1, sizeof *l->v)) return trit_error_memory(m->err, l->n * sizeof v, "a pickle");
    l->v[l->n++] = v;
    return trit_ok;
}

static trit_status push(machine *m, value v) {
    return append(&m->stack, v, m);
}

/* ---- Bytes ---- */

static bool take(machine *m, size_t n, const uint8_t **p) {
    if (n > m->n - m->at) return false;
    *p = m->data + m->at;
    m->at += n;
    return true;
}

/* A line without its end. */
static bool take_line(machine *m, trit_str *line) {
    const uint8_t *p = m->data + m->at, *end = m->at < m->n ? memchr(p, '\n', m->n - m->at) : NULL;
    if (!end) return false;
    *line = (trit_str){(const char *)p, (size_t)(end - p)};
    m->at += line->n + 1;
    return true;
}

/* A whole number of n bytes, at most 8; the highest is signed where `is_signed` says so. */
static trit_status push_number(machine *m, size_t n, bool is_signed) {
    const uint8_t *p;
    uint64_t v = 0;
    if (n > 8 || !take(m, n, &p)) return broken(m, "a number is cut off or too large");
    for (size_t i = 0; i < n; i++) v |= (uint64_t)p[i] << 8 * i;
    if (is_signed && n && n < 8 && p[n - 1] & 0x80) v |= UINT64_MAX << 8 * n;
    return push(m, (value){.kind = of_number, .number = (int64_t)v});
}

static trit_status push_text(machine *m) {
    const uint8_t *p;
    if (!take(m, 4, &p)) return broken(m, "a text is cut off");
    const size_t n = trit_load_u32(p);
    if (!take(m, n, &p)) return broken(m, "a text is cut off");
    return push(m, (value){.kind = of_text, .text = {(const char *)p, n}});
}

static trit_status push_global(machine *m) {
    trit_str module, name;
    if (!take_line(m, &module) || !take_line(m, &name)) return broken(m, "a name is cut off");
    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++) {
        const trit_str full = trit_str_from(globals[i].name);
        if (full.n == module.n + 1 + name.n && memcmp(full.p, module.p, module.n) == 0 && full.p[module.n] == '.' &&
            memcmp(full.p + module.n + 1, name.p, name.n) == 0)
            return push(m, (value){.kind = of_global, .text = full, .dtype = globals[i].dtype});
    }
    return trit_error_set(m->err, trit_unsupported, "%.200s: its pickle asks for %.*s.%.*s, which no dict of tensors needs", m->what,
                          TRIT_STR_ARG(module), TRIT_STR_ARG(name));
}

/* ---- Memo ---- */

static trit_status remember(machine *m, size_t n_index) {
    const uint8_t *p;
    if (!take(m, n_index, &p)) return broken(m, "a place of the memo is cut off");
    const size_t i = n_index == 1 ? p[0] : trit_load_u32(p);
    if (m->stack.n == 0 || i > m->memo.n) return broken(m, "a place of the memo is out of order");
    const value v = m->stack.v[m->stack.n - 1];
    if (i == m->memo.n) return append(&m->memo, v, m);
    m->memo.v[i] = v;
    return trit_ok;
}

static trit_status recall(machine *m, size_t n_index) {
    const uint8_t *p;
    if (!take(m, n_index, &p)) return broken(m, "a place of the memo is cut off");
    const size_t i = n_index == 1 ? p[0] : trit_load_u32(p);
    return i < m->memo.n ? push(m, m->memo.v[i]) : broken(m, "a place of the memo is empty");
}

/* ---- Tuples and dicts ---- */

/* The topmost n values become one. */
static trit_status make_tuple(machine *m, size_t n) {
    if (n > m->stack.n) return broken(m, "a tuple without its items");
    const size_t first = m->items.n;
    for (size_t i = 0; i < n; i++) {
        const trit_status status = append(&m->items, m->stack.v[m->stack.n - n + i], m);
        if (status != trit_ok) return status;
    }
    m->stack.n -= n;
    return push(m, (value){.kind = of_tuple, .number = (int64_t)first, .text = {NULL, n}});
}

static const value *item(const machine *m, const value *tuple, size_t i) {
    return &m->items.v[(size_t)tuple->number + i];
}

/* Takes the topmost mark away; *n: values above it. */
static bool find_mark(machine *m, size_t *n) {
    for (size_t i = m->stack.n; i-- > 0;) {
        if (m->stack.v[i].kind != of_mark) continue;
        *n = m->stack.n - i - 1;
        for (; i + 1 < m->stack.n; i++) m->stack.v[i] = m->stack.v[i + 1];
        m->stack.n--;
        return true;
    }
    return false;
}

static trit_status make_marked_tuple(machine *m) {
    size_t n;
    return find_mark(m, &n) ? make_tuple(m, n) : broken(m, "a mark is missing");
}

static trit_status push_dict(machine *m) {
    return push(m, (value){.kind = of_dict, .number = m->n_dicts++});
}

/* The topmost n values, keys and what they stand for, go into the dict under them. */
static trit_status set_items(machine *m, size_t n) {
    if (n % 2 || n + 1 > m->stack.n || m->stack.v[m->stack.n - n - 1].kind != of_dict) return broken(m, "items without a dict");
    const value *v = m->stack.v + m->stack.n - n, *dict = v - 1;
    if (!trit_grow((void **)&m->pair, &m->pair_capacity, m->n_pairs + n / 2, sizeof *m->pair))
        return trit_error_memory(m->err, (m->n_pairs + n) * sizeof *m->pair, "a pickle");
    for (size_t i = 0; i < n; i += 2)
        m->pair[m->n_pairs++] = (pair){.dict = dict->number, .key = v[i].kind == of_text ? v[i].text : (trit_str){0},
                                       .is_tensor = v[i].kind == of_text && v[i + 1].kind == of_tensor, .tensor = v[i + 1].number};
    m->stack.n -= n;
    return trit_ok;
}

static trit_status set_marked_items(machine *m) {
    size_t n;
    return find_mark(m, &n) ? set_items(m, n) : broken(m, "a mark is missing");
}

/* A dict's attributes, or those of an OrderedDict: nothing that tensors need. */
static trit_status build(machine *m) {
    if (m->stack.n < 2 || m->stack.v[m->stack.n - 2].kind != of_dict || m->stack.v[m->stack.n - 1].kind != of_dict)
        return broken(m, "attributes of what is no dict");
    m->stack.n--;
    return trit_ok;
}

/* ---- Storages and tensors ---- */

static trit_status make_storage(machine *m) {
    const value *t = m->stack.n ? &m->stack.v[m->stack.n - 1] : NULL;
    if (!t || t->kind != of_tuple || t->text.n != 5) return broken(m, "a persistent id that is no storage");
    const value *id = item(m, t, 0), *type = item(m, t, 1), *key = item(m, t, 2), *n = item(m, t, 4);
    if (id->kind != of_text || !trit_str_is(id->text, "storage") || type->kind != of_global || type->dtype == trit_n_dtypes || key->kind != of_text ||
        n->kind != of_number || n->number < 0)
        return broken(m, "a persistent id that is no storage");
    m->stack.v[m->stack.n - 1] = (value){.kind = of_storage, .dtype = type->dtype, .text = key->text, .number = n->number};
    return trit_ok;
}

/* Shape and strides. Dimensions of one element may have any stride. */
static bool read_shape(trit_pickle_tensor *t, const machine *m, const value *shape, const value *strides) {
    if (shape->kind != of_tuple || strides->kind != of_tuple || shape->text.n != strides->text.n || shape->text.n > trit_file_max_dims) return false;
    t->n_dims = (uint32_t)shape->text.n;
    t->is_contiguous = true;
    uint64_t stride = 1;
    for (size_t i = t->n_dims; i-- > 0;) {
        const value *n = item(m, shape, i), *s = item(m, strides, i);
        if (n->kind != of_number || s->kind != of_number || n->number < 1 || (uint64_t)n->number > UINT64_MAX / 8 / stride) return false;
        t->shape[i] = (uint64_t)n->number;
        t->is_contiguous &= n->number == 1 || s->number == (int64_t)stride;
        stride *= t->shape[i];
    }
    return true;
}

static trit_status make_tensor(machine *m, const value *args) {
    const bool is_whole = args->text.n == 6 || (args->text.n == 7 && item(m, args, 6)->kind == of_dict); /* torch 2: marks of its own */
    const value *storage = is_whole ? item(m, args, 0) : NULL, *offset = is_whole ? item(m, args, 1) : NULL;
    if (!is_whole || storage->kind != of_storage || offset->kind != of_number || offset->number < 0) return broken(m, "a tensor without a storage");
    trit_pickle_tensor t = {.storage = storage->text, .dtype = storage->dtype, .n_stored = (uint64_t)storage->number,
                            .offset = (uint64_t)offset->number};
    if (!read_shape(&t, m, item(m, args, 2), item(m, args, 3))) return broken(m, "a tensor's shape is impossible");
    if (!trit_grow((void **)&m->tensor, &m->tensor_capacity, m->n_tensors + 1, sizeof t))
        return trit_error_memory(m->err, m->n_tensors * sizeof t, "a pickle");
    m->tensor[m->n_tensors++] = t;
    return push(m, (value){.kind = of_tensor, .number = (int64_t)m->n_tensors - 1});
}

static trit_status reduce(machine *m) {
    if (m->stack.n < 2 || m->stack.v[m->stack.n - 1].kind != of_tuple) return broken(m, "a call without its arguments");
    const value args = m->stack.v[m->stack.n - 1], called = m->stack.v[m->stack.n - 2];
    m->stack.n -= 2;
    if (called.kind == of_global && trit_str_is(called.text, "torch._utils._rebuild_tensor_v2")) return make_tensor(m, &args);
    if (called.kind == of_global && trit_str_is(called.text, "collections.OrderedDict") && args.text.n == 0) return push_dict(m);
    return broken(m, "a call of what is no function");
}

/* ---- The machine ---- */

static trit_status step(machine *m, uint8_t opcode) {
    const uint8_t *p;
    switch (opcode) {
    case 0x80: return take(m, 1, &p) && *p <= 5 ? trit_ok : broken(m, "an unknown protocol");
    case '(': return push(m, (value){.kind = of_mark});
    case ')': return make_tuple(m, 0);
    case '}': return push_dict(m);
    case 'N': return push(m, (value){.kind = of_nothing});
    case 0x88:
    case 0x89: return push(m, (value){.kind = of_number, .number = opcode == 0x88});
    case 'J': return push_number(m, 4, true);
    case 'K': return push_number(m, 1, false);
    case 'M': return push_number(m, 2, false);
    case 0x8a: return take(m, 1, &p) ? push_number(m, *p, true) : broken(m, "a number is cut off or too large");
    case 'X': return push_text(m);
    case 'c': return push_global(m);
    case 'q': return remember(m, 1);
    case 'r': return remember(m, 4);
    case 'h': return recall(m, 1);
    case 'j': return recall(m, 4);
    case 0x85:
    case 0x86:
    case 0x87: return make_tuple(m, opcode - 0x84u);
    case 't': return make_marked_tuple(m);
    case 's': return set_items(m, 2);
    case 'u': return set_marked_items(m);
    case 'b': return build(m);
    case 'Q': return make_storage(m);
    case 'R': return reduce(m);
    default:
        return trit_error_set(m->err, trit_unsupported, "%.200s: opcode 0x%02x of its pickle at byte %zu, which no dict of tensors needs", m->what, opcode,
                              m->at - 1);
    }
}

/* The tensors of the dict that is left, under its names. */
static trit_status name_tensors(trit_pickle *out, const machine *m) {
    if (m->stack.n != 1 || m->stack.v[0].kind != of_dict) return broken(m, "it is no dict");
    out->tensor = trit_alloc(m->n_pairs, sizeof *out->tensor);
    if (!out->tensor) return trit_error_memory(m->err, m->n_pairs * sizeof *out->tensor, "the tensors");
    for (size_t i = 0; i < m->n_pairs; i++) {
        const pair *p = &m->pair[i];
        if (p->dict != m->stack.v[0].number) continue;
        if (!p->is_tensor)
            return trit_error_set(m->err, trit_unsupported, "%.200s: \"%.*s\" is no tensor: a dict of tensors by name was expected", m->what,
                                  TRIT_STR_ARG(p->key));
        out->tensor[out->n] = m->tensor[p->tensor];
        out->tensor[out->n++].name = p->key;
    }
    return trit_ok;
}

trit_status trit_pickle_read(trit_pickle *out, const uint8_t *data, size_t n, const char *what, trit_error *err) {
    machine m = {.data = data, .n = n, .what = what, .err = err};
    trit_status status = trit_ok;
    bool stopped = false;
    *out = (trit_pickle){0};
    while (status == trit_ok && !stopped) {
        const uint8_t *opcode;
        if (!take(&m, 1, &opcode)) status = broken(&m, "its end is missing");
        else if (*opcode == '.') stopped = true;
        else status = step(&m, *opcode);
    }
    if (status == trit_ok) status = name_tensors(out, &m);
    if (status != trit_ok) trit_pickle_fini(out);
    trit_free(m.stack.v);
    trit_free(m.memo.v);
    trit_free(m.items.v);
    trit_free(m.tensor);
    trit_free(m.pair);
    return status;
}

void trit_pickle_fini(trit_pickle *pickle) {
    trit_free(pickle->tensor);
    *pickle = (trit_pickle){0};
}
