/* Keys of a training run: the table made from trit/train.def, and what sets, copies and checks its fields. */
#include "train/config.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/nearest.h"
#include "base/str.h"
#include "train/config_keys.h"

#define NUMBER_int(x) (double)(x)
#define NUMBER_real(x) (x)
#define YES_yes 1
#define YES_no 0
#define NUMBER_flag(x) YES_##x
#define NUMBER_text(x) 0
#define NUMBER_file(x) 0
#define NUMBER_choice(x) 0
#define NUMBER_list(x) 0
#define TEXT_int(x) NULL
#define TEXT_real(x) NULL
#define TEXT_flag(x) NULL
#define TEXT_text(x) x
#define TEXT_file(x) x
#define TEXT_choice(x) x
#define TEXT_list(x) x

#define ROW(fixed, kind, key, value, otherwise, min, max) \
    {#key, value, TEXT_##kind(otherwise), NUMBER_##kind(otherwise), min, max, offsetof(trit_train_config, key), trit_train_kind_##kind, fixed},
#define TRIT_TRAIN_MODEL(kind, key, flag, letter, value, otherwise, min, max, help) ROW(true, kind, key, value, otherwise, min, max)
#define TRIT_TRAIN_DATA(kind, key, flag, letter, value, otherwise, min, max, help) ROW(true, kind, key, value, otherwise, min, max)
#define TRIT_TRAIN_OPTIM(kind, key, flag, letter, value, otherwise, min, max, help) ROW(false, kind, key, value, otherwise, min, max)
#define TRIT_TRAIN_SCHEDULE(kind, key, flag, letter, value, otherwise, min, max, help) ROW(false, kind, key, value, otherwise, min, max)
#define TRIT_TRAIN_RUN(kind, key, flag, letter, value, otherwise, min, max, help) ROW(false, kind, key, value, otherwise, min, max)
const trit_train_key trit_train_keys[trit_train_n_keys] = {
#include "trit/train.def"
};

static const char *key_name_at(const void *list, size_t i) {
    (void)list;
    return trit_train_keys[i].name;
}

trit_status trit_train_key_find(size_t *out, trit_str name, trit_error *err) {
    char word[32] = "";
    for (size_t i = 0; i < trit_train_n_keys; i++)
        if (trit_str_is(name, trit_train_keys[i].name)) {
            *out = i;
            return trit_ok;
        }
    if (name.n && name.n < sizeof word) memcpy(word, name.p, name.n);
    const int near = trit_nearest(word, key_name_at, NULL, trit_train_n_keys);
    if (near < 0) return trit_error_set(err, trit_arg, "unknown key \"%.*s\"", TRIT_STR_ARG(name));
    return trit_error_set(err, trit_arg, "unknown key \"%.*s\" (did you mean \"%s\"?)", TRIT_STR_ARG(name), trit_train_keys[near].name);
}

void *trit_train_field(const trit_train_config *c, size_t i) {
    return (char *)c + trit_train_keys[i].at;
}

/* ---- One field ---- */

static trit_status set_number(trit_train_config *c, size_t i, double x, trit_error *err) {
    const trit_train_key *key = &trit_train_keys[i];
    if (!(x >= key->min && x <= key->max))
        return trit_error_set(err, trit_arg, "%s: %.10g is outside %.10g to %.10g", key->name, x, key->min, key->max);
    if (key->kind == trit_train_kind_int) *(int64_t *)trit_train_field(c, i) = (int64_t)x;
    else *(double *)trit_train_field(c, i) = x;
    c->is_set[i] = true;
    return trit_ok;
}

trit_status trit_train_set_int(trit_train_config *c, size_t i, int64_t x, trit_error *err) {
    return set_number(c, i, (double)x, err); /* bounds are below 2^53 */
}

trit_status trit_train_set_real(trit_train_config *c, size_t i, double x, trit_error *err) {
    return set_number(c, i, x, err);
}

void trit_train_set_flag(trit_train_config *c, size_t i, bool x) {
    *(bool *)trit_train_field(c, i) = x;
    c->is_set[i] = true;
}

static void clear_list(trit_train_paths *list) {
    for (size_t i = 0; i < list->n; i++) trit_free(list->item[i]);
    trit_free(list->item);
    *list = (trit_train_paths){0};
}

static trit_status append(trit_train_paths *list, trit_str text, trit_error *err) {
    char **item = trit_realloc(list->item, list->n + 1, sizeof *item);
    if (item) list->item = item;
    char *copy = item ? trit_strndup(text.p, text.n) : NULL;
    if (!copy) return trit_error_memory(err, text.n, "a path");
    list->item[list->n++] = copy;
    return trit_ok;
}

trit_status trit_train_set_text(trit_train_config *c, size_t i, trit_str text, trit_error *err) {
    const trit_train_key *key = &trit_train_keys[i];
    if (text.n && memchr(text.p, 0, text.n)) return trit_error_set(err, trit_arg, "%s: a text with a zero byte", key->name);
    c->is_set[i] = true;
    if (key->kind == trit_train_kind_list) return append(trit_train_field(c, i), text, err);
    char *copy = trit_strndup(text.p, text.n);
    if (!copy) return trit_error_memory(err, text.n, key->name);
    if (key->kind == trit_train_kind_choice && !trit_str_is_choice(key->value, copy)) {
        trit_free(copy);
        return trit_error_set(err, trit_arg, "%s: \"%.*s\" is none of %s", key->name, TRIT_STR_ARG(text), key->value);
    }
    char **field = trit_train_field(c, i);
    trit_free(*field);
    *field = copy;
    return trit_ok;
}

trit_status trit_train_reset(trit_train_config *c, size_t i, trit_error *err) {
    const trit_train_key *key = &trit_train_keys[i];
    trit_status status = trit_ok;
    switch (key->kind) {
    case trit_train_kind_int:
    case trit_train_kind_real: status = set_number(c, i, key->number, err); break;
    case trit_train_kind_flag: trit_train_set_flag(c, i, key->number != 0); break;
    case trit_train_kind_list: clear_list(trit_train_field(c, i)); break;
    case trit_train_kind_text:
    case trit_train_kind_file:
    case trit_train_kind_choice: status = trit_train_set_text(c, i, trit_str_from(key->text), err); break;
    }
    c->is_set[i] = false;
    return status;
}

static trit_status set_from_text(trit_train_config *c, size_t i, const char *text, trit_error *err) {
    const trit_train_key *key = &trit_train_keys[i];
    int64_t whole;
    double real;
    switch (key->kind) {
    case trit_train_kind_int:
        if (trit_parse_int(text, &whole)) return trit_train_set_int(c, i, whole, err);
        return trit_error_set(err, trit_arg, "%s: \"%.100s\" is not a whole number", key->name, text);
    case trit_train_kind_real:
        if (trit_parse_real(text, &real)) return trit_train_set_real(c, i, real, err);
        return trit_error_set(err, trit_arg, "%s: \"%.100s\" is not a number", key->name, text);
    case trit_train_kind_flag:
        if (!trit_str_is_choice("yes|no", text)) return trit_error_set(err, trit_arg, "%s: \"%.100s\" is none of yes|no", key->name, text);
        trit_train_set_flag(c, i, *text == 'y');
        return trit_ok;
    case trit_train_kind_text:
    case trit_train_kind_file:
    case trit_train_kind_choice:
    case trit_train_kind_list: break;
    }
    return trit_train_set_text(c, i, trit_str_from(text), err);
}

/* ---- All of them ---- */

trit_status trit_train_config_new(trit_train_config **out, trit_error *err) {
    trit_train_config *c = trit_alloc_zero(1, sizeof *c);
    if (!c) return trit_error_memory(err, sizeof *c, "the configuration");
    trit_status status = trit_ok;
    for (size_t i = 0; i < trit_train_n_keys && status == trit_ok; i++) status = trit_train_reset(c, i, err);
    if (status == trit_ok) *out = c;
    else trit_train_config_free(c);
    return status;
}

void trit_train_config_free(trit_train_config *c) {
    for (size_t i = 0; c && i < trit_train_n_keys; i++) {
        if (trit_train_keys[i].kind == trit_train_kind_list) clear_list(trit_train_field(c, i));
        else if (trit_train_keys[i].text) trit_free(*(char **)trit_train_field(c, i));
    }
    trit_free(c);
}

trit_status trit_train_config_set(trit_train_config *c, const char *name, const char *text, trit_error *err) {
    size_t i = 0;
    const trit_status status = trit_train_key_find(&i, trit_str_from(name), err);
    if (status != trit_ok) return status;
    return text ? set_from_text(c, i, text, err) : trit_train_reset(c, i, err);
}

static trit_status copy_field(trit_train_config *to, const trit_train_config *from, size_t i, trit_error *err) {
    const void *field = trit_train_field(from, i);
    trit_status status = trit_ok;
    switch (trit_train_keys[i].kind) {
    case trit_train_kind_int: *(int64_t *)trit_train_field(to, i) = *(const int64_t *)field; break;
    case trit_train_kind_real: *(double *)trit_train_field(to, i) = *(const double *)field; break;
    case trit_train_kind_flag: *(bool *)trit_train_field(to, i) = *(const bool *)field; break;
    case trit_train_kind_list: {
        const trit_train_paths *list = field;
        clear_list(trit_train_field(to, i));
        for (size_t k = 0; k < list->n && status == trit_ok; k++) status = append(trit_train_field(to, i), trit_str_from(list->item[k]), err);
        break;
    }
    case trit_train_kind_text:
    case trit_train_kind_file:
    case trit_train_kind_choice: status = trit_train_set_text(to, i, trit_str_from(*(char *const *)field), err); break;
    }
    to->is_set[i] = from->is_set[i];
    return status;
}

trit_status trit_train_config_copy(trit_train_config **out, const trit_train_config *c, trit_error *err) {
    trit_train_config *copy = NULL;
    trit_status status = trit_train_config_new(&copy, err);
    for (size_t i = 0; i < trit_train_n_keys && status == trit_ok; i++) status = copy_field(copy, c, i, err);
    if (status == trit_ok) trit_train_config_watch(copy, c->watch, c->watch_self);
    if (status == trit_ok) *out = copy;
    else trit_train_config_free(copy);
    return status;
}

void trit_train_config_watch(trit_train_config *c, trit_train_watch *watch, void *self) {
    c->watch = watch;
    c->watch_self = self;
}

static bool is_same(const trit_train_config *a, const trit_train_config *b, size_t i) {
    const void *x = trit_train_field(a, i), *y = trit_train_field(b, i);
    const trit_train_paths *p = x, *q = y;
    switch (trit_train_keys[i].kind) {
    case trit_train_kind_int: return *(const int64_t *)x == *(const int64_t *)y;
    case trit_train_kind_real: return memcmp(x, y, sizeof(double)) == 0;
    case trit_train_kind_flag: return *(const bool *)x == *(const bool *)y;
    case trit_train_kind_list:
        if (p->n != q->n) return false;
        for (size_t k = 0; k < p->n; k++)
            if (strcmp(p->item[k], q->item[k]) != 0) return false;
        return true;
    case trit_train_kind_text:
    case trit_train_kind_file:
    case trit_train_kind_choice: break;
    }
    return strcmp(*(char *const *)x, *(char *const *)y) == 0;
}

static bool is_fixed(size_t i) {
    return trit_train_keys[i].is_fixed || i == trit_train_key_optimizer || i == trit_train_key_seed;
}

/* One of the keys that say how long a run is takes the place of the others. */
static trit_status change_length(trit_train_config *c, const trit_train_config *changes, trit_error *err) {
    static const size_t keys[] = {trit_train_key_steps, trit_train_key_epochs, trit_train_key_tokens};
    const size_t n = sizeof keys / sizeof keys[0];
    bool is_set = false;
    trit_status status = trit_ok;
    for (size_t k = 0; k < n; k++) is_set |= changes->is_set[keys[k]];
    for (size_t k = 0; k < n && is_set && status == trit_ok; k++) status = trit_train_reset(c, keys[k], err);
    return status;
}

trit_status trit_train_config_change(trit_train_config *c, const trit_train_config *settled, const trit_train_config *changes, trit_error *err) {
    trit_status status = change_length(c, changes, err);
    trit_train_config_watch(c, changes->watch, changes->watch_self);
    for (size_t i = 0; i < trit_train_n_keys && status == trit_ok; i++) {
        if (!changes->is_set[i]) continue;
        if (is_same(c, changes, i) || (is_fixed(i) && is_same(settled, changes, i))) continue;
        if (is_fixed(i)) return trit_error_set(err, trit_arg, "%s: cannot change in a run that goes on", trit_train_keys[i].name);
        status = copy_field(c, changes, i, err);
    }
    return status;
}

/* ---- What they mean ---- */

bool trit_train_in_bf16(const trit_train_config *c) {
    return trit_train_is(c->precision, "bf16");
}

bool trit_train_is(const char *choice, const char *word) {
    return strcmp(choice, word) == 0;
}

uint32_t trit_train_config_group(const trit_train_config *c) {
    int64_t group = 0;
    if (trit_train_is(c->weight_group, "row")) return 1;
    return trit_parse_int(c->weight_group, &group) ? (uint32_t)group : 0;
}

static trit_status check_length(const trit_train_config *c, trit_error *err) {
    const int n = (c->steps > 0) + (c->epochs > 0) + (c->tokens > 0);
    return n > 1 ? trit_error_set(err, trit_arg, "steps, epochs and tokens: one of them says how long a run is") : trit_ok;
}

static trit_status check_divides(const char *a_name, int64_t a, const char *b_name, int64_t b, trit_error *err) {
    if (b % a == 0) return trit_ok;
    return trit_error_set(err, trit_arg, "%s: %lld does not divide %s, %lld", a_name, (long long)a, b_name, (long long)b);
}

/* 8/3 of the width, up to whole 256s or 128s: what formats of ternary weights have rows of. */
static int64_t ff_dim_of(int64_t dim) {
    const int64_t unit = dim % 256 == 0 ? 256 : dim % 128 == 0 ? 128 : 8;
    return (8 * dim / 3 + unit - 1) / unit * unit;
}

static int64_t min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Heads of a new model; one that is there may have heads of any width. */
static trit_status check_heads(const trit_train_config *c, trit_error *err) {
    trit_status status = check_divides("n_heads", c->n_heads, "dim", c->dim, err);
    if (status == trit_ok && c->dim / c->n_heads % 2)
        status = trit_error_set(err, trit_arg, "n_heads: %lld heads are %lld wide each, and rotary positions need an even width", (long long)c->n_heads,
                                (long long)(c->dim / c->n_heads));
    return status == trit_ok ? check_divides("n_kv_heads", c->n_kv_heads, "n_heads", c->n_heads, err) : status;
}

static trit_status check_teacher(const trit_train_config *c, trit_error *err) {
    if (c->distill_attention > 0 && !*c->teacher) return trit_error_set(err, trit_arg, "distill_attention: there is no teacher");
    if (c->distill_attention <= 0 && (c->distill_heads || c->distill_layer))
        return trit_error_set(err, trit_arg, "%s: no attention is learnt (distill_attention)", c->distill_heads ? "distill_heads" : "distill_layer");
    if (c->distill_layer <= c->n_layers) return trit_ok;
    return trit_error_set(err, trit_arg, "distill_layer: %lld, but the model has %lld layers", (long long)c->distill_layer, (long long)c->n_layers);
}

trit_status trit_train_config_settle(trit_train_config *c, trit_error *err) {
    if (!c->ff_dim) c->ff_dim = ff_dim_of(c->dim);
    if (!c->n_kv_heads) c->n_kv_heads = c->n_heads;
    if (!c->seq_len) c->seq_len = *c->init ? min(c->context, (int64_t)trit_train_keys[trit_train_key_context].number) : c->context;
    if (!c->micro_rows) c->micro_rows = c->batch_rows;
    if (!c->steps && c->epochs <= 0 && !c->tokens) c->steps = 1000;
    if (c->lr2 <= 0) c->lr2 = c->lr * 2 / 3;
    if (c->lora_alpha <= 0) c->lora_alpha = 2 * (double)c->lora_rank;
    if (!c->distill_layer && c->distill_attention > 0) c->distill_layer = c->n_layers;
    trit_status status = check_length(c, err);
    if (status == trit_ok && c->lora_rank && !*c->init)
        status = trit_error_set(err, trit_arg, "lora_rank: an adapter needs a model, named by init");
    if (status == trit_ok && !*c->init) status = check_heads(c, err);
    if (status == trit_ok) status = check_divides("micro_rows", c->micro_rows, "batch_rows", c->batch_rows, err);
    return status == trit_ok ? check_teacher(c, err) : status;
}
