/* engine/grammar: GBNF, the texts that a grammar takes, and the masks over a vocabulary beside a search that tries every token. */
#include "test.h"


#include "../text/tiny.h"
#include "base/alloc.h"
#include "engine/grammar.h"

static const char json[] = "root ::= object\n"
                           "value ::= object | array | string | number | (\"true\" | \"false\" | \"null\") ws\n"
                           "object ::= \"{\" ws ( string \":\" ws value (\",\" ws string \":\" ws value)* )? \"}\" ws\n"
                           "array ::= \"[\" ws ( value (\",\" ws value)* )? \"]\" ws\n"
                           "string ::= \"\\\"\" ( [^\"\\\\\\x7F\\x00-\\x1F] | \"\\\\\" ([\"\\\\bfnrt] | \"u\" [0-9a-fA-F]{4}) )* \"\\\"\" ws\n"
                           "number ::= (\"-\"? ([0-9] | [1-9] [0-9]{0,15})) (\".\" [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws\n"
                           "ws ::= | \" \" | \"\\n\" [ \\t]{0,20}\n";

static trit_grammar *compile(const char *text) {
    trit_error err;
    trit_grammar *g;
    assert_ok(trit_grammar_from_gbnf(&g, text, strlen(text), &err));
    return g;
}

/* Texts of a grammar, and others: the byte where those cannot go on, or their length where they end too early. */
static void texts(void **state) {
    (void)state;
    static const struct {
        const char *grammar, *text;
        int stops; /* -1: the text is one of the grammar's */
    } cases[] = {
        {"root ::= \"yes\" | \"no\"", "yes", -1},
        {"root ::= \"yes\" | \"no\"", "no", -1},
        {"root ::= \"yes\" | \"no\"", "nope", 2},
        {"root ::= \"yes\" | \"no\"", "ye", 2},
        {"root ::= a* \"b\"\na ::= \"a\"", "aaab", -1},
        {"root ::= [a-c]{2,3} [^a-c]", "abx", -1},
        {"root ::= [a-c]{2,3} [^a-c]", "abca", 3},
        {"root ::= [a-c]{2,3} [^a-c]", "ax", 1},
        {"root ::= \"x\"{,2}", "xx", -1},
        {"root ::= \"x\"{,2}", "xxx", 2},
        {"root ::= \"x\"{3}", "xx", 2},
        {"root ::= \"x\"{2,}", "xxxxx", -1},
        {"root ::= \"x\"??????????", "", -1},
        {"root ::= \"x\"+ | \"y\"?", "", -1},
        {"root ::= (\"a\" | \"b\" \"c\")* # a comment\n", "abcbca", -1},
        {"root ::= [\xC3\xA4-\xC3\xBC]", "\xC3\xB6", -1},
        {"root ::= [\xC3\xA4-\xC3\xBC]", "\xC3\xBD", 1},
        {"root ::= [\\u00e4-\\U0001F600]", "\xE2\x82\xAC", -1},
        {"root ::= [\\u00e4-\\U0001F600]", "\xF0\x9F\x98\x80", -1},
        {"root ::= [\\u00e4-\\U0001F600]", "\xF0\x9F\x98\x81", 3},
        {"root ::= \"\\x41\\xE9\"", "A\xC3\xA9", -1},
        {"root ::= .", "\xF4\x8F\xBF\xBF", -1},
        {"root ::= .", "\xF4\x90\x80\x80", 1},
        {"root ::= .", "\xED\xA0\x80", 1},
        {"root ::= [^\\n]", "\n", 0},
        {"root ::= [a-] [\\]^]", "-^", -1},
        {"root ::= \"a\" []*", "a", -1},
        {"root ::= \"a\" []*", "aa", 1},
        {"root ::= s\ns ::= \"(\" s \")\" s |", "(()())()", -1},
        {"root ::= s\ns ::= \"(\" s \")\" s |", "(()", 3},
        {"root ::= s\ns ::= \"(\" s \")\" s |", "())", 2},
        {"root ::=\n  \"a\"\n  | \"b\"\n  | (\n \"c\"\n \"d\"\n)\n\n", "cd", -1},
        {"root ::= a a\na ::= b b\nb ::= \"x\"?", "xxxx", -1},
        {"root ::= a a\na ::= b b\nb ::= \"x\"?", "xxxxx", 4},
        {"root ::= e\ne ::= t (\"+\" t)*\nt ::= [0-9]+ | \"(\" e \")\"", "1+(2+33)+4", -1},
        {"root ::= a | b\na ::= \"x\" a \"1\" | \"x1\"\nb ::= \"x\" b \"2\" | \"x2\"", "xxx222", -1},
        {"root ::= a | b\na ::= \"x\" a \"1\" | \"x1\"\nb ::= \"x\" b \"2\" | \"x2\"", "xxx221", 5},
        {json, "{\"a\": [1, -2.5e3, {\"b\": null}], \"\xC3\xBC\": \"\\u00e4\\n\"}", -1},
        {json, "{\"a\": 01}", 7},
        {json, "{\"a\": 1,}", 8},
        {json, "{\"a\": \"\n\"}", 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trit_error err = {0};
        trit_grammar *g = compile(cases[i].grammar);
        trit_guide *guide;
        size_t at = 0, n = strlen(cases[i].text);
        assert_ok(trit_guide_new(&guide, g, NULL, &err));
        int stops = !trit_guide_move(guide, cases[i].text, n, &at) ? (int)at : trit_guide_may_end(guide) ? -1 : (int)n;
        if (stops != cases[i].stops) fail_msg("%s\n%s: stops at %d, not %d", cases[i].grammar, cases[i].text, stops, cases[i].stops);
        assert_int_equal(trit_grammar_check(g, cases[i].text, n, &err), stops < 0 ? trit_ok : trit_format);
        trit_guide_free(guide);
        trit_grammar_free(g);
    }
}

static void refusals(void **state) {
    (void)state;
    static const struct {
        const char *grammar, *message;
    } cases[] = {
        {"", "there is no rule \"root\""},
        {"a ::= \"x\"", "there is no rule \"root\""},
        {"root ::= a", "rule \"a\" (line 1) is not defined"},
        {"root ::= a\n\na ::= a \"x\" | \"y\"", "rule \"a\" (line 3) begins with itself"},
        {"root ::= a\na ::= b \"x\"\nb ::= \"z\"? a | \"y\"", "begins with itself"},
        {"root ::= (root \"x\" | \"y\"){2}", "rule \"root\" (line 1) begins with itself"},
        {"root ::= \"x\" root", "rule \"root\" (line 1) has no text"},
        {"root ::= []", "rule \"root\" (line 1) has no text"},
        {"root ::= \"x", "line 1: a text or class without its end"},
        {"root ::= \"x\"\nroot ::= \"y\"", "line 2: a second rule of this name"},
        {"root ::= [z-a]", "a range of characters that runs backwards"},
        {"root ::= \"\\q\"", "an unknown escape"},
        {"root ::= \"\\ud800\"", "no Unicode character"},
        {"root ::= \"\xFF\"", "not UTF-8"},
        {"root ::= \"x\"{3,2}", "m above n"},
        {"root ::= \"x\"{70000}", "more than 65536 times"},
        {"root ::= (\"x\"", "a parenthesis without its end"},
        {"root ::= \"x\" )", "begins nothing"},
        {"root = \"x\"", "\"::=\" is wanted"},
        {"root ::= <think>", "a token is named by its number"},
        {"root ::= <[16777216]>", "a token above 16777215"},
        {"root ::= !<[1]>", "is not supported"},
        {"root ::= \"a\"???????????", "line 1: more than 10 repetitions behind one item"},
        {"root ::= (((((\"x\"{9999}){9999}){9999}){9999}){9999}){9999}", "no text shorter than a gigabyte"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trit_error err = {0};
        trit_grammar *g = NULL;
        assert_int_not_equal(trit_grammar_from_gbnf(&g, cases[i].grammar, strlen(cases[i].grammar), &err), trit_ok);
        if (!strstr(err.message, cases[i].message)) fail_msg("%s: \"%s\" and not \"%s\"", cases[i].grammar, err.message, cases[i].message);
        assert_null(g);
    }
}

/* Texts of any size come from the network. */
static void large_texts_are_refused(void **state) {
    (void)state;
    enum { n = 300000 };
    trit_error err = {0};
    trit_grammar *g = NULL;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, '?', n);
    memcpy(text, "root ::= \"a\"", 12);
    assert_int_equal(trit_grammar_from_gbnf(&g, text, n, &err), trit_unsupported);
    assert_non_null(strstr(err.message, "300000 bytes are more than 262144"));
    assert_int_equal(trit_grammar_from_schema(&g, text, n, NULL, &err), trit_unsupported);
    assert_int_equal(trit_grammar_from_gbnf(&g, text, n / 2, &err), trit_format);
    assert_non_null(strstr(err.message, "more than 10 repetitions"));
    assert_null(g);
    free(text);
}

/* Grammars in which the ways to read a text double with each byte, or parentheses could go on forever. */
static void nothing_explodes(void **state) {
    (void)state;
    trit_error err;
    static char text[20001];
    memset(text, 'x', 20000);
    static const char *const grammars[] = {
        "root ::= s\ns ::= \"x\" s \"a\" | \"x\" s \"b\" | \"x\"",
        "root ::= (a | b | \"xx\")*\na ::= \"x\" | \"x\" b\nb ::= \"x\" | \"x\" a",
        "root ::= (\"x\"* \"x\"*)* (\"x\"? \"x\"?){1000} \"x\"*",
        "root ::= l\nl ::= \"x\" l | \"x\" | l2\nl2 ::= \"x\" l2 | \"x\"",
    };
    for (size_t i = 0; i < sizeof grammars / sizeof grammars[0]; i++) {
        trit_grammar *g = compile(grammars[i]);
        size_t n = i == 0 ? 999 : i == 2 ? 3000 : 20000;
        for (size_t k = 500; k < 999; k++) text[k] = i ? 'x' : k % 3 ? 'a' : 'b';
        trit_status status = trit_grammar_check(g, text, n, &err);
        if (status != trit_ok) fail_msg("%s: %s", grammars[i], err.message);
        trit_grammar_free(g);
    }
    trit_grammar *g = compile("root ::= \"(\" root \")\" | \"x\"");
    memset(text, '(', 20000);
    assert_int_equal(trit_grammar_check(g, text, 20000, &err), trit_format); /* the bound on nesting */
    assert_non_null(strstr(err.message, "at byte 512"));
    trit_grammar_free(g);
}

/* ---- Masks ---- */

static bool allowed_by_trying(const trit_grammar *g, const trit_tokenizer *t, const char *before, size_t n_before, int32_t id) {
    trit_error err;
    trit_guide *guide;
    size_t at;
    trit_str text = trit_tokenizer_token_text(t, id);
    assert_ok(trit_guide_new(&guide, g, NULL, &err));
    assert_true(trit_guide_move(guide, before, n_before, &at));
    bool ok = trit_tokenizer_is_eog(t, id) ? trit_guide_may_end(guide) : text.n && trit_guide_move(guide, text.p, text.n, &at);
    trit_guide_free(guide);
    return ok;
}

/* Random walks: at every step a token is allowed just when its bytes are: those of several bytes, and one in eight of the others. */
static void masks(void **state) {
    (void)state;
    trit_error err;
    static tiny_vocab vocab;
    trit_tokenizer *t;
    trit_token_tree *tree;
    static const char *const grammars[] = {
        json,
        "root ::= (\"he\" | \"hell\" | \"hello world\")+ \" the\"?",
        "root ::= [\xC3\xA4-\xC3\xBC]{3} \"123\"{0,3} .*",
        "root ::= [0-9A-Za-z]{3} [^\\x00-\\x20]{0,4} \"-\" .{2,5} \"\\n\"",
        "root ::= .{0,9} | [a-z ]{4,30} \"123\" | ([^a] .)* \"hell\"",
    };
    uint32_t seed = 1;
    tiny_byte_level(&vocab);
    assert_ok(trit_tokenizer_from_vocab(&t, &vocab.desc, &err));
    assert_ok(trit_token_tree_new(&tree, t, &err));
    for (size_t i = 0; i < sizeof grammars / sizeof grammars[0]; i++) {
        trit_grammar *g = compile(grammars[i]);
        trit_guide *guide;
        char text[2000];
        size_t n = 0;
        assert_ok(trit_guide_new(&guide, g, tree, &err));
        for (int k = 0; k < 30 && !trit_guide_must_end(guide); k++) {
            float logits[tiny_max] = {0};
            int32_t ok[tiny_max], n_ok = 0;
            assert_true(trit_guide_mask(guide, logits, tiny_max, 1000, false));
            for (int32_t id = 0; id < tiny_max; id++) {
                if (id < 256 && id % 8 != k % 8) {
                    if (logits[id] == 0) ok[n_ok++] = id;
                    continue;
                }
                bool by_trying = id < (int32_t)trit_tokenizer_size(t) && allowed_by_trying(g, t, text, n, id);
                if ((logits[id] == 0) != by_trying) fail_msg("grammar %zu, behind \"%.*s\": token %d", i, (int)n, text, id);
                if (by_trying && !trit_tokenizer_is_eog(t, id)) ok[n_ok++] = id;
            }
            if (!n_ok) break;
            int32_t id = ok[test_lcg(&seed) % (uint32_t)n_ok];
            trit_str added = trit_tokenizer_token_text(t, id);
            assert_true(trit_guide_take(guide, id));
            memcpy(text + n, added.p, added.n);
            n += added.n;
        }
        trit_guide_free(guide);
        trit_grammar_free(g);
    }
    trit_token_tree_free(tree);
    trit_tokenizer_close(t);
}

/* A token that is named may stand where it is named and nowhere else; one that was added stands for its spelling, too. */
static void named_tokens(void **state) {
    (void)state;
    enum { begin = 256, he = 259, added = 276 };
    static const struct {
        const char *grammar;
        int32_t way[4], allowed, refused; /* behind `way`; -1: nothing */
    } cases[] = {
        {"root ::= \"he\" <[256]> \"the\"", {-1}, he, begin},
        {"root ::= \"he\" <[256]> \"the\"", {he, -1}, begin, 't'},
        {"root ::= \"he\" <[256]> \"the\"", {he, begin, -1}, 't', begin},
        {"root ::= (<[256]> | <[276]>)+", {begin, added, begin, -1}, added, '<'},
        {"root ::= <[276]> \"a\"", {-1}, added, '<'},
        {"root ::= <[276]> \"a\"", {added, -1}, 'a', added},
        {"root ::= \"<mark>a\"", {-1}, added, begin},
        {"root ::= \"<mark>a\"", {added, -1}, 'a', added},
        {"root ::= \"<mark>\" \"a\" | <[276]> \"b\"", {added, -1}, 'a', 'b'},
        {"root ::= .{9}", {-1}, added, begin},
    };
    trit_error err;
    static tiny_vocab vocab;
    trit_tokenizer *t;
    trit_token_tree *tree;
    tiny_byte_level(&vocab);
    tiny_add(&vocab, "<mark>", trit_token_user_defined, 0);
    assert_string_equal(vocab.spelled[added], "<mark>");
    assert_ok(trit_tokenizer_from_vocab(&t, &vocab.desc, &err));
    assert_ok(trit_token_tree_new(&tree, t, &err));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trit_grammar *g = compile(cases[i].grammar);
        trit_guide *guide;
        float logits[tiny_max] = {0};
        assert_ok(trit_guide_new(&guide, g, tree, &err));
        for (int k = 0; cases[i].way[k] >= 0; k++) {
            assert_true(trit_guide_mask(guide, logits, tiny_max, 1000, false));
            assert_true(trit_guide_take(guide, cases[i].way[k]));
            memset(logits, 0, sizeof logits);
        }
        assert_true(trit_guide_mask(guide, logits, tiny_max, 1000, false));
        if (logits[cases[i].allowed] != 0 || logits[cases[i].refused] == 0) fail_msg("case %zu", i);
        trit_guide_free(guide);
        trit_grammar_free(g);
    }
    trit_token_tree_free(tree);
    trit_tokenizer_close(t);
}

/* A token that cannot be named is told before an answer begins, wherever in the grammar it stands. */
static void tokens_without_names(void **state) {
    (void)state;
    static const struct {
        const char *grammar, *message;
    } cases[] = {
        {"root ::= <[5]>", "grammar: token 5 is neither special nor added"},
        {"root ::= \"a\" | ([0-9] <[275]>){2,3}", "grammar: token 275 is neither special nor added"},
        {"root ::= <[257]>", "grammar: token 257 ends an answer and cannot stand in it"},
        {"root ::= <[276]>* <[277]>", "grammar: token 277 is outside of the vocabulary of 277"},
        {"root ::= <[16777215]>", "grammar: token 16777215 is outside of the vocabulary of 277"},
    };
    trit_error err;
    static tiny_vocab vocab;
    trit_tokenizer *t;
    trit_token_tree *tree;
    tiny_byte_level(&vocab);
    tiny_add(&vocab, "<mark>", trit_token_user_defined, 0);
    assert_ok(trit_tokenizer_from_vocab(&t, &vocab.desc, &err));
    assert_ok(trit_token_tree_new(&tree, t, &err));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trit_grammar *g = compile(cases[i].grammar);
        trit_guide *guide;
        const trit_status status = trit_guide_new(&guide, g, tree, &err);
        if (status == trit_ok) fail_msg("case %zu is taken", i);
        assert_int_equal(status, trit_format);
        assert_string_equal(err.message, cases[i].message);
        trit_grammar_free(g);
    }
    trit_token_tree_free(tree);
    trit_tokenizer_close(t);
}

/* A random choice among what the mask leaves, with so few tokens that the text must hurry: it is whole in the end. */
static void room_suffices(void **state) {
    (void)state;
    trit_error err;
    static tiny_vocab vocab;
    trit_tokenizer *t;
    trit_token_tree *tree;
    trit_grammar *g = compile(json);
    uint32_t seed = 7;
    tiny_byte_level(&vocab);
    assert_ok(trit_tokenizer_from_vocab(&t, &vocab.desc, &err));
    assert_ok(trit_token_tree_new(&tree, t, &err));
    for (int round = 0; round < 200; round++) {
        trit_guide *guide;
        assert_ok(trit_guide_new(&guide, g, tree, &err));
        for (uint32_t room = 2 + (uint32_t)round % 40; room && !trit_guide_must_end(guide); room--) {
            float logits[tiny_max] = {0};
            assert_true(trit_guide_mask(guide, logits, tiny_max, room, true));
            int32_t id = (int32_t)(test_lcg(&seed) % tiny_max), n_tried = 0;
            while (logits[id] < 0 && n_tried++ < tiny_max) id = (id + 1) % tiny_max;
            if (logits[id] < 0) break; /* nothing more, and the end tokens were left out */
            assert_true(trit_guide_take(guide, id));
        }
        assert_true(trit_guide_may_end(guide));
        trit_guide_free(guide);
    }
    trit_grammar_free(g);
    trit_token_tree_free(tree);
    trit_tokenizer_close(t);
}

/* Where one token would lead to more readings than are kept, it is not left out in silence. */
static void too_many_readings_are_an_error(void **state) {
    (void)state;
    trit_error err;
    static tiny_vocab vocab;
    trit_tokenizer *t;
    trit_token_tree *tree;
    trit_guide *guide;
    float logits[tiny_max] = {0};
    size_t at;
    trit_grammar *g = compile("root ::= \"y\" | \"x\" ([a-y]? [b-z]?){0,40000}");
    tiny_byte_level(&vocab);
    assert_ok(trit_tokenizer_from_vocab(&t, &vocab.desc, &err));
    assert_ok(trit_token_tree_new(&tree, t, &err));
    assert_ok(trit_guide_new(&guide, g, tree, &err));
    assert_false(trit_guide_is_full(guide));
    assert_false(trit_guide_mask(guide, logits, tiny_max, 1000, false));
    assert_true(trit_guide_is_full(guide));
    assert_true(trit_guide_move(guide, "y", 1, &at) && trit_guide_may_end(guide)); /* what is readable stays so */
    assert_int_equal(trit_grammar_check(g, "xa", 2, &err), trit_fail);
    assert_ok(trit_grammar_check(g, "y", 1, &err));
    trit_guide_free(guide);
    trit_grammar_free(g);
    trit_token_tree_free(tree);
    trit_tokenizer_close(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts), cmocka_unit_test(refusals), cmocka_unit_test(large_texts_are_refused), cmocka_unit_test(nothing_explodes),
        cmocka_unit_test(masks), cmocka_unit_test(named_tokens), cmocka_unit_test(tokens_without_names), cmocka_unit_test(room_suffices),
        cmocka_unit_test(too_many_readings_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
