/* config.json of Hugging Face releases: what the scales mean, token ids, where the files stand. */
#include "test.h"

#include "io/io.h"

static trit_error err;

static void check_quant(const char *text, trit_hf_quant expected) {
    trit_hf_config c;
    assert_ok(trit_hf_config_from_memory(&c, trit_str_from(text), NULL, "config.json", &err));
    if (c.quant != expected) fail_msg("%s: %d", text, (int)c.quant);
    trit_hf_config_fini(&c);
}

static void refuse(const char *text, trit_status expected, const char *words) {
    trit_hf_config c;
    const trit_status status = trit_hf_config_from_memory(&c, trit_str_from(text), NULL, "config.json", &err);
    if (status != expected || !strstr(err.message, words)) fail_msg("%s: %s: %s", text, trit_status_text(status), err.message);
}

static void meaning_of_scales(void **state) {
    (void)state;
    check_quant("{}", trit_hf_quant_none);
    check_quant("{\"quantization_config\":null,\"weight_bits\":16}", trit_hf_quant_none);
    check_quant("{\"weight_bits\":1,\"input_bits\":8}", trit_hf_quant_online);
    check_quant("{\"quantization_config\":{\"quant_method\":\"bitnet\"}}", trit_hf_quant_divide);
    check_quant("{\"quantization_config\":{\"quant_method\":\"bitnet\",\"linear_class\":\"bitlinear\"}}", trit_hf_quant_divide);
    check_quant("{\"quantization_config\":{\"quant_method\":\"bitnet\",\"linear_class\":\"autobitlinear\"}}", trit_hf_quant_multiply);
    check_quant("{\"quantization_config\":{\"quant_method\":\"bitnet\",\"linear_class\":\"autobitlinear\","
                "\"quantization_mode\":\"offline\"}}",
                trit_hf_quant_multiply);
    check_quant("{\"quantization_config\":{\"quant_method\":\"bitnet\",\"linear_class\":\"autobitlinear\","
                "\"quantization_mode\":\"online\"}}",
                trit_hf_quant_online);
    refuse("{\"quantization_config\":{\"quant_method\":\"gptq\"}}", trit_unsupported, "config.json: quant_method gptq");
    refuse("{\"quantization_config\":{\"quant_method\":\"bitnet\",\"linear_class\":\"x\"}}", trit_unsupported, "linear_class x");
    refuse("{\"quantization_config\":{\"quant_method\":\"bitnet\",\"linear_class\":\"autobitlinear\",\"quantization_mode\":\"y\"}}",
           trit_unsupported, "quantization_mode y");
    refuse("[]", trit_format, "config.json: not a JSON object");
    refuse("{", trit_format, "config.json: ");
}

static void ids(void **state) {
    (void)state;
    trit_hf_config c;
    const trit_str generation = trit_str_from("{\"eos_token_id\":[128001,128009,-1,\"x\",128001],\"bos_token_id\":7}");
    assert_ok(trit_hf_config_from_memory(&c,
                                         trit_str_from("{\"architectures\":[\"BitNetForCausalLM\",\"x\"],\"model_type\":\"bitnet\","
                                                       "\"bos_token_id\":128000,\"eos_token_id\":128001,\"hidden_size\":2560}"),
                                         &generation, "config.json", &err));
    assert_string_equal(c.architecture, "BitNetForCausalLM");
    assert_string_equal(c.model_type, "bitnet");
    assert_int_equal(c.bos, 128000);
    assert_int_equal(c.n_eos, 2);
    assert_int_equal(c.eos[0], 128001);
    assert_int_equal(c.eos[1], 128009);
    assert_int_equal(trit_json_as_int(trit_json_get(c.json, "hidden_size"), 0), 2560);
    trit_hf_config_fini(&c);

    assert_ok(trit_hf_config_from_memory(&c, trit_str_from("{\"eos_token_id\":null,\"bos_token_id\":null}"), &generation, "c", &err));
    assert_string_equal(c.architecture, "");
    assert_string_equal(c.model_type, "");
    assert_int_equal(c.bos, 7);
    assert_int_equal(c.n_eos, 2);
    trit_hf_config_fini(&c);

    assert_ok(trit_hf_config_from_memory(
        &c, trit_str_from("{\"eos_token_id\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,4294967296]}"), NULL, "c", &err));
    assert_int_equal(c.n_eos, 16);
    assert_int_equal(c.bos, -1);
    trit_hf_config_fini(&c);
}

static void real_folder(void **state) {
    (void)state;
    require_shared("data/models/bitllama/hf-3M");
    static const char *const paths[] = {"data/models/bitllama/hf-3M", "data/models/bitllama/hf-3M/model.safetensors"};
    for (int i = 0; i < 2; i++) {
        trit_hf_config c;
        assert_ok(trit_hf_config_open(&c, test_shared(paths[i]), &err));
        assert_string_equal(c.architecture, "BitnetForCausalLM");
        assert_int_equal(c.quant, trit_hf_quant_online);
        assert_int_equal(c.bos, 1);
        assert_true(c.n_eos == 1 && c.eos[0] == 2);
        trit_hf_config_fini(&c);
    }
}

static void absent(void **state) {
    (void)state;
    trit_hf_config c;
    assert_int_equal(trit_hf_config_open(&c, test_source("src"), &err), trit_io);
    assert_non_null(strstr(err.message, "src/config.json"));
    assert_int_equal(trit_hf_config_open(&c, "no-such-file", &err), trit_io);
    assert_non_null(strstr(err.message, "no-such-file"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meaning_of_scales),
        cmocka_unit_test(ids),
        cmocka_unit_test(real_folder),
        cmocka_unit_test(absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
