/* model/work: what a token costs, counted by hand from the published shapes. */
#include "test.h"

#include "trit/model.h"

/* story-256.gguf: 6 layers, width 256, feed-forward 768, 4 heads of 64 over 2 key-value heads, 3840 tokens. */
static void counted_by_hand(void **state) {
    (void)state;
    trit_error err;
    trit_model *m;
    trit_model_work at0, at99;
    trit_model_info info;
    assert_ok(trit_model_open(&m, test_source("tests/model/story-256.gguf"), NULL, &err));
    trit_model_describe(m, &info);
    trit_model_count_work(m, 0, &at0);
    trit_model_count_work(m, 99, &at99);
    const uint64_t attention = 256 * 256 + 2 * 128 * 256 + 256 * 256, feed_forward = 3 * 256 * 768;
    assert_int_equal(at0.token.int8_macs, 6 * (attention + feed_forward));
    assert_int_equal(at0.token.float_macs, 0);
    assert_int_equal(at0.token.weight_bytes, at0.token.int8_macs / 4 + 6 * 4 * (256 + 128 + 128 + 256 + 768 + 768 + 256));
    assert_int_equal(at0.logits.float_macs + at0.logits.int8_macs, 3840 * 256);
    assert_int_equal(at0.attention_macs, 6 * 2 * 4 * 64);
    assert_int_equal(at0.cache_values, 6 * 2 * 2 * 64);
    assert_int_equal(at99.attention_macs, 100 * at0.attention_macs);
    assert_int_equal(at99.cache_values, 100 * at0.cache_values);
    assert_int_equal(at99.token.int8_macs, at0.token.int8_macs);
    /* A tied model reads all but its norms (and the table that became the head may be counted once only). */
    assert_true(info.tied_embeddings);
    assert_true(at0.token.weight_bytes + at0.logits.weight_bytes <= info.weight_bytes);
    assert_true(at0.token.weight_bytes + at0.logits.weight_bytes > info.weight_bytes * 9 / 10);
    trit_model_close(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(counted_by_hand)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
