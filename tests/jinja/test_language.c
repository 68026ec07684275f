/* The template language, construct by construct. The expected texts are what Jinja2 3.1 on Python 3 makes of the templates, set up
 * as Hugging Face has it: trim_blocks, lstrip_blocks, loop controls, its own tojson; the time is 2024-07-26 12:00. */
#include "test.h"

#include "jinja/jinja.h"

typedef struct sample {
    const char *template, *want;
} sample;

static const char variables[] =
    "{\"n\": 3, \"f\": 2.5, \"s\": \"Hello World\", \"u\": \"h\\u00e9llo"
    " \\u4f60\\u597d \\ud83d\\ude00\", \"e\": \"\", \"t\": true, \"z\": null, \"l\": [3, 1, 2],"
    " \"w\": [\"b\", \"A\", \"c\", \"a\"], \"d\": {\"b\": 1, \"a\": {\"x\": [1, 2.5, null, true,"
    " \"q'\\\"\\\\\\n\"]}}, \"m\": [{\"role\": \"user\", \"content\": \" hi \", \"n\": 2}, {\"role\": \"assist"
    "ant\", \"content\": \"yo\", \"n\": 1}, {\"role\": \"user\", \"content\": \"bye\", \"n\": 3}],"
    " \"items\": [[\"k\", 1], [\"j\", 2]]}";

static trit_error err;

/* All samples of a group: each is told before the group fails. */
static void check(const sample *samples, size_t n) {
    static const trit_jinja_opts opts = {.now = {2024, 7, 26, 12, 0, 0}};
    trit_json *json = NULL;
    size_t n_bad = 0;
    assert_ok(trit_json_parse(&json, variables, sizeof variables - 1, "variables", &err));
    for (size_t i = 0; i < n; i++) {
        trit_jinja *template = NULL;
        trit_text out = {0};
        trit_status status = trit_jinja_compile(&template, samples[i].template, strlen(samples[i].template), &err);
        if (status == trit_ok) status = trit_jinja_render(template, &out, json, &opts, &err);
        if (status != trit_ok || strcmp(out.data, samples[i].want) != 0) {
            print_message("%s\n  wanted: %s\n  got:    %s\n", samples[i].template, samples[i].want, status ? err.message : out.data);
            n_bad++;
        }
        trit_text_fini(&out);
        trit_jinja_free(template);
    }
    trit_json_free(json);
    assert_int_equal(n_bad, 0);
}

static const sample whitespace_samples[] = {
    {"a\n{% if t %}\nb\n{% endif %}\nc\n",
     "a\nb\nc"},
    {"a\n  {% if t %}  \n  b\n  {% endif %}\nc\n\n",
     "a\n  \n  b\nc\n"},
    {"x {%- if t -%} \n y \n{%- endif -%} \n z",
     "xyz"},
    {"  {%+ if t %}x{% endif %}",
     "  x"},
    {"{% if t +%}\nx{% endif %}",
     "\nx"},
    {"a{# note #}\nb",
     "ab"},
    {"  {# note #}  c",
     "  c"},
    {"a {#- note -#} b",
     "ab"},
    {"{{ 1 }}\n{{ 2 }}\n",
     "1\n2"},
    {"  {{ n }}  ",
     "  3  "},
    {"a\n {{- n }} b {{ n -}} \n c",
     "a3 b 3c"},
    {"{% raw %}{{ x }}{% endraw %}!",
     "{{ x }}!"},
    {"a {%- raw -%} {{ x }} {%- endraw -%} b",
     "a{{ x }}b"},
    {"{% raw %}\n x\n{% endraw %}\ny",
     "\n x\ny"},
    {"\n\n",
     "\n"},
    {"a\r\nb\rc\n",
     "a\nb\nc"},
    {"{% set x = 1 %}\n\n{{ x }}",
     "\n1"},
    {"{{ '{{' }}{{ '%}' }}",
     "{{%}"},
    {"{{ {'a': {'b': 1}}['a'] }}",
     "{'b': 1}"},
    {"{% if t %}{# c #}\n{% endif %}x",
     "x"},
    {"  {% set a = 1 %}  {% set b = 2 %}\nx",
     "  x"},
    {"\343\200\200 {%- if t %} x{% endif %}",
     " x"},
    {"{%if t%}x{%endif%}",
     "x"},
    {"a\n\t{% if t %}\n\tb\n\t{% endif %}\n",
     "a\n\tb\n"},
    {"{{ '\n' }}x",
     "\nx"},
    {"{{ 'a' }}\n{% if t %}\n{% endif %}\n{{ 'b' }}",
     "a\nb"},
};

static const sample literals_samples[] = {
    {"{{ 1 }} {{ 1_000 }} {{ 0x1F }} {{ 0o17 }} {{ 0b101 }}",
     "1 1000 31 15 5"},
    {"{{ 1.0 }} {{ 2.50 }} {{ 1e3 }} {{ 1.5e-7 }} {{ 1e16 }} {{ 123456789.125 }} {{ 1e15 }} {{ 0.0001 }} {{ 0.00001 }} {{ 1e"
     "100 }} {{ -0.0 }}",
     "1.0 2.5 1000.0 1.5e-07 1e+16 123456789.125 1000000000000000.0 0.0001 1e-05 1e+100 -0.0"},
    {"{{ 'a\\n\\t\\x41\\u00e9\\101\\q' }}",
     "a\n\tA\303\251A\\q"},
    {"{{ \"it's\" }}{{ 'say \"x\"' }}",
     "it'ssay \"x\""},
    {"{{ 'a' 'b' }}",
     "ab"},
    {"{{ [1, 'a', none, true, 1.5, [], {}] }}",
     "[1, 'a', None, True, 1.5, [], {}]"},
    {"{{ (1,) }} {{ () }} {{ (1, 2) }} {{ 1, 2 }}",
     "(1,) () (1, 2) (1, 2)"},
    {"{{ {'a': 1, 2: 'b', none: true} }}",
     "{'a': 1, 2: 'b', None: True}"},
    {"{{ none }} {{ None }} {{ true }} {{ False }}",
     "None None True False"},
    {"{{ ['it\\'s', \"a\\\"b\", 'both\\'\"', 'nl\\n\\r\\t\\x01\\x7f\\xa0\\u200b\\\\', u] }}",
     "[\"it's\", 'a\"b', 'both\\'\"', 'nl\\n\\r\\t\\x01\\x7f\\xa0\\u200b\\\\', 'h\303\251llo \344\275\240\345\245\275 "
     "\360\237\230\200']"},
    {"{{ missing }}|{{ d.nope }}|{{ l[9] }}|",
     "|||"},
    {"{{ {'a': 1, 'a': 2} }}",
     "{'a': 2}"},
};

static const sample arithmetic_samples[] = {
    {"{{ 1 + 2 * 3 - 4 }}",
     "3"},
    {"{{ 7 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }}",
     "3.5 3 -4 1 2 -2"},
    {"{{ 7.5 // 2 }} {{ -7.5 % 2 }}",
     "3.0 0.5"},
    {"{{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }}",
     "1024 0.5 64 4"},
    {"{{ 'a' ~ 1 ~ none ~ missing ~ 2.0 }}",
     "a1None2.0"},
    {"{{ 'ab' * 3 }} {{ 2 * 'x' }} {{ [1] * 3 }}",
     "ababab xx [1, 1, 1]"},
    {"{{ [1] + [2, 3] }} {{ (1,) + (2,) }}",
     "[1, 2, 3] (1, 2)"},
    {"{{ true + 1 }} {{ -true }} {{ +n }} {{ not n }} {{ not e }}",
     "2 -1 3 False True"},
    {"{{ 1 + 1.5 }} {{ 3 - 1.0 }} {{ 4 / 2 }}",
     "2.5 2.0 2.0"},
    {"{{ '%s is %d and %.2f%%' % ('x', 3, 2.5) }} {{ '%5s|%-5s|' % ('a', 'b') }} {{ '%03d %x' % (7, 255) }} {{ '%r' % 'q' }}",
     "x is 3 and 2.50%     a|b    | 007 ff 'q'"},
    {"{{ -n|abs }} {{ (-n)|abs }} {{ -3.5|abs }}",
     "3 3 3.5"},
    {"{{ 1 - -1 }}",
     "2"},
    {"{{ (1 + 2) * 3 }}",
     "9"},
    {"{{ 9223372036854775807 }} {{ -9223372036854775807 - 1 }}",
     "9223372036854775807 -9223372036854775808"},
};

static const sample logic_samples[] = {
    {"{{ 1 and 0 }} {{ 0 or 'x' }} {{ e or none }} {{ not t and t }} {{ t and 'y' or 'n' }}",
     "0 x None False y"},
    {"{{ 1 == 1.0 }} {{ 1 == true }} {{ 'a' == 'a' }} {{ [1] == [1] }} {{ [1] == (1,) }} {{ {'a':1} == {'a':1.0} }} {{ 'a' !"
     "= 'b' }} {{ none == false }}",
     "True True True True False True True False"},
    {"{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 <= 1 >= 0 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ '\303\251' > 'z' }}",
     "True False True True True True"},
    {"{{ 1 in l }} {{ 9 not in l }} {{ 'lo' in s }} {{ 'b' in d }} {{ 'x' in missing }} {{ missing == missing2 }} {{ 1 in (1"
     ", 2) }}",
     "True True True True False True True"},
    {"{{ 'y' if t else 'n' }} {{ 'y' if e }}| {{ 1 if e else 2 if z else 3 }}",
     "y | 3"},
    {"{{ 'a' if 1 > 2 else 'b' }}",
     "b"},
    {"{{ n == 3 and f == 2.5 }}",
     "True"},
    {"{{ not n == 4 }} {{ not 'x' in s }}",
     "True True"},
    {"{{ (n > 2) | string }}",
     "True"},
    {"{{ n is defined and missing is not defined }}",
     "True"},
    {"{{ 1 == 1 == 1 }}",
     "True"},
};

static const sample attributes_samples[] = {
    {"{{ d.b }} {{ d['b'] }} {{ d.a.x[1] }} {{ d['a']['x'][-1] }} {{ d.get('b') }} {{ d.get('q') }} {{ d.get('q', 5) }}",
     "1 1 2.5 q'\"\\\n 1 None 5"},
    {"{{ l[0] }} {{ l[-1] }} {{ l.0 }} {{ s[0] }} {{ s[-1] }} {{ u[1] }} {{ u[-1] }}",
     "3 2 3 H d \303\251 \360\237\230\200"},
    {"{{ l[1:] }} {{ l[:-1] }} {{ l[::-1] }} {{ l[::2] }} {{ l[-2:] }} {{ l[5:] }} {{ l[:] }}",
     "[1, 2] [3, 1] [2, 1, 3] [3, 2] [1, 2] [] [3, 1, 2]"},
    {"{{ s[1:4] }} {{ s[::-1] }} {{ u[6:8] }} {{ s[-3:] }} {{ s[8:2] }} {{ s[8:2:-2] }} {{ u[::2] }} {{ s[:-100] }}|",
     "ell dlroW olleH \344\275\240\345\245\275 rld  rWo hlo\344\275\240  |"},
    {"{{ d.items() | list }} {{ d.keys() | list }} {{ d.values() | list | length }}",
     "[('b', 1), ('a', {'x': [1, 2.5, None, True, 'q\\'\"\\\\\\n']})] ['b', 'a'] 2"},
    {"{{ m[0]['role'] }} {{ m[-1].content }} {{ (m | last).n }}",
     "user bye 3"},
    {"{{ (1, 2, 3)[1:] }}",
     "(2, 3)"},
    {"{{ d.b is defined }} {{ d.q is defined }} {{ m[0].tool_calls is defined }}",
     "True False False"},
    {"{{ 'x'.upper() }} {{ 'a b'.split()[1] }}",
     "X b"},
    {"{{ d.a.x[0:2][1] }}",
     "2.5"},
};

static const sample strings_samples[] = {
    {"{{ '  a '.strip() }}|{{ '  a '.lstrip() }}|{{ '  a '.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'abcba'.lstrip('ab') }}|{"
     "{ 'a\\n'.rstrip('\\n') }}|{{ '\\u3000a\\xa0'.strip() }}",
     "a|a |  a|a|cba|a|a"},
    {"{{ 'a,b,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ ' a  b '.split() }} {{ ' a  b c '.split(none, 1) }} {{ 'a'.spl"
     "it('x') }} {{ ''.split() }} {{ ''.split(',') }}",
     "['a', 'b', 'c'] ['a', 'b,c'] ['a', 'b'] ['a', 'b c '] ['a'] [] ['']"},
    {"{{ 'a,b,c'.rsplit(',', 1) }} {{ 'a\\nb\\r\\nc\\n'.splitlines() }}",
     "['a,b', 'c'] ['a', 'b', 'c']"},
    {"{{ s.startswith('Hell') }} {{ s.endswith(('x', 'ld')) }} {{ s.startswith('') }}",
     "True True True"},
    {"{{ s.upper() }} {{ s.lower() }} {{ 'hello wORLD'.title() }} {{ 'hELLO'.capitalize() }} {{ u.upper() }} {{ '"
     "\303\200\303\211'.lower() }}",
     "HELLO WORLD hello world Hello World Hello H\303\211LLO \344\275\240\345\245\275 \360\237\230\200 \303\240\303\251"},
    {"{{ 'aaa'.replace('a', 'b') }} {{ 'aaa'.replace('a', 'b', 2) }} {{ 'ab'.replace('', '-') }}",
     "bbb bba -a-b-"},
    {"{{ ', '.join(w) }}",
     "b, A, c, a"},
    {"{{ s.find('o') }} {{ s.rfind('o') }} {{ s.find('zz') }} {{ s.index('W') }} {{ s.count('l') }} {{ u.find('\345\245\275'"
     ") }}",
     "4 7 -1 6 3 7"},
    {"{{ '12'.isdigit() }} {{ 'ab'.isalpha() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ 'AB'.isupper() }} {{ 'ab'.islowe"
     "r() }} {{ ''.isdigit() }}",
     "True True True True True True False"},
    {"{{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.txt'.removesuffix('.txt') }}",
     "x x"},
    {"{{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'x'.partition('=') }} {{ 'x'.rpartition('=') }}",
     "('a', '=', 'b=c') ('a=b', '=', 'c') ('x', '', '') ('', '', 'x')"},
    {"{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3, '*') }}|{{ 'ab'.center(5, '-') }}|{{ 'abc'.center(6, '-') }}|{{ '7'.zfill(3) }}|{{ "
     "'-7'.zfill(4) }}",
     "a  |**a|--ab-|-abc--|007|-007"},
};

static const sample filters_samples[] = {
    {"{{ '  x '|trim }}|{{ 'xax'|trim('x') }}|{{ n|trim }}",
     "x|a|3"},
    {"{{ s|length }} {{ u|length }} {{ l|count }} {{ d|length }} {{ missing|length }}",
     "11 10 3 2 0"},
    {"{{ s|upper }} {{ s|lower }} {{ 'ab cd-ef'|title }} {{ 'aB'|capitalize }} {{ n|upper }}",
     "HELLO WORLD hello world Ab Cd-Ef Ab 3"},
    {"{{ w|join }} {{ w|join('-') }} {{ m|join(',', attribute='role') }} {{ l|join(', ') }} {{ 'abc'|join('.') }} {{ [1, non"
     "e, missing]|join('/') }}",
     "bAca b-A-c-a user,assistant,user 3, 1, 2 a.b.c 1/None/"},
    {"{{ 'aXbX'|replace('X', 'y') }} {{ 'aXbX'|replace('X', 'y', 1) }}",
     "ayby aybX"},
    {"{{ missing|default('d') }} {{ e|default('d') }}| {{ e|default('d', true) }} {{ z|default('d', boolean=true) }} {{ z|d("
     "'x') }} {{ missing|default }}|",
     "d | d d None |"},
    {"{{ m|map(attribute='role')|list }} {{ w|map('upper')|join }} {{ m|map(attribute='q', default='-')|join }} {{ l|map('st"
     "ring')|list }} {{ ['a-b']|map('replace', '-', '+')|first }}",
     "['user', 'assistant', 'user'] BACA --- ['3', '1', '2'] a+b"},
    {"{{ l|select('odd')|list }} {{ l|reject('odd')|list }} {{ [0, 1, '']|select|list }} {{ l|select('gt', 1)|list }} {{ l|s"
     "elect('in', [1, 2])|list }}",
     "[3, 1] [2] [1] [3, 2] [1, 2]"},
    {"{{ m|selectattr('role', 'equalto', 'user')|map(attribute='content')|list }} {{ m|rejectattr('role', 'eq', 'user')|list"
     "|length }} {{ m|selectattr('n')|list|length }} {{ m|selectattr('q', 'defined')|list }}",
     "[' hi ', 'bye'] 1 3 []"},
    {"{{ l|first }} {{ l|last }} {{ s|first }} {{ []|first }}| {{ d|first }}",
     "3 2 H | b"},
    {"{{ 'ab'|list }} {{ d|list }} {{ missing|list }} {{ (1, 2)|list }}",
     "['a', 'b'] ['b', 'a'] [] [1, 2]"},
    {"{{ 5|string + 'x' }} {{ none|string }} {{ l|string }} {{ 1.0|string }}",
     "5x None [3, 1, 2] 1.0"},
    {"{{ '42'|int }} {{ 'x'|int }} {{ 'x'|int(7) }} {{ '3.9'|int }} {{ 2.9|int }} {{ '0x1f'|int(base=16) }} {{ ' 5 '|int }} "
     "{{ none|int }} {{ true|int }} {{ -2.9|int }}",
     "42 0 7 3 2 31 5 0 1 -2"},
    {"{{ '1.5'|float }} {{ 'x'|float }} {{ 3|float }} {{ 'x'|float(1.5) }} {{ '1e3'|float }} {{ '.5'|float }}",
     "1.5 0.0 3.0 1.5 1000.0 0.5"},
    {"{{ d|dictsort }}",
     "[('a', {'x': [1, 2.5, None, True, 'q\\'\"\\\\\\n']}), ('b', 1)]"},
    {"{{ {'b': 1, 'A': 2, 'c': 0}|dictsort }} {{ {'b': 1, 'A': 2}|dictsort(true) }} {{ {'b': 2, 'a': 3, 'c': 1}|dictsort(by="
     "'value') }} {{ {'b': 2, 'a': 3}|dictsort(reverse=true) }}",
     "[('A', 2), ('b', 1), ('c', 0)] [('A', 2), ('b', 1)] [('c', 1), ('b', 2), ('a', 3)] [('b', 2), ('a', 3)]"},
    {"{{ l|sort }} {{ l|sort(reverse=true) }} {{ w|sort }} {{ w|sort(case_sensitive=true) }} {{ m|sort(attribute='n')|map(at"
     "tribute='n')|list }}",
     "[1, 2, 3] [3, 2, 1] ['A', 'a', 'b', 'c'] ['A', 'a', 'b', 'c'] [1, 2, 3]"},
    {"{{ [1, 2, 1, 'a', 'A']|unique|list }} {{ m|unique(attribute='role')|list|length }}",
     "[1, 2, 'a'] 2"},
    {"{{ 2.567|round }} {{ 2.567|round(2) }} {{ 2.1|round(method='ceil') }} {{ 2.9|round(0, 'floor') }} {{ 7|round }} {{ 2.5"
     "|round }} {{ 1234.5|round(-2) }}",
     "3.0 2.57 3.0 2.0 7 2.0 1200.0"},
    {"{{ 'a\\nb\\n\\nc'|indent }}|{{ 'a\\nb'|indent(2, true) }}|{{ 'a\\n\\nb'|indent(2, first=true, blank=true) }}|{{ 'a"
     "\\nb'|indent('>>') }}|{{ 'a\\n'|indent }}|",
     "a\n    b\n\n    c|  a\n  b|  a\n  \n  b|a\n>>b|a\n|"},
    {"{{ l|min }} {{ l|max }} {{ w|min }} {{ l|sum }} {{ m|sum(attribute='n') }} {{ []|sum }} {{ [1.5, 2]|sum(start=1) }}",
     "1 3 A 6 6 0 4.5"},
    {"{{ l|reverse|list }} {{ s|reverse }} {{ l|batch(2)|list }} {{ l|batch(2, 0)|list }}",
     "[2, 1, 3] dlroW olleH [[3, 1], [2]] [[3, 1], [2, 0]]"},
    {"{{ d|items|list }}",
     "[('b', 1), ('a', {'x': [1, 2.5, None, True, 'q\\'\"\\\\\\n']})]"},
    {"{{ '<a href=\"x\">&\\'</a>'|e }}",
     "&lt;a href=&#34;x&#34;&gt;&amp;&#39;&lt;/a&gt;"},
    {"{{ '%s-%s'|format(1, 'a') }} {{ 'a b  c'|wordcount }} {{ s|safe }} {{ 'ab'|center(6) }}|",
     "1-a 3 Hello World   ab  |"},
    {"{% for k, g in m|groupby('role') %}{{ k }}:{{ g|length }} {% endfor %}",
     "assistant:1 user:2 "},
    {"{{ -1|abs }}",
     "1"},
    {"{{ m|map(attribute='content')|map('trim')|join('|') }}",
     "hi|yo|bye"},
    {"{{ ['a','b']|map('upper')|list|tojson }}",
     "[\"A\", \"B\"]"},
};

static const sample json_samples[] = {
    {"{{ d|tojson }}",
     "{\"b\": 1, \"a\": {\"x\": [1, 2.5, null, true, \"q'\\\"\\\\\\n\"]}}"},
    {"{{ d|tojson(indent=2) }}",
     "{\n  \"b\": 1,\n  \"a\": {\n    \"x\": [\n      1,\n      2.5,\n      null,\n      true,\n      \"q'\\\"\\\\\\n\"\n   "
     " ]\n  }\n}"},
    {"{{ m|tojson(indent=4) }}",
     "[\n    {\n        \"role\": \"user\",\n        \"content\": \" hi \",\n        \"n\": 2\n    },\n    {\n        \"role"
     "\": \"assistant\",\n        \"content\": \"yo\",\n        \"n\": 1\n    },\n    {\n        \"role\": \"user\",\n      "
     "  \"content\": \"bye\",\n        \"n\": 3\n    }\n]"},
    {"{{ u|tojson }} {{ u|tojson(ensure_ascii=true) }}",
     "\"h\303\251llo \344\275\240\345\245\275 \360\237\230\200\" \"h\\u00e9llo \\u4f60\\u597d \\ud83d\\ude00\""},
    {"{{ [1, 1.0, 1e20, true, none, [], {}]|tojson }}",
     "[1, 1.0, 1e+20, true, null, [], {}]"},
    {"{{ {'b': 1, 'a': 2}|tojson(sort_keys=true) }}",
     "{\"a\": 2, \"b\": 1}"},
    {"{{ [1, {'a': 2}]|tojson(separators=(',', ':')) }}",
     "[1,{\"a\":2}]"},
    {"{{ {1: 'a', none: 2, true: 3, 1.5: 4}|tojson }}",
     "{\"1\": 3, \"null\": 2, \"1.5\": 4}"},
    {"{{ '\\x00\\x1f\\x7f\\b\\f\"\\\\/<>&\\'' | tojson }}",
     "\"\\u0000\\u001f\177\\b\\f\\\"\\\\/<>&'\""},
    {"{{ (1, 2)|tojson }} {{ []|tojson(indent=2) }} {{ 'x'|tojson(indent=2) }} {{ [[]]|tojson(indent=1) }}",
     "[1, 2] [] \"x\" [\n []\n]"},
    {"{{ {'a': [1, {}]}|tojson(indent=0) }}",
     "{\n\"a\": [\n1,\n{}\n]\n}"},
    {"{{ [1]|tojson(indent='\\t') }}",
     "[\n\t1\n]"},
};

static const sample tests_samples[] = {
    {"{{ missing in d }} {{ missing in l }} {{ 2.5 is odd }} {{ 3.0 is odd }} {{ ''|indent(2, true) }}|",
     "False False False True   |"},
    {"{{ n is number }} {{ f is float }} {{ n is integer }} {{ t is integer }} {{ t is boolean }} {{ s is string }} {{ d is "
     "mapping }} {{ l is sequence }} {{ s is sequence }} {{ d is sequence }} {{ n is sequence }}",
     "True True True False True True True True True True False"},
    {"{{ l is iterable }} {{ s is iterable }} {{ n is iterable }} {{ missing is iterable }} {{ z is none }} {{ missing is no"
     "ne }} {{ missing is undefined }} {{ t is true }} {{ n is true }} {{ false is false }}",
     "True True False True True False True True False True"},
    {"{{ 4 is even }} {{ 3 is odd }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ n is eq 3 }} {{ n is ne 3 }} {{ n"
     " is lt 4 }} {{ n is ge(3) }}",
     "True True True False True False True True"},
    {"{{ 1 is in [1, 2] }} {{ 'a' is in 'abc' }} {{ 'AB' is upper }} {{ 'ab' is lower }} {{ none is sameas none }} {{ 1 is s"
     "ameas true }} {{ range is callable }} {{ n is callable }}",
     "True True True True True False True False"},
    {"{{ n is not string }} {{ not n is string }} {{ 'trim' is filter }} {{ 'odd' is test }} {{ 'zzz' is filter }}",
     "True True True True False"},
    {"{{ s is string and n is number or z is none }}",
     "True"},
};

static const sample loops_samples[] = {
    {"{% for x in l %}{{ loop.index }}/{{ loop.length }}:{{ x }}{{ ', ' if not loop.last }}{% endfor %}",
     "1/3:3, 2/3:1, 3/3:2"},
    {"{% for x in l %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.previtem }}{{ loop.nex"
     "titem }} {% endfor %}",
     "032True1 121False32 210False1 "},
    {"{% for x in [] %}x{% else %}none{% endfor %}",
     "none"},
    {"{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
     "b=1;a={'x': [1, 2.5, None, True, 'q\\'\"\\\\\\n']};"},
    {"{% for x in l if x > 1 %}{{ loop.index }}{{ x }}{% else %}-{% endfor %}",
     "1322"},
    {"{% for x in l if x > 9 %}{{ x }}{% else %}-{% endfor %}",
     "-"},
    {"{% for x in range(10) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}",
     "0134"},
    {"{% for a in l %}{% for b in 'xy' %}{{ loop.index }}{{ b }}{{ loop.depth }}{% endfor %}{{ loop.index }} {% endfor %}",
     "1x12y11 1x12y12 1x12y13 "},
    {"{% for x in l %}{{ loop.cycle('a', 'b') }}{% endfor %}",
     "aba"},
    {"{% for x in [1, 1, 2] %}{{ loop.changed(x) }} {% endfor %}",
     "True False True "},
    {"{% set x = 1 %}{% for i in l %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}",
     "2221"},
    {"{% set ns = namespace(x=1) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
     "7"},
    {"{% for c in 'a\303\261' %}[{{ c }}]{% endfor %}",
     "[a][\303\261]"},
    {"{% for x in d %}{{ x }}{% endfor %}{% for x in missing %}{{ x }}{% endfor %}",
     "ba"},
    {"{% for (a, b) in items %}{{ a }}{{ b }}{% endfor %}",
     "k1j2"},
    {"{% for i in range(3) %}{{ i }}{% endfor %} {{ range(1, 4)|list }} {{ range(5, 0, -2)|list }} {{ range(0)|list }}",
     "012 [1, 2, 3] [5, 3, 1] []"},
    {"{% for x in l %}{% set y = x %}{% endfor %}{{ y }}|{{ x }}|",
     "||"},
    {"{% for x in l %}{% if loop.first %}{% set q = x %}{% endif %}{{ q }}{% endfor %}",
     "3"},
    {"{% for m1 in m %}{% if loop.previtem and loop.previtem.role == 'user' %}<{{ m1.role }}>{% endif %}{% endfor %}",
     "<assistant>"},
    {"{% for x in l|map('string') %}{{ loop.last }}{% endfor %}",
     "FalseFalseTrue"},
    {"{% for x in l %}{% set outer = loop %}{% for y in l %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
     "11 12 13 21 22 23 31 32 33 "},
};

static const sample set_samples[] = {
    {"{% set a, b = 1, 2 %}{{ a }}{{ b }}",
     "12"},
    {"{% set a = 1 %}{{ a }}",
     "1"},
    {"{% set x %}a{{ n }}b{% endset %}[{{ x }}]",
     "[a3b]"},
    {"{% set x | upper | trim %} a {% endset %}[{{ x }}]",
     "[A]"},
    {"{% if t %}{% set v = 5 %}{% endif %}{{ v }}",
     "5"},
    {"{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns.c is defined }}",
     "12False"},
    {"{% set ns = namespace() %}{% set ns.q = [1] %}{{ ns.q }}",
     "[1]"},
    {"{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}|",
     "12|"},
    {"{% set a = 1 %}{% with a = 5, b = a %}{{ a }}{{ b }}{% set a = 7 %}{{ a }}{% endwith %}{{ a }}",
     "5171"},
    {"{% filter upper %}a{{ s }}{% endfilter %}",
     "AHELLO WORLD"},
    {"{% filter replace('a', 'b')|upper %}aXa{% endfilter %}",
     "BXB"},
    {"{% generation %}x{% set q = 1 %}{% endgeneration %}{{ q }}|",
     "x|"},
    {"{% set l2 = [] %}{% do l2.append(1) %}{% set _ = l2.append(2) %}{{ l2 }} {{ l2.pop() }} {{ l2 }}",
     "[1, 2] 2 [1]"},
    {"{% set d2 = dict(d, c=3) %}{{ d2.c }}{{ d.c }}| {{ dict([('a', 1)]) }} {{ dict() }}",
     "3| {'a': 1} {}"},
    {"{% set d3 = {'a': 1, 'b': 2} %}{{ d3.pop('a') }}{{ d3 }}{% set _ = d3.update({'z': 1}, y=2) %}{{ d3 }}{{ d3.setdefault"
     "('q', 4) }}{{ d3.copy() == d3 }}",
     "1{'b': 2}{'b': 2, 'z': 1, 'y': 2}4True"},
    {"{% set l3 = [1, 2] %}{% set _ = l3.insert(0, 9) %}{% set _ = l3.extend([7]) %}{{ l3 }}{{ l3.index(7) }}{{ l3.count(1) "
     "}}{% set _ = l3.reverse() %}{{ l3 }}{{ l3.pop(0) }}",
     "[9, 1, 2, 7]31[7, 2, 1, 9]7"},
    {"{% set (a, b) = (1, 2) %}{{ a + b }}",
     "3"},
};

static const sample macros_samples[] = {
    {"{% macro f(a, b=2) %}{{ a }}-{{ b }};{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(b=5, a=4) }}{{ f() }}",
     "1-2;1-3;4-5;-2;"},
    {"{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}",
     "11"},
    {"{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, x=3) }}",
     "(1, 2){'x': 3}"},
    {"{% macro f(x) %}<{{ x }}{{ caller() }}>{% endmacro %}{% call f(1) %}body{{ n }}{% endcall %}",
     "<1body3>"},
    {"{% macro f() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) f() %}{{ a + b }}{% endcall %}",
     "3"},
    {"{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
     "3210"},
    {"{% macro f() %}  x  {% endmacro %}[{{ f()|trim }}]",
     "[x]"},
    {"{% set g = 1 %}{% macro f() %}{{ g }}{% endmacro %}{% set g = 2 %}{{ f() }}",
     "2"},
    {"{% macro f(a) %}{% set a = a + 1 %}{{ a }}{% endmacro %}{{ f(1) }}{{ a }}|",
     "2|"},
    {"{% macro f(a) %}{{ a }}{% endmacro %}{{ f(*[1]) }}{{ f(**{'a': 2}) }}",
     "12"},
    {"{{ f is defined }}{% macro f() %}{% endmacro %}{{ f is defined }}{{ f.name }}",
     "TrueTruef"},
    {"{% macro f(x) -%}\n  {{ x }}\n{%- endmacro %}\n{{ f(1) }}\n{{ f(2) }}\n",
     "1\n2"},
    {"{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}",
     "B"},
};

static const sample dates_samples[] = {
    {"{{ strftime_now('%Y-%m-%d %H:%M:%S') }}",
     "2024-07-26 12:00:00"},
    {"{{ strftime_now('%d %B %Y, %A') }}",
     "26 July 2024, Friday"},
    {"{{ strftime_now('%b %e %a %y %j %I %p %%') }}",
     "Jul 26 Fri 24 208 12 PM %"},
    {"{{ strftime_now('%-d/%-m') }}",
     "26/7"},
    {"{{ strftime_now('x') }}",
     "x"},
};

static void test_whitespace(void **state) {
    (void)state;
    check(whitespace_samples, sizeof whitespace_samples / sizeof *whitespace_samples);
}

static void test_literals(void **state) {
    (void)state;
    check(literals_samples, sizeof literals_samples / sizeof *literals_samples);
}

static void test_arithmetic(void **state) {
    (void)state;
    check(arithmetic_samples, sizeof arithmetic_samples / sizeof *arithmetic_samples);
}

static void test_logic(void **state) {
    (void)state;
    check(logic_samples, sizeof logic_samples / sizeof *logic_samples);
}

static void test_attributes(void **state) {
    (void)state;
    check(attributes_samples, sizeof attributes_samples / sizeof *attributes_samples);
}

static void test_strings(void **state) {
    (void)state;
    check(strings_samples, sizeof strings_samples / sizeof *strings_samples);
}

static void test_filters(void **state) {
    (void)state;
    check(filters_samples, sizeof filters_samples / sizeof *filters_samples);
}

static void test_json(void **state) {
    (void)state;
    check(json_samples, sizeof json_samples / sizeof *json_samples);
}

static void test_tests(void **state) {
    (void)state;
    check(tests_samples, sizeof tests_samples / sizeof *tests_samples);
}

static void test_loops(void **state) {
    (void)state;
    check(loops_samples, sizeof loops_samples / sizeof *loops_samples);
}

static void test_set(void **state) {
    (void)state;
    check(set_samples, sizeof set_samples / sizeof *set_samples);
}

static void test_macros(void **state) {
    (void)state;
    check(macros_samples, sizeof macros_samples / sizeof *macros_samples);
}

static void test_dates(void **state) {
    (void)state;
    check(dates_samples, sizeof dates_samples / sizeof *dates_samples);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whitespace),
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_logic),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_tests),
        cmocka_unit_test(test_loops),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_macros),
        cmocka_unit_test(test_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
