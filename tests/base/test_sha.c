/* SHA-1 and SHA-256 against the examples of FIPS 180-2 and what sha256sum and git hash-object say. */
#include "test.h"

#include "base/sha.h"

static void expect(bool is_256, const char *data, size_t n, const char *hex) {
    for (size_t piece = 1; piece <= n + 1; piece = piece * 3 + 1) {
        trit_sha s;
        char out[trit_sha_hex_max];
        if (is_256) trit_sha256_init(&s);
        else trit_sha1_init(&s);
        for (size_t at = 0; at < n; at += piece) trit_sha_add(&s, data + at, n - at < piece ? n - at : piece);
        trit_sha_hex(&s, out);
        assert_string_equal(out, hex);
    }
}

static void examples(void **state) {
    (void)state;
    static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    expect(false, "abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d");
    expect(false, two, 56, "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    expect(true, "abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(true, two, 56, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    expect(true, "", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"); /* sha256sum */
    expect(false, "blob 0", 7, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");                  /* git hash-object of an empty file */
    char *a = malloc(1000000);
    assert_non_null(a);
    memset(a, 'a', 1000000);
    expect(false, a, 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    expect(true, a, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(a);
}

/* Every length around the blocks: sums of 0, 1, ... 200 bytes "x" hashed again; the result is Python's hashlib's. */
static void lengths(void **state) {
    (void)state;
    char x[201], hex[trit_sha_hex_max];
    trit_sha all, one;
    memset(x, 'x', sizeof x);
    for (int k = 0; k < 2; k++) {
        if (k) trit_sha256_init(&all);
        else trit_sha1_init(&all);
        for (size_t n = 0; n <= 200; n++) {
            if (k) trit_sha256_init(&one);
            else trit_sha1_init(&one);
            trit_sha_add(&one, x, n);
            trit_sha_hex(&one, hex);
            trit_sha_add(&all, hex, strlen(hex));
        }
        trit_sha_hex(&all, hex);
        assert_string_equal(hex, k ? "75013a3fd49991ead9d8a57ea80485c088443c3406a0e8fa003ed57144041eb4" : "1f67da40a499e887e43c141418cc90ce5c8f9002");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(examples), cmocka_unit_test(lengths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
