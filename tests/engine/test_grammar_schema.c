/* engine/grammar_schema: JSON that a schema's grammar takes and does not take, and schemas that are refused. What satisfies a schema is the
 * specification's word (JSON Schema 2020-12). */
#include "test.h"

#include "base/alloc.h"
#include "trit/grammar.h"

static const struct {
    const char *schema;
    const char *yes[8], *no[8];
} cases[] = {
    {"{}", {"1", "null", "[1,{\"a\":\"\\u00e4\\n\"}]", "-0.5e+3"}, {"", "01", "[1,]", "{\"a\":\"\\ud800\"}", "tru"}},
    {"true", {"{}"}, {"{"}},
    {"{\"type\":\"object\"}", {"{}", "{\"a\": [1, 2], \"b\":{}}", "{\n  \"a\": 1\n}"}, {"[]", "1", "{a:1}"}},
    {"{\"type\":[\"string\",\"null\"]}", {"null", "\"x\\\"y\""}, {"1", "true"}},
    {"{\"enum\":[\"a\",1,null,{\"x\":[2]}]}", {"\"a\"", "1", "null", "{\"x\":[2]}"}, {"\"b\"", "2"}},
    {"{\"type\":\"string\",\"enum\":[\"a\",1]}", {"\"a\""}, {"1"}},
    {"{\"const\":\"\\u00fc\\n\"}", {"\"\xC3\xBC\\n\""}, {"\"\xC3\xBC\""}},
    {"{\"type\":\"integer\"}", {"0", "-17", "123456"}, {"1.5", "1e3", "--1", "\"1\""}},
    {"{\"type\":\"integer\",\"minimum\":0,\"maximum\":150}", {"0", "9", "99", "100", "149", "150"}, {"-1", "151", "200", "007", "1000"}},
    {"{\"type\":\"integer\",\"minimum\":-120,\"exclusiveMaximum\":-7}", {"-8", "-120", "-99"}, {"-7", "-121", "0", "8"}},
    {"{\"type\":\"integer\",\"minimum\":95}", {"95", "100", "1000000"}, {"94", "0", "-95"}},
    {"{\"type\":\"integer\",\"minimum\":1.5,\"maximum\":3.5}", {"2", "3"}, {"1", "4"}},
    {"{\"type\":\"number\",\"minimum\":0,\"maximum\":1}", {"0", "1", "0.5", "0.123", "1.0"}, {"1.1", "-0.1", "2", "1.05"}},
    {"{\"type\":\"number\",\"exclusiveMinimum\":0.05,\"maximum\":12.5}", {"0.06", "0.061", "12.5", "12.49", "7", "12"}, {"0.05", "12.51", "13", "0", "-1"}},
    {"{\"type\":\"number\",\"maximum\":-2.5}", {"-2.5", "-3", "-2.75", "-100.1"}, {"-2.4", "-2", "0", "2.5"}},
    {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}",
     {"\"ab\"", "\"\xC3\xA4\\n\\u00e4\"", "\"\\ud83d\\ude00x\""}, {"\"a\"", "\"abcd\"", "\"\\ud83dx\""}},
    {"{\"type\":\"string\",\"pattern\":\"^[a-c]+(-\\\\d{2,3})?$\"}", {"\"a\"", "\"abc-12\"", "\"c-123\""}, {"\"d\"", "\"a-1\"", "\"\"", "\"a-12x\""}},
    {"{\"pattern\":\"ab|^c\"}", {"\"xaby\"", "\"ab\"", "\"cx\\u0041\""}, {"\"xc\"", "\"ba\"", "1"}},
    {"{\"pattern\":\"^[^a-y]\\\\.\\\"$\"}", {"\"z.\\\"\"", "\"\\n.\\\"\""}, {"\"a.\\\"\"", "\"zx\\\"\""}},
    {"{\"pattern\":\"^[^\\\\s\\\\d]$\"}", {"\"a\"", "\"-\""}, {"\" \"", "\"7\"", "\"\xE3\x80\x80\"", "\"\xD9\xA3\""}}, /* a wide blank, an Arabic 3 */
    {"{\"format\":\"date\"}", {"\"2024-02-29\"", "\"1999-12-31\""}, {"\"2023-02-29\"", "\"2024-13-01\"", "\"2024-04-31\"", "\"0000-01-01\""}},
    {"{\"format\":\"date-time\"}", {"\"2024-02-29T23:59:59Z\"", "\"1999-12-31T00:00:00.125+01:30\""}, {"\"2024-02-29\"", "\"2024-02-29T24:00:00Z\""}},
    {"{\"format\":\"uuid\"}", {"\"123e4567-e89b-12d3-a456-426614174000\""}, {"\"123e4567\""}},
    {"{\"format\":\"ipv4\"}", {"\"0.10.199.255\""}, {"\"256.1.1.1\"", "\"1.1.1\"", "\"01.1.1.1\""}},
    {"{\"format\":\"email\"}", {"\"a.b@example.org\""}, {"\"a@b\"", "\"@b.c\""}},
    {"{\"type\":\"array\"}", {"[]", "[1, [2], \"x\"]"}, {"{}", "[1 2]"}},
    {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":1,\"maxItems\":3}", {"[1]", "[1, 2, 3]"}, {"[]", "[1,2,3,4]", "[\"x\"]"}},
    {"{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"items\":{\"type\":\"boolean\"}}",
     {"[]", "[1]", "[1,\"x\"]", "[1,\"x\",true,false]"}, {"[\"x\"]", "[1,2]", "[1,\"x\",2]"}},
    {"{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"items\":false,\"minItems\":2}",
     {"[1,\"x\"]"}, {"[1]", "[1,\"x\",2]"}},
    {"{\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"string\"},\"c\":{}},\"required\":[\"b\"]}",
     {"{\"b\":\"x\"}", "{\"a\":1, \"b\":\"x\"}", "{\"b\":\"x\",\"c\":null}", "{ \"a\":1,\"b\":\"x\",\"c\":[] }"},
     {"{}", "{\"a\":1}", "{\"b\":1}", "{\"b\":\"x\",\"d\":1}", "{\"b\":\"x\",}"}},
    {"{\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"string\"}}}",
     {"{}", "{\"a\":1}", "{\"b\":\"\"}", "{\"a\":1,\"b\":\"\"}"}, {"{\"b\":\"\",\"a\":1}", "{,}"}},
    {"{\"properties\":{\"ab\":{\"type\":\"integer\"},\"abc\":{\"type\":\"null\"}},\"additionalProperties\":{\"type\":\"boolean\"}}",
     {"{}", "{\"ab\":1,\"x\":true}", "{\"a\":true,\"abd\":false,\"abcd\":true}", "{\"\":true}"}, {"{\"x\":true,\"ab\":true}", "{\"abc\":true}", "{\"x\":1}"}},
    {"{\"type\":\"object\",\"additionalProperties\":false}", {"{}", "{ }"}, {"{\"a\":1}"}},
    {"{\"type\":\"object\",\"required\":[\"x\"]}", {"{\"x\":1,\"y\":2}"}, {"{}", "{\"y\":2}"}},
    {"{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\",\"maxLength\":1}]}", {"12", "\"x\""}, {"1.5", "\"xy\"", "null"}},
    {"{\"type\":\"integer\",\"anyOf\":[{\"minimum\":10},{\"maximum\":-10}],\"maximum\":20}", {"10", "20", "-10", "-300"}, {"0", "21", "9"}},
    {"{\"allOf\":[{\"minimum\":3},{\"maximum\":5},{\"type\":\"integer\"}]}", {"3", "5"}, {"2", "6", "4.5"}},
    {"{\"allOf\":[{\"properties\":{\"a\":{\"minimum\":3}}},"
     "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"maximum\":4}},\"required\":[\"a\"]}]}",
     {"{\"a\":3}", "{\"a\":4}"}, {"{}", "{\"a\":5}", "{\"a\":2}"}},
    {"{\"oneOf\":[{\"properties\":{\"k\":{\"const\":\"x\"},\"v\":{\"type\":\"integer\"}},\"required\":[\"k\",\"v\"],\"type\":\"object\"},"
     "{\"properties\":{\"k\":{\"const\":\"y\"}},\"required\":[\"k\"],\"type\":\"object\"},{\"type\":\"null\"}]}",
     {"{\"k\":\"x\",\"v\":1}", "{\"k\":\"y\"}", "null"}, {"{\"k\":\"x\"}", "{\"k\":\"z\"}"}},
    {"{\"$defs\":{\"t\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\"},\"kids\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/t\"}}},"
     "\"required\":[\"v\"],\"additionalProperties\":false}},\"$ref\":\"#/$defs/t\"}",
     {"{\"v\":1}", "{\"v\":1,\"kids\":[{\"v\":2,\"kids\":[]},{\"v\":3}]}"}, {"{\"kids\":[]}", "{\"v\":1,\"kids\":[1]}"}},
    {"{\"properties\":{\"a~/b\":{\"type\":\"null\"},\"c\":{\"$ref\":\"#/properties/a~0~1b\"}}}", {"{\"c\":null}"}, {"{\"c\":1}"}},
    {"{\"anyOf\":[{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}},{\"type\":\"integer\"}]}", {"1", "[1,[2,[]]]"}, {"\"x\"", "[\"x\"]"}},
    {"{\"properties\":{\"a\":false,\"b\":{\"type\":\"null\"}}}", {"{}", "{\"b\":null}"}, {"{\"a\":1}"}},
    {"{\"type\":\"integer\",\"format\":\"int64\",\"title\":\"t\",\"description\":\"d\",\"default\":3}", {"3"}, {"\"3\""}},
};

static void answers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trit_error err = {0};
        trit_grammar *g;
        trit_status status = trit_grammar_from_schema(&g, cases[i].schema, strlen(cases[i].schema), NULL, &err);
        if (status != trit_ok) fail_msg("%s: %s", cases[i].schema, err.message);
        for (size_t k = 0; k < 8 && cases[i].yes[k]; k++)
            if (trit_grammar_check(g, cases[i].yes[k], strlen(cases[i].yes[k]), &err) != trit_ok)
                fail_msg("%s does not take %s: %s", cases[i].schema, cases[i].yes[k], err.message);
        for (size_t k = 0; k < 8 && cases[i].no[k]; k++)
            if (trit_grammar_check(g, cases[i].no[k], strlen(cases[i].no[k]), &err) == trit_ok) fail_msg("%s takes %s", cases[i].schema, cases[i].no[k]);
        trit_grammar_free(g);
    }
}

static void refusals(void **state) {
    (void)state;
    static const struct {
        const char *schema, *message;
        bool strict;
    } bad[] = {
        {"{", "schema", false},
        {"3", "neither an object nor true nor false", false},
        {"false", "no value satisfies it", false},
        {"{\"not\":{}}", "#: keyword \"not\" is not supported", false},
        {"{\"properties\":{\"a\":{\"if\":{}}}}", "#/properties/a: keyword \"if\" is not supported", false},
        {"{\"type\":\"array\",\"uniqueItems\":true}", "uniqueItems", false},
        {"{\"type\":\"strin\"}", "type \"strin\" is none of JSON's", false},
        {"{\"type\":\"string\",\"format\":\"phone\"}", "format \"phone\" is not supported", false},
        {"{\"type\":\"string\",\"pattern\":\"(?=a)\"}", "look-around", false},
        {"{\"type\":\"string\",\"pattern\":\"(a\"}", "a group without its end", false},
        {"{\"type\":\"string\",\"pattern\":\"\\\\1\"}", "this escape is not supported", false},
        {"{\"type\":\"string\",\"pattern\":\"a\",\"minLength\":3}", "together with", false},
        {"{\"type\":\"string\",\"minLength\":-1}", "no whole number from 0", false},
        {"{\"type\":\"string\",\"minLength\":70000}", "above 65536", false},
        {"{\"type\":\"string\",\"minLength\":3,\"maxLength\":2}", "has no text", false},
        {"{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", "has no text", false},
        {"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}", "a value may satisfy 0 and 1 both", false},
        {"{\"$ref\":\"#/nowhere\"}", "leads nowhere", false},
        {"{\"$ref\":\"other.json\"}", "only \"#\" and \"#/...\" are supported", false},
        {"{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}", "has no text", false},
        {"{\"enum\":[\"a\"],\"minLength\":2}", "beside keywords other than", false},
        {"{\"type\":\"object\",\"minProperties\":1}", "minProperties", false},
        {"{\"type\":\"object\",\"properties\":{\"a\":{}}}", "strict: property \"a\" is not required", true},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"}},\"required\":[\"a\"]}", "strict: an object without", true},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        trit_error err = {0};
        trit_grammar *g = NULL;
        const trit_schema_opts opts = {.strict = bad[i].strict};
        trit_status status = trit_grammar_from_schema(&g, bad[i].schema, strlen(bad[i].schema), &opts, &err);
        if (status == trit_ok || !strstr(err.message, bad[i].message)) fail_msg("%s: \"%s\" and not \"%s\"", bad[i].schema, err.message, bad[i].message);
    }
}

static void put(trit_text *text, const char *s) {
    assert_true(trit_text_append(text, s, strlen(s)));
}

/* 0 to n - 1, each between the two texts, with commas. */
static void put_many(trit_text *text, int n, const char *before, const char *behind) {
    char one[40];
    for (int i = 0; i < n; i++) {
        snprintf(one, sizeof one, "%s%s%d%s", i ? "," : "", before, i, behind);
        put(text, one);
    }
}

/* What is compared with each other costs the square of its number: long lists pass, and too many comparisons are refused. */
static void long_schemas_are_read_or_refused(void **state) {
    (void)state;
    static const struct {
        int n_values, n_more, n_properties;
        bool refused;
    } sizes[] = {{20000, 0, 0, false}, {500, 500, 0, false}, {4000, 4000, 0, true}, {0, 0, 1500, false}, {0, 0, 8000, true}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        trit_error err = {0};
        trit_grammar *g = NULL;
        trit_text text = {0};
        if (sizes[i].n_properties) {
            put(&text, "{\"properties\":{");
            put_many(&text, sizes[i].n_properties, "\"p", "\":{}");
            put(&text, "}}");
        } else {
            put(&text, sizes[i].n_more ? "{\"allOf\":[{\"enum\":[" : "{\"enum\":[");
            put_many(&text, sizes[i].n_values, "\"a", "\"");
            if (sizes[i].n_more) put(&text, "]},{\"enum\":[\"a1\",");
            put_many(&text, sizes[i].n_more, "\"b", "\"");
            put(&text, sizes[i].n_more ? "]}]}" : "]}");
        }
        trit_status status = trit_grammar_from_schema(&g, text.data, text.n, NULL, &err);
        assert_int_equal(status, sizes[i].refused ? trit_unsupported : trit_ok);
        if (sizes[i].refused) assert_non_null(strstr(err.message, "too many names and values to compare"));
        else trit_grammar_free(g);
        trit_text_fini(&text);
    }
}

/* Bounds that have few numbers, against counting. */
static void whole_numbers_between(void **state) {
    (void)state;
    uint32_t seed = 3;
    for (int round = 0; round < 60; round++) {
        trit_error err = {0};
        trit_grammar *g;
        char schema[100], text[20];
        int spread = round % 3 == 0 ? 20 : round % 3 == 1 ? 300 : 2000;
        int low = (int)(test_lcg(&seed) % (uint32_t)(2 * spread)) - spread, high = low + (int)(test_lcg(&seed) % (uint32_t)spread);
        snprintf(schema, sizeof schema, "{\"type\":\"integer\",\"minimum\":%d,\"maximum\":%d}", low, high);
        assert_ok(trit_grammar_from_schema(&g, schema, strlen(schema), NULL, &err));
        for (int k = 0; k < 40; k++) {
            int x = k < 4 ? (k & 1 ? low : high) + k / 2 * 2 - 1 + (k < 2) : (int)(test_lcg(&seed) % (uint32_t)(4 * spread)) - 2 * spread;
            snprintf(text, sizeof text, "%d", x);
            if ((trit_grammar_check(g, text, strlen(text), &err) == trit_ok) != (low <= x && x <= high)) fail_msg("%s: %d", schema, x);
        }
        trit_grammar_free(g);
    }
}

/* GBNF around the values of two schemas, one of which refers to itself, and of JSON's own rules. */
static void parts(void **state) {
    (void)state;
    static const char text[] = "root ::= \"<\" tree \">\" | \"[\" size \"]\" number?";
    static const char tree[] = "{\"type\": \"object\", \"properties\": {\"next\": {\"$ref\": \"#\"}}, \"additionalProperties\": false}";
    static const char size[] = "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 20}";
    static const trit_grammar_value values[] = {{"tree", tree, sizeof tree - 1, false}, {"size", size, sizeof size - 1, false}, {"unused", "x", 1, false}};
    static const char *const yes[] = {"<{}>", "<{\"next\": {\"next\": {}}}>", "[20]", "[7]-1.5"};
    static const char *const no[] = {"<7>", "[21]", "<{\"next\": 1}>", "{}", "[7]x"};
    trit_grammar *grammar;
    trit_error err = {0};
    assert_ok(trit_grammar_from_parts(&grammar, text, sizeof text - 1, values, 3, &err));
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) assert_ok(trit_grammar_check(grammar, yes[i], strlen(yes[i]), &err));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) assert_int_equal(trit_grammar_check(grammar, no[i], strlen(no[i]), &err), trit_format);
    trit_grammar_free(grammar);
}

static void parts_that_do_not_fit(void **state) {
    (void)state;
    static const struct {
        const char *text, *schema;
        trit_status status;
        const char *word;
    } broken[] = {
        {"root ::= a", "{", trit_format, "schema"},          {"root ::= a b", "{}", trit_format, "\"b\""},
        {"root ::= a\na ::= \"x\"", "{}", trit_format, "\"a\""}, {"a ::= \"x\"", "{}", trit_format, "root"},
        {"root ::= a", "{\"not\": {}}", trit_unsupported, "not"}, {"root ::= a", "false", trit_format, "false"},
        {"root ::= a\nvalue ::= \"x\"", "{}", trit_format, "second rule"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        const trit_grammar_value value = {"a", broken[i].schema, strlen(broken[i].schema), false};
        trit_grammar *grammar;
        trit_error err = {0};
        assert_int_equal(trit_grammar_from_parts(&grammar, broken[i].text, strlen(broken[i].text), &value, 1, &err), broken[i].status);
        if (!strstr(err.message, broken[i].word)) fail_msg("%s: %s", broken[i].text, err.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers), cmocka_unit_test(refusals),
                                       cmocka_unit_test(long_schemas_are_read_or_refused), cmocka_unit_test(whole_numbers_between), cmocka_unit_test(parts),
                                       cmocka_unit_test(parts_that_do_not_fit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
