/* The option parser. It knows nothing of any command: tables in, struct out. */
#include "options.h"

#include <string.h>

#include "base/error.h"
#include "base/nearest.h"
#include "base/str.h"

enum { max_name = 31 };

/* The groups of a command seen as one list. */
typedef struct all_options {
    const trit_opt_group *groups;
    size_t n_groups;
} all_options;

static const trit_option *option_at(const all_options *all, size_t i, size_t *base) {
    for (size_t g = 0; g < all->n_groups; g++) {
        if (i < all->groups[g].n) {
            if (base) *base = all->groups[g].base;
            return &all->groups[g].options[i];
        }
        i -= all->groups[g].n;
    }
    return NULL;
}

static const char *option_name_at(const void *list, size_t i) {
    return option_at(list, i, NULL)->name;
}

static const trit_option *find(const all_options *all, const char *name, size_t n, char letter, size_t *base) {
    const trit_option *o;
    for (size_t i = 0; (o = option_at(all, i, base)); i++) {
        if (letter ? o->letter == letter : strlen(o->name) == n && memcmp(o->name, name, n) == 0) return o;
    }
    return NULL;
}

static trit_status unknown(const all_options *all, const char *word, const char *name, size_t n, trit_error *err) {
    char plain[max_name + 1] = "";
    if (n <= max_name) memcpy(plain, name, n);
    size_t count = 0;
    while (option_at(all, count, NULL)) count++;
    int near = n <= max_name ? trit_nearest(plain, option_name_at, all, count) : -1;
    if (near >= 0)
        return trit_error_set(err, trit_arg, "unknown option \"%s\" (did you mean --%s?)", word, option_name_at(all, (size_t)near));
    return trit_error_set(err, trit_arg, "unknown option \"%s\" (--help lists the options)", word);
}

static trit_status store_number(const trit_option *o, char *field, const char *value, trit_error *err) {
    int64_t whole = 0;
    double real = 0;
    bool is_int = o->kind == trit_opt_int;
    if (is_int ? !trit_parse_int(value, &whole) : !trit_parse_real(value, &real))
        return trit_error_set(err, trit_arg, "--%s: \"%s\" is not a %snumber", o->name, value, is_int ? "whole " : "");
    double x = is_int ? (double)whole : real;
    if (x < o->min || x > o->max)
        return trit_error_set(err, trit_arg, "--%s: %s is outside %.10g to %.10g", o->name, value, o->min, o->max);
    if (is_int) memcpy(field, &whole, sizeof whole);
    else memcpy(field, &real, sizeof real);
    return trit_ok;
}

static trit_status store(const trit_option *o, char *field, const char *value, trit_error *err) {
    switch (o->kind) {
    case trit_opt_int:
    case trit_opt_real: return store_number(o, field, value, err);
    case trit_opt_choice:
        if (!trit_str_is_choice(o->value, value))
            return trit_error_set(err, trit_arg, "--%s: \"%s\" is none of %s", o->name, value, o->value);
        break;
    case trit_opt_list:
    case trit_opt_files: {
        trit_opt_texts *list = (trit_opt_texts *)(void *)field;
        if (list->n == trit_opt_max_texts)
            return trit_error_set(err, trit_arg, "--%s: given more than %d times", o->name, trit_opt_max_texts);
        list->item[list->n++] = value;
        return trit_ok;
    }
    case trit_opt_flag:
    case trit_opt_text:
    case trit_opt_file: break;
    }
    memcpy(field, &value, sizeof value);
    return trit_ok;
}

/* Takes the option that stands at argv[*i], and its value. */
static trit_status take(char *opts, const all_options *all, int argc, char **argv, int *i, trit_error *err) {
    const char *word = argv[*i], *value = NULL;
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    size_t n = is_long ? strcspn(name, "=") : 1, base = 0;
    if (name[n]) value = name + n + is_long;
    const trit_option *o = find(all, name, n, is_long ? '\0' : *name, &base);
    if (o && o->kind == trit_opt_flag && value && !is_long) o = NULL; /* "-vx" */
    if (!o) return unknown(all, word, name, is_long ? n : strlen(name), err);
    char *field = opts + base + o->at;
    if (o->kind == trit_opt_flag) {
        if (value) return trit_error_set(err, trit_arg, "--%s takes no value", o->name);
        memcpy(field, &(bool){true}, sizeof(bool));
        return trit_ok;
    }
    if (!value && *i + 1 >= argc) return trit_error_set(err, trit_arg, "--%s needs a value (%s)", o->name, o->value);
    return store(o, field, value ? value : argv[++*i], err);
}

trit_status trit_opts_parse(void *opts, const trit_opt_group *groups, size_t n_groups, int argc, char **argv, trit_args *args,
                            trit_opt_result *result, trit_error *err) {
    all_options all = {groups, n_groups};
    bool only_words = false;
    trit_status status = trit_ok;
    for (int i = 0; i < argc && status == trit_ok; i++) {
        const char *word = argv[i];
        if (only_words || word[0] != '-' || !word[1]) {
            args->item[args->n++] = word;
        } else if (strcmp(word, "--") == 0) {
            only_words = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            result->help = true;
            return trit_ok;
        } else {
            status = take(opts, &all, argc, argv, &i, err);
        }
    }
    return status;
}
