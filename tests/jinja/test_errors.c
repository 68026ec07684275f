/* Templates that are broken, fail while they run, or run away: one line of error that names the template's line. */
#include "test.h"

#include "jinja/jinja.h"

static trit_error err;

static trit_status render(const char *source, const char *variables, const trit_jinja_limits *limits) {
    trit_jinja *template = NULL;
    trit_json *json = NULL;
    trit_text out = {0};
    trit_jinja_opts opts = {0};
    if (limits) opts.limits = *limits;
    err = (trit_error){0};
    trit_status status = trit_jinja_compile(&template, source, strlen(source), &err);
    if (status == trit_ok && variables) status = trit_json_parse(&json, variables, strlen(variables), "variables", &err);
    if (status == trit_ok) status = trit_jinja_render(template, &out, json, &opts, &err);
    assert_true(status == trit_ok ? out.data != NULL : out.data == NULL);
    trit_text_fini(&out);
    trit_json_free(json);
    trit_jinja_free(template);
    return status;
}

static void fails(const char *source, trit_status want, const char *message) {
    trit_status status = render(source, "{\"n\": 3, \"s\": \"text\", \"l\": [1, 2], \"d\": {\"a\": 1}}", NULL);
    if (status != want || !strstr(err.message, message)) fail_msg("%s: status %d, \"%s\", wanted \"%s\"", source, status, err.message, message);
}

static void test_syntax(void **state) {
    (void)state;
    fails("{{ 1", trit_format, "template line 1: {{ without }}");
    fails("\n\n{% if n", trit_format, "template line 3: {% without %}");
    fails("a\n{# x", trit_format, "template line 2: {# without #}");
    fails("{% raw %} {{", trit_format, "{% raw %} without {% endraw %}");
    fails("{{ 'abc }}", trit_format, "a string without its closing quote");
    fails("{{ 'a\\xZZ' }}", trit_format, "broken escape");
    fails("{{ ! }}", trit_format, "unexpected character");
    fails("{{ a) }}", trit_format, "a closing bracket without its opening one");
    fails("{{ }}", trit_format, "an expression is missing");
    fails("{{ 1 + }}", trit_format, "an expression is missing");
    fails("{{ a b }}", trit_format, "expected \"}}\", not \"b\"");
    fails("{{ (1, 2 }}", trit_format, "a closing bracket");
    fails("{{ a. }}", trit_format, "a name is missing");
    fails("{{ a is }}", trit_format, "the name of a test is missing");
    fails("{{ a | }}", trit_format, "expected a name");
    fails("{{ 99999999999999999999 }}", trit_format, "does not fit in 64 bits");
    fails("{{ 1e999 }}", trit_format, "not a number that fits");
    fails("{% if n %}x", trit_format, "the template ends within a block; \"elif\" is missing");
    fails("{% for x in l %}x", trit_format, "the template ends within a block");
    fails("x\n{% endif %}", trit_format, "template line 2: unknown tag \"endif\"");
    fails("{% include 'x' %}", trit_format, "unknown tag \"include\"");
    fails("{% for x l %}{% endfor %}", trit_format, "expected \"in\"");
    fails("{% for x in l recursive %}{% endfor %}", trit_format, "recursive loops are not supported");
    fails("{% for if in l %}{% endfor %}", trit_format, "expected a name");
    fails("{% set 1 = 2 %}", trit_format, "expected a name");
    fails("{% break %}", trit_format, "inside of loops only");
    fails("{% for x in l %}{% macro f() %}{% continue %}{% endmacro %}{% endfor %}", trit_format, "inside of loops only");
    fails("{% call n %}{% endcall %}", trit_format, "needs the call of a macro");
    fails("a\xff", trit_format, "not UTF-8");
}

static void test_running(void **state) {
    (void)state;
    fails("a\n{{ missing.x }}", trit_format, "template line 2: 'missing' is undefined");
    fails("{{ d.q.r }}", trit_format, "'dict object' has no attribute 'q'");
    fails("{{ missing() }}", trit_format, "'missing' is undefined");
    fails("{{ n() }}", trit_format, "'int' object is not callable");
    fails("{{ missing + 1 }}", trit_format, "'missing' is undefined");
    fails("{{ s + 1 }}", trit_format, "can only concatenate str (not \"int\") to str");
    fails("{{ s - 1 }}", trit_format, "unsupported operand type(s) for -: 'str' and 'int'");
    fails("{{ -s }}", trit_format, "bad operand type");
    fails("{{ 1 // 0 }}", trit_format, "by zero");
    fails("{{ 1 / 0 }}", trit_format, "by zero");
    fails("{{ 1.0 % 0 }}", trit_format, "by zero");
    fails("{{ 9223372036854775807 + 1 }}", trit_format, "64 bits");
    fails("{{ -9223372036854775807 - 2 }}", trit_format, "64 bits");
    fails("{{ 4611686018427387904 * 2 }}", trit_format, "64 bits");
    fails("{{ 10 ** 40 }}", trit_format, "64 bits");
    fails("{{ 1 < 'a' }}", trit_format, "have no order");
    fails("{{ 1 in 2 }}", trit_format, "'int' object is not iterable");
    fails("{{ 1 in 'a' }}", trit_format, "requires string as left operand");
    fails("{% for x in 5 %}{% endfor %}", trit_format, "not iterable");
    fails("{% set a, b = [1] %}", trit_format, "expected 2 values to unpack, not 1");
    fails("{% set n.x = 1 %}", trit_format, "non-namespace");
    fails("{{ n|nope }}", trit_format, "no filter named 'nope'");
    fails("{{ n is nope }}", trit_format, "no test named 'nope'");
    fails("{{ n|length }}", trit_format, "'int' has no len()");
    fails("{{ l|map('upper')|length }}", trit_format, "'generator' has no len()");
    fails("{{ missing|tojson }}", trit_format, "not JSON serializable");
    fails("{{ {(1, 2): 3}|tojson }}", trit_format, "keys must be");
    fails("{{ {l: 1} }}", trit_format, "unhashable type: 'list'");
    fails("{{ missing|int }}", trit_format, "'missing' is undefined");
    fails("{{ n|indent }}", trit_format, "a string is needed");
    fails("{{ s|replace('a') }}", trit_format, "replace: takes at least 2 argument(s)");
    fails("{{ s.strip(1, 2) }}", trit_format, "strip: takes 1 argument(s), not 2");
    fails("{{ s|trim(nope='x') }}", trit_format, "trim: unexpected argument 'nope'");
    fails("{{ s.strip(1) }}", trit_format, "an argument must be str, not int");
    fails("{{ s.split('') }}", trit_format, "empty separator");
    fails("{{ l[::0] }}", trit_format, "slice step cannot be zero");
    fails("{{ n[1:] }}", trit_format, "cannot be sliced");
    fails("{{ '%d' % 'x' }}", trit_format, "a number is required");
    fails("{{ '%s %s' % 'x' }}", trit_format, "not enough arguments");
    fails("{{ '%q' % 'x' }}", trit_format, "broken format");
    fails("{{ strftime_now('%Q') }}", trit_format, "\"%Q\" is not supported");
    fails("{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", trit_format, "macro 'f' takes not more than 1 argument(s)");
    fails("{% macro f(a) %}{% endmacro %}{{ f(b=2) }}", trit_format, "macro 'f' takes no argument 'b'");
    fails("{% macro f(a) %}{% endmacro %}{{ f(1, a=2) }}", trit_format, "two values for 'a'");
    fails("{{ range(1000000) }}", trit_format, "range: too long (limit: 100000)");
    fails("x\n\n{{ raise_exception('roles must ' ~ 'alternate') }}", trit_arg, "template line 3: roles must alternate");
    fails("{{ raise_exception('line\nbreak') }}", trit_arg, "line?break");
}

static void stops(const char *source, const trit_jinja_limits *limits, const char *message) {
    trit_status status = render(source, "{\"l\": [1]}", limits);
    if (status != trit_format || !strstr(err.message, message)) fail_msg("%.60s: status %d, \"%s\", wanted \"%s\"", source, status, err.message, message);
}

static void test_limits(void **state) {
    static const trit_jinja_limits small = {.steps = 10000, .depth = 50, .output_bytes = 1000, .memory_bytes = 100000};
    static const trit_jinja_limits few_steps = {.steps = 10000};
    static const char twice[] = "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}";
    static const char endless[] = "{% for a in range(99999) %}{% for b in range(99999) %}{% set x = a %}{% endfor %}{% endfor %}";
    (void)state;
    stops(endless, NULL, "(limit: "); /* of memory, for ranges are lists, or of steps */
    stops("{% for a in range(9999) %}{% endfor %}", &few_steps, "runs too long (limit: 10000 steps)");
    stops(twice, NULL, "too much memory (limit: 268435456 bytes)");
    stops("{{ 'a' * 1001 }}", &small, "writes too much (limit: 1000 bytes)");
    stops("{% for a in range(999) %}ab{% endfor %}", &small, "writes too much");
    stops("{% for a in range(99) %}{{ (l * 99)|length }}{% endfor %}", &small, "(limit: ");
    stops("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", NULL, "calls itself too deeply (limit: 500 levels)");
    stops("{% set _ = l.append(l) %}{{ l }}", NULL, "calls itself too deeply");
    stops("{% set _ = l.append(l) %}{{ l|tojson }}", NULL, "calls itself too deeply");
    stops("{% set m = [1] %}{% set _ = l.append(l) %}{% set _ = m.append(m) %}{{ l == m }}", NULL, "calls itself too deeply");
    stops("{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", NULL, "calls itself too deeply");
    stops("{{ 9223372036854775807 * 'ab' }}", NULL, "(limit: ");
    stops("{{ 'x'.ljust(9223372036854775807) }}", NULL, "(limit: ");
    stops("{{ 'x'|indent(9223372036854775807, true) }}", NULL, "(limit: ");
}

/* `n` times `s` between `before` and `after`. */
static char *repeated(const char *before, const char *s, size_t n, const char *after) {
    size_t n_s = strlen(s), n_before = strlen(before);
    char *text = malloc(n_before + n * n_s + strlen(after) + 1);
    assert_non_null(text);
    memcpy(text, before, n_before);
    for (size_t i = 0; i < n; i++) memcpy(text + n_before + i * n_s, s, n_s);
    strcpy(text + n_before + n * n_s, after);
    return text;
}

static void test_nesting(void **state) {
    static const struct {
        const char *before, *s, *after;
    } all[] = {
        {"{{ ", "(", "1 }}"}, {"{{ ", "[", "1 }}"}, {"{{ ", "-", "1 }}"}, {"{{ ", "not ", "1 }}"}, {"{{ 1", " + 1", " }}"}, {"{{ 1", "|abs", " }}"},
        {"{{ s", ".x", " }}"}, {"", "{% if 1 %}", ""}, {"{{ 1", " if 1 else 2", " }}"}, {"{{ ", "{1:", "1 }}"}, {"{{ 1", " < 2", " }}"},
        {"{{ 1", " is eq 1", " }}"}, {"{{ s", "[1]", " }}"}, {"{{ s", "()", " }}"}, {"", "{% macro f() %}", ""},
        {"{% filter ", "upper|", "upper %}x{% endfilter %}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char *text = repeated(all[i].before, all[i].s, 100000, all[i].after);
        assert_int_equal(render(text, NULL, NULL), trit_format);
        free(text);
    }
}

static void test_variables(void **state) {
    (void)state;
    assert_int_equal(render("", "[1]", NULL), trit_arg);
    assert_int_equal(render("", NULL, NULL), trit_ok);
    assert_int_equal(render("{{ x }}", "{}", NULL), trit_ok);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax),  cmocka_unit_test(test_running),   cmocka_unit_test(test_limits),
        cmocka_unit_test(test_nesting), cmocka_unit_test(test_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
