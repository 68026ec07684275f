/* Keys of a training run: defaults, texts, files, what is refused and in which words, and what keys say together. */
#include "test.h"

#include "base/str.h"
#include "train/config.h"

static trit_error err;
static trit_train_config *config;

static int begin(void **state) {
    (void)state;
    return trit_train_config_new(&config, &err) != trit_ok;
}

static int end(void **state) {
    (void)state;
    trit_train_config_free(config);
    return 0;
}

static void refuses(const char *key, const char *text, const char *words) {
    assert_int_equal(trit_train_config_set(config, key, text, &err), trit_arg);
    if (!strstr(err.message, words)) fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

static trit_status read_json(const char *text) {
    trit_json *doc = NULL;
    assert_ok(trit_json_parse(&doc, text, strlen(text), "run.json", &err));
    const trit_status status = trit_train_config_from_json(config, doc, true, "run.json", &err);
    trit_json_free(doc);
    return status;
}

static void refuses_json(const char *text, const char *words) {
    assert_int_equal(read_json(text), trit_format);
    if (!strstr(err.message, words)) fail_msg("\"%s\" does not say \"%s\"", err.message, words);
    assert_non_null(strstr(err.message, "run.json"));
}

static void defaults(void **state) {
    (void)state;
    assert_string_equal(config->architecture, "bitnet");
    assert_string_equal(config->weight_type, "ternary");
    assert_string_equal(config->init, "");
    assert_int_equal(config->data.n, 0);
    assert_true(config->tied);
    for (size_t i = 0; i < trit_train_n_keys; i++) assert_false(config->is_set[i]);
    assert_ok(trit_train_config_settle(config, &err));
    assert_int_equal(config->steps, 1000);
    assert_int_equal(config->ff_dim, 768); /* 8/3 of 256 is 682.7 */
    assert_int_equal(config->n_kv_heads, config->n_heads);
    assert_int_equal(config->seq_len, config->context);
    assert_int_equal(config->micro_rows, config->batch_rows);
}

static void texts(void **state) {
    (void)state;
    assert_ok(trit_train_config_set(config, "n_layers", "12", &err));
    assert_ok(trit_train_config_set(config, "lr", "1.5e-3", &err));
    assert_ok(trit_train_config_set(config, "tied", "no", &err));
    assert_ok(trit_train_config_set(config, "optimizer", "muon", &err));
    assert_ok(trit_train_config_set(config, "data", "a.txt", &err));
    assert_ok(trit_train_config_set(config, "data", "b.txt", &err));
    assert_int_equal(config->n_layers, 12);
    assert_true(config->lr == 1.5e-3);
    assert_false(config->tied);
    assert_true(trit_train_is(config->optimizer, "muon"));
    assert_int_equal(config->data.n, 2);
    assert_string_equal(config->data.item[1], "b.txt");
    assert_true(config->is_set[trit_train_key_data]);
    assert_ok(trit_train_config_set(config, "data", NULL, &err));
    assert_ok(trit_train_config_set(config, "optimizer", NULL, &err));
    assert_int_equal(config->data.n, 0);
    assert_string_equal(config->optimizer, "adamw");
    assert_false(config->is_set[trit_train_key_data]);
}

static void refusals(void **state) {
    (void)state;
    refuses("n_layer", "4", "unknown key \"n_layer\" (did you mean \"n_layers\"?)");
    refuses("wieght_decay", "0", "did you mean \"weight_decay\"?");
    refuses("zzz", "4", "unknown key \"zzz\"");
    refuses("", "4", "unknown key \"\"");
    refuses("n_layers", "four", "n_layers: \"four\" is not a whole number");
    refuses("n_layers", "4.5", "not a whole number");
    refuses("n_layers", "0", "n_layers: 0 is outside 1 to 1024");
    refuses("lr", "nan", "lr: \"nan\" is not a number");
    refuses("lr", "-1", "lr: -1 is outside 0 to 1000");
    refuses("tied", "maybe", "tied: \"maybe\" is none of yes|no");
    refuses("optimizer", "lion", "optimizer: \"lion\" is none of adamw|adam|sgd|muon");
    refuses("optimizer", "adam|", "is none of");
    assert_string_equal(config->optimizer, "adamw");
}

static void json(void **state) {
    (void)state;
    assert_int_equal(read_json("{\"n_layers\": 3, \"lr\": 1, \"tied\": false, \"data\": [\"x\", \"y\"], \"tokenizer\": \"byte\"}"), trit_ok);
    assert_int_equal(config->n_layers, 3);
    assert_true(config->lr == 1);
    assert_false(config->tied);
    assert_int_equal(config->data.n, 2);
    assert_int_equal(read_json("{\"data\": [\"z\"]}"), trit_ok);
    assert_int_equal(config->data.n, 1);
    refuses_json("{\"steps\": 5, \"batch_row\": 3}", "unknown key \"batch_row\" (did you mean \"batch_rows\"?)");
    assert_int_equal(config->steps, 5);
    refuses_json("{\"n_layers\": \"3\"}", "n_layers: a whole number was expected");
    refuses_json("{\"n_layers\": 3.5}", "n_layers: a whole number was expected");
    refuses_json("{\"n_layers\": 100000}", "n_layers: 100000 is outside 1 to 1024");
    refuses_json("{\"lr\": \"high\"}", "lr: a number was expected");
    refuses_json("{\"tied\": 1}", "tied: true or false was expected");
    refuses_json("{\"data\": \"x\"}", "data: a list of texts was expected");
    refuses_json("{\"data\": [1]}", "data: a list of texts was expected");
    refuses_json("{\"tokenizer\": null}", "tokenizer: a text was expected");
    refuses_json("{\"tokenizer\": \"a\\u0000b\"}", "tokenizer: a text with a zero byte");
    refuses_json("[]", "no JSON object");
    assert_int_equal(trit_train_config_read(config, "/nowhere/run.json", &err), trit_io);
}

/* What is written is read back as the same configuration. */
static void there_and_back(void **state) {
    (void)state;
    trit_text first = {0}, second = {0};
    assert_ok(trit_train_config_set(config, "data", "a \"b\".txt", &err));
    assert_ok(trit_train_config_set(config, "data", "c.txt", &err));
    assert_ok(trit_train_config_set(config, "lr", "0.1", &err));
    assert_ok(trit_train_config_set(config, "seed", "9007199254740991", &err));
    assert_ok(trit_train_config_to_json(&first, config, &err));
    trit_train_config *copy = NULL;
    assert_ok(trit_train_config_copy(&copy, config, &err));
    trit_train_config_free(config);
    assert_ok(trit_train_config_new(&config, &err));
    assert_int_equal(read_json(first.data), trit_ok);
    assert_int_equal(config->seed, 9007199254740991);
    assert_ok(trit_train_config_to_json(&second, config, &err));
    assert_string_equal(first.data, second.data);
    second.n = 0;
    assert_ok(trit_train_config_to_json(&second, copy, &err));
    assert_string_equal(first.data, second.data);
    trit_train_config_free(copy);
    trit_text_fini(&first);
    trit_text_fini(&second);
}

static void is_told(const char *key, const char *value) {
    trit_text text = {0};
    assert_ok(trit_train_config_get(&text, config, key, &err));
    assert_string_equal(text.data, value);
    trit_text_fini(&text);
}

static void values(void **state) {
    (void)state;
    trit_text text = {0};
    assert_ok(trit_train_config_set(config, "data", "a.txt", &err));
    assert_ok(trit_train_config_set(config, "data", "b.txt", &err));
    is_told("n_layers", "4");
    is_told("lr", "0.003");
    is_told("tied", "yes");
    is_told("init", "");
    is_told("validation", "");
    is_told("data", "a.txt, b.txt");
    is_told("optimizer", "adamw");
    assert_int_equal(trit_train_config_get(&text, config, "datum", &err), trit_arg);
    trit_text_fini(&text);
}

static void contradicts(const char *key, const char *text, const char *words) {
    trit_train_config *c = NULL;
    assert_ok(trit_train_config_copy(&c, config, &err));
    assert_ok(trit_train_config_set(c, key, text, &err));
    assert_int_equal(trit_train_config_settle(c, &err), trit_arg);
    if (!strstr(err.message, words)) fail_msg("\"%s\" does not say \"%s\"", err.message, words);
    trit_train_config_free(c);
}

static void contradictions(void **state) {
    (void)state;
    contradicts("n_heads", "3", "n_heads: 3 does not divide dim, 256");
    contradicts("n_heads", "256", "n_heads: 256 heads are 1 wide each");
    contradicts("n_kv_heads", "3", "n_kv_heads: 3 does not divide n_heads, 4");
    contradicts("micro_rows", "5", "micro_rows: 5 does not divide batch_rows, 16");
    assert_ok(trit_train_config_set(config, "steps", "10", &err));
    contradicts("epochs", "2", "one of them");
}

/* A run that goes on keeps its model, data, optimizer and seed, whether it was told them or chose them; the rest may change. */
static void changes(void **state) {
    (void)state;
    trit_train_config *settled = NULL;
    assert_ok(trit_train_config_copy(&settled, config, &err));
    assert_ok(trit_train_config_settle(settled, &err));
    static const char *const fixed[][2] = {{"dim", "128"}, {"data", "x"}, {"optimizer", "sgd"}, {"seed", "2"}, {"seq_len", "128"}};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        trit_train_config *c = NULL;
        assert_ok(trit_train_config_new(&c, &err));
        assert_ok(trit_train_config_set(c, fixed[i][0], fixed[i][1], &err));
        assert_int_equal(trit_train_config_change(config, settled, c, &err), trit_arg);
        assert_true(strstr(err.message, fixed[i][0]) == err.message);
        trit_train_config_free(c);
    }
    trit_train_config *c = NULL;
    assert_ok(trit_train_config_new(&c, &err));
    assert_ok(trit_train_config_set(c, "steps", "77", &err));
    assert_ok(trit_train_config_set(c, "dim", "256", &err)); /* what it is anyway */
    assert_ok(trit_train_config_set(c, "seq_len", "256", &err));
    assert_ok(trit_train_config_set(c, "ff_dim", "768", &err));
    assert_ok(trit_train_config_set(c, "output", "elsewhere", &err));
    assert_ok(trit_train_config_set(config, "lr", "0.5", &err));
    assert_ok(trit_train_config_change(config, settled, c, &err));
    assert_int_equal(config->steps, 77);
    assert_string_equal(config->output, "elsewhere");
    assert_true(config->lr == 0.5);
    assert_int_equal(config->seq_len, 0);
    trit_train_config_free(c);
    trit_train_config_free(settled);
}

static void groups(void **state) {
    (void)state;
    assert_int_equal(trit_train_config_group(config), 0);
    assert_ok(trit_train_config_set(config, "weight_group", "row", &err));
    assert_int_equal(trit_train_config_group(config), 1);
    assert_ok(trit_train_config_set(config, "weight_group", "64", &err));
    assert_int_equal(trit_train_config_group(config), 64);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(defaults), TEST(texts), TEST(refusals), TEST(json), TEST(there_and_back), TEST(values),
        TEST(contradictions), TEST(changes), TEST(groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
