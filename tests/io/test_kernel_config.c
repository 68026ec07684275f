/* kernel_config.ini of bitnet.cpp: what is read, what is refused by name, and the published kernels behind it. */
#include "test.h"

#include "io/io.h"

static trit_error err;

static trit_status read(trit_kernel_config *c, const char *text) {
    return trit_kernel_config_from_memory(c, trit_str_from(text), "k.ini", &err);
}

static void sections(void **state) {
    (void)state;
    trit_kernel_config c;
    trit_tile tile;
    assert_ok(read(&c, "; made by codegen\n[Kernels_0]\nm = 3200\nk = 8640\nbm = 80\nbk = 96\nbmm = 32\n\n"
                       "[Kernels_1]\r\n\tm=7\r\nk=8\r\nbm=9\r\nbk=10\r\nbmm=11\r\nnote = x"));
    assert_int_equal(c.n, 2);
    assert_true(trit_kernel_config_find(&c, trit_dtype_tl2, 3200, 8640, &tile)); /* the file's goes before the published */
    assert_true(tile.rows == 80 && tile.cols == 96 && tile.lanes == 32);
    assert_true(trit_kernel_config_find(&c, trit_dtype_tl1, 7, 8, &tile) && tile.lanes == 11);
    assert_false(trit_kernel_config_find(&c, trit_dtype_tl1, 8, 7, &tile));
    assert_ok(read(&c, ""));
    assert_int_equal(c.n, 0);
}

static void published(void **state) {
    (void)state;
    const trit_kernel_config none = {0};
    trit_tile tile;
    assert_true(trit_kernel_config_find(&none, trit_dtype_tl1, 3200, 8640, &tile) && tile.rows == 160 && tile.cols == 64);
    assert_true(trit_kernel_config_find(&none, trit_dtype_tl2, 3200, 8640, &tile) && tile.rows == 160 && tile.cols == 96);
    assert_false(trit_kernel_config_find(&none, trit_dtype_tl2, 2560, 6912, &tile)); /* 2B-4T has none */
}

static void refuse(const char *text, const char *words) {
    trit_kernel_config c;
    const trit_status status = read(&c, text);
    if (status != trit_format || !strstr(err.message, words)) fail_msg("%s: %s", text, err.message);
}

static void broken(void **state) {
    (void)state;
    refuse("m = 3\n", "line 1");
    refuse("[a]\nm 3\n", "line 2 is no section");
    refuse("[a]\nm = 0\n", "line 2: 0 is no size");
    refuse("[a]\nm = 99999999\n", "no size");
    refuse("[a]\nm = -1\n", "no size");
    refuse("[a]\nm = 3\nk = 4\nbm = 1\nbk = 1\n[b]\n", "section 0 has no \"bmm\"");
    char text[8192] = "";
    for (int i = 0; i <= trit_max_kernels; i++) strcat(text, "[k]\nm=1\nk=1\nbm=1\nbk=1\nbmm=1\n");
    refuse(text, "more than 64");
    trit_kernel_config c;
    assert_int_equal(trit_kernel_config_open(&c, TRIT_BINARY_DIR "/no-such.ini", &err), trit_io);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sections), cmocka_unit_test(published), cmocka_unit_test(broken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
