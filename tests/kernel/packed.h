/* Packed trits, blocks of Q6_K and the checksum of files: a part of test_kernels.c. */
#ifndef TRIT_TESTS_KERNEL_PACKED_H
#define TRIT_TESTS_KERNEL_PACKED_H

static void check_two_bit(const pair *p) {
    for (size_t n = 0; n <= 1600; n += n < 520 ? 1 : 77)
        for (int mood = 0; mood < 2; mood++) {
            uint8_t *packed = malloc((n + 3) / 4 + 1);
            int8_t *a = bytes(n + 64), *b = bytes(n + 64);
            memcpy(a, b, n + 64);
            for (size_t i = 0; i < (n + 3) / 4; i++) packed[i] = mood ? 0x95 : (uint8_t)next();
            if (mood && n && next() % 2) packed[next() % ((n + 3) / 4)] = 0xff;
            assert_int_equal(A(p, unpack_two_bit)(a, packed, n), B(p, unpack_two_bit)(b, packed, n));
            same_bytes(p, "trits", a, b, n + 64);
            free(packed), free(a), free(b);
        }
}

static void check_base3(const pair *p) {
    for (size_t n = 0; n <= 2000; n += n < 700 ? 1 : 77) {
        uint8_t *packed = malloc((n + 4) / 5 + 1);
        int8_t *a = bytes(n + 64), *b = bytes(n + 64);
        memcpy(a, b, n + 64);
        for (size_t i = 0; i < (n + 4) / 5; i++) packed[i] = (uint8_t)(n == 1280 ? i : next()); /* all bytes, once */
        A(p, unpack_base3)(a, packed, n);
        B(p, unpack_base3)(b, packed, n);
        same_bytes(p, "trits", a, b, n + 64);
        free(packed), free(a), free(b);
    }
}

/* Any bytes are a block, whose scale may be NaN. */
static void check_q6_k(const pair *p) {
    for (size_t n_blocks = 0; n_blocks < 40; n_blocks++) {
        const size_t n_x = n_blocks * 256;
        float *a = canaries(n_x), *b = canaries(n_x);
        uint8_t *packed = bytes(n_blocks * 210 + 1);
        A(p, unpack_q6_k)(a + margin, packed, n_blocks);
        B(p, unpack_q6_k)(b + margin, packed, n_blocks);
        same_floats(p, "Q6_K", a, b, n_x + 2 * margin);
        free(packed), free(a), free(b);
    }
}

/* By the definition, bit after bit. */
static uint32_t crc_by_bits(uint32_t crc, const uint8_t *p, size_t n) {
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static void check_crc32c(const pair *p) {
    assert_int_equal(A(p, crc32c)(0, "123456789", 9), 0xe3069283u); /* the check value of the catalogue of CRCs */
    for (size_t n = 0; n < 200; n++) {
        uint8_t *data = malloc(n + 1);
        const uint32_t start = next();
        for (size_t i = 0; i < n; i++) data[i] = (uint8_t)next();
        assert_int_equal(A(p, crc32c)(start, data, n), crc_by_bits(start, data, n));
        free(data);
    }
}

#endif
