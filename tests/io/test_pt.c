/* PyTorch's checkpoints: one of torch.save itself (fuzz/corpus/pt, made by tools/reference/make_pt.py), and archives and pickles put together
 * here, byte by byte, that lie or ask for more than tensors. */
#include "test.h"

#include "counting_malloc.h"
#include "io/io.h"
#include "io/pickle.h"
#include "io/zip.h"
#include "tensor/bytes.h"

static trit_error err;

/* ---- The checkpoint of torch.save: dim 128, ff_dim 32, one layer, one head, 3 tokens ---- */

static trit_status open_bytes(trit_gguf **g, const char *bytes, size_t n) {
    return trit_pt_open_memory(g, (trit_file_map){(const uint8_t *)bytes, n}, "made", &err);
}

static void check_key(const trit_gguf *g, const char *key, int64_t expected) {
    int64_t v;
    assert_true(trit_gguf_int(trit_gguf_find(g, key), 0, &v));
    assert_int_equal(v, expected);
}

static const trit_file_tensor *check_tensor(const trit_gguf *g, const char *name, trit_dtype dtype, uint64_t n_rows, uint64_t n_cols) {
    const trit_file_tensor *t = trit_gguf_tensor(g, name);
    uint64_t n_bytes;
    if (!t) fail_msg("%s is missing", name);
    assert_true(trit_dtype_n_bytes(dtype, n_rows, n_cols, &n_bytes));
    assert_true(t->dtype == dtype && trit_file_tensor_n_rows(t) == n_rows && trit_file_tensor_n_cols(t) == n_cols && t->n_bytes == n_bytes);
    return t;
}

static void of_torch(void **state) {
    (void)state;
    size_t n;
    char *bytes = test_read(test_source("fuzz/corpus/pt/torch"), &n);
    trit_gguf *g;
    trit_str s;
    assert_ok(open_bytes(&g, bytes, n));
    assert_int_equal(trit_gguf_version(g), 0);
    assert_true(trit_gguf_str(trit_gguf_find(g, "general.architecture"), &s) && trit_str_is(s, "bitnet-b1.58"));
    check_key(g, "bitnet-b1.58.embedding_length", 128);
    check_key(g, "bitnet-b1.58.feed_forward_length", 32);
    check_key(g, "bitnet-b1.58.block_count", 1);
    check_key(g, "bitnet-b1.58.attention.head_count", 1);
    check_key(g, "bitnet-b1.58.attention.head_count_kv", 1);
    check_key(g, "bitnet-b1.58.vocab_size", 3);
    assert_int_equal(trit_gguf_n_tensors(g), 3 + 4 + 2 * 7);
    check_tensor(g, "token_embd.weight", trit_dtype_bf16, 3, 128);
    check_tensor(g, "output.weight", trit_dtype_bf16, 3, 128);
    check_tensor(g, "output_norm.weight", trit_dtype_bf16, 1, 128);
    check_tensor(g, "blk.0.ffn_sub_norm.weight", trit_dtype_bf16, 1, 32);
    const trit_file_tensor *gate = check_tensor(g, "blk.0.ffn_gate.weight", trit_dtype_gpu_int2, 32, 128);
    const trit_file_tensor *up = check_tensor(g, "blk.0.ffn_up.weight", trit_dtype_gpu_int2, 32, 128);
    assert_ptr_equal(up->data, gate->data + gate->n_bytes); /* one matrix in the file */
    const trit_file_tensor *q = check_tensor(g, "blk.0.attn_q.scale", trit_dtype_bf16, 1, 1), *v = check_tensor(g, "blk.0.attn_v.scale", trit_dtype_bf16, 1, 1);
    assert_ptr_equal(v->data, q->data + 4);
    /* The words of queries change places: row 1 of the release is row 64 here, in the fifth band of 16. */
    const trit_file_tensor *turned = check_tensor(g, "blk.0.attn_q.weight", trit_dtype_gpu_int2, 128, 128);
    const trit_file_tensor *values = check_tensor(g, "blk.0.attn_v.weight", trit_dtype_gpu_int2, 128, 128);
    const uint8_t *file = values->data - 2 * values->n_bytes;
    assert_memory_equal(turned->data, file, 4);
    assert_memory_equal(turned->data + 4 * 4 * 128, file + 4, 4);
    assert_memory_equal(turned->data + 4, file + 8, 4);
    trit_gguf_close(g);
    for (size_t cut = 0; cut < n; cut += cut < 2048 || cut > n - 4096 ? 1 : 97) {
        g = NULL;
        assert_int_equal(open_bytes(&g, bytes, cut), trit_format);
        assert_null(g);
    }
    free(bytes);
}

/* A byte run, once in the file, replaced by another as long: refused with these words. */
static void check_changed(const char *from, const char *to, size_t len, trit_status expected, const char *words) {
    size_t n, at = 0;
    char *bytes = test_read(test_source("fuzz/corpus/pt/torch"), &n);
    trit_gguf *g;
    while (at + len <= n && memcmp(bytes + at, from, len) != 0) at++;
    if (at + len > n) fail_msg("%s is not in the file", from);
    memcpy(bytes + at, to, len);
    const trit_status status = open_bytes(&g, bytes, n);
    if (status != expected || !strstr(err.message, words)) fail_msg("%s for %s: %s", trit_status_text(status), to, err.message);
    free(bytes);
}

#define CHANGED(from, to, status, words) check_changed(from, to, sizeof(from) - 1, status, words)

static void changed(void **state) {
    (void)state;
    CHANGED("feed_forward.w2.weightq", "feed_forward.wX.weightq", trit_format, "layers.0.feed_forward.w2.weight is missing");
    CHANGED("tok_embeddings", "tok_embeddingX", trit_unsupported, "no int2 checkpoint of BitNet");
    CHANGED("X\x0d\0\0\0output.weight", "X\x0d\0\0\0outpuX.weight", trit_unsupported, "tensor outpuX.weight is no part");
    CHANGED("ctorch\nCharStorage", "ctorch\nCharStoragX", trit_unsupported, "torch.CharStoragX");
    CHANGED("ctorch\nCharStorage", "cposix\nsystem\nXXXX", trit_unsupported, "asks for posix.system");
    CHANGED("M\x80\x01K ", "M\x80\x02K ", trit_unsupported, "rows of wqkv"); /* [384, 32] to [640, 32] */
    CHANGED("\x86q", "\x93q", trit_unsupported, "opcode 0x93");
    CHANGED("little", "bittle", trit_unsupported, "another order");
}

/* ---- Pickles ---- */

#define HEAD "\x80\2}(X\1\0\0\0a"
#define STORAGE "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" "0X\3\0\0\0cpuK\6tQ"
#define HOOKS "\x89" "ccollections\nOrderedDict\n)R"

static trit_status read_bytes(trit_pickle *p, const char *bytes, size_t n) {
    return trit_pickle_read(p, (const uint8_t *)bytes, n, "made", &err);
}

#define READ(p, text) read_bytes(p, text, sizeof(text) - 1)

static void check_refused(const char *bytes, size_t n, trit_status expected, const char *words) {
    trit_pickle p;
    const trit_status status = read_bytes(&p, bytes, n);
    if (status != expected || !strstr(err.message, words)) fail_msg("%s: %s; not %s", trit_status_text(status), err.message, words);
    assert_null(p.tensor);
}

#define REFUSE(text, status, words) check_refused(text, sizeof(text) - 1, status, words)

static void pickles(void **state) {
    (void)state;
    trit_pickle p;
    assert_ok(READ(&p, HEAD STORAGE "K\0K\2K\3\x86K\3K\1\x86" HOOKS "tRu."));
    assert_int_equal(p.n, 1);
    assert_true(trit_str_is(p.tensor[0].name, "a") && trit_str_is(p.tensor[0].storage, "0") && p.tensor[0].dtype == trit_dtype_f32);
    assert_true(p.tensor[0].n_stored == 6 && p.tensor[0].n_dims == 2 && p.tensor[0].shape[0] == 2 && p.tensor[0].shape[1] == 3);
    assert_true(p.tensor[0].is_contiguous);
    trit_pickle_fini(&p);
    assert_ok(READ(&p, HEAD STORAGE "K\0K\3K\2\x86K\1K\3\x86" HOOKS "tRu.")); /* transposed */
    assert_false(p.tensor[0].is_contiguous);
    trit_pickle_fini(&p);
    size_t n;
    char *module = test_read(test_source("fuzz/corpus/pt/module"), &n); /* the state dict of a module, with its attributes */
    assert_ok(read_bytes(&p, module, n));
    assert_int_equal(p.n, 4);
    assert_true(trit_str_is(p.tensor[0].name, "0.weight") && p.tensor[0].dtype == trit_dtype_f16 && trit_str_is(p.tensor[3].name, "1.bias"));
    trit_pickle_fini(&p);
    for (size_t cut = 0; cut < n; cut++) check_refused(module, cut, trit_format, "a broken pickle");
    free(module);
    REFUSE("\x80\2cos\nsystem\nX\2\0\0\0ls\x85R.", trit_unsupported, "asks for os.system");
    REFUSE("\x80\2}X\1\0\0\0aK\1s.", trit_unsupported, "\"a\" is no tensor");
    REFUSE("\x80\2]." , trit_unsupported, "opcode 0x5d");
    REFUSE("\x80\2K\1.", trit_format, "it is no dict");
    REFUSE("\x80\2.", trit_format, "it is no dict");
    REFUSE("\x80\x09}.", trit_format, "unknown protocol");
    REFUSE("\x80\2}h\1.", trit_format, "memo is empty");
    REFUSE("\x80\2}r\xff\xff\xff\xff.", trit_format, "memo is out of order");
    REFUSE("\x80\2u.", trit_format, "mark is missing");
    REFUSE("\x80\2}(K\1u.", trit_format, "items without a dict");
    REFUSE("\x80\2}(K\1K\2K\3u.", trit_format, "items without a dict");
    REFUSE("\x80\2\x87.", trit_format, "tuple without its items");
    REFUSE("\x80\2)Q.", trit_format, "no storage");
    REFUSE("\x80\2((tttttK\1K\1K\1K\1tQ.", trit_format, "a mark is missing");
    REFUSE("\x80\2(((((((ttt)))tK\1K\1K\1K\1tQ.", trit_format, "no storage");
    REFUSE("\x80\2X\xff\xff\xff\xff.", trit_format, "text is cut off");
    REFUSE("\x80\2\x8a\x09.", trit_format, "cut off or too large");
    REFUSE("\x80\2})R.", trit_format, "a call of what is no function");
    REFUSE("\x80\2}R.", trit_format, "a call without");
    REFUSE("\x80\2)b.", trit_format, "attributes of");
    REFUSE(HEAD "ctorch._utils\n_rebuild_tensor_v2\n)Ru.", trit_format, "without a storage");
    REFUSE(HEAD STORAGE "K\0K\2K\3\x86K\3\x85" HOOKS "tRu.", trit_format, "shape is impossible");
    REFUSE(HEAD STORAGE "K\0\x8a\x08\0\0\0\0\0\0\0\x40K\x10\x86K\x10K\1\x86" HOOKS "tRu.", trit_format, "shape is impossible");
    REFUSE(HEAD STORAGE "K\0K\0K\3\x86K\3K\1\x86" HOOKS "tRu.", trit_format, "shape is impossible");
    REFUSE(HEAD STORAGE "J\xff\xff\xff\xffK\1\x85K\1\x85" HOOKS "tRu.", trit_format, "without a storage");
}

/* ---- Archives ---- */

typedef struct archive {
    uint8_t p[1024];
    size_t n, directory;
} archive;

static void put(archive *a, const void *p, size_t n) {
    memcpy(a->p + a->n, p, n);
    a->n += n;
}

static void put_u16(archive *a, uint16_t v) {
    trit_store_u16(a->p + a->n, v);
    a->n += 2;
}

static void put_u32(archive *a, uint32_t v) {
    trit_store_u32(a->p + a->n, v);
    a->n += 4;
}

/* Entries "x" of "abc" and "yy" of nothing. */
static archive two_entries(void) {
    static const struct {
        const char *name, *bytes;
    } e[] = {{"x", "abc"}, {"yy", ""}};
    archive a = {.n = 0};
    uint32_t at[2];
    for (int i = 0; i < 2; i++) {
        at[i] = (uint32_t)a.n;
        put(&a, "PK\3\4", 4);
        a.n += 22;
        put_u16(&a, (uint16_t)strlen(e[i].name));
        put_u16(&a, 0);
        put(&a, e[i].name, strlen(e[i].name));
        put(&a, e[i].bytes, strlen(e[i].bytes));
    }
    a.directory = a.n;
    for (int i = 0; i < 2; i++) {
        put(&a, "PK\1\2", 4);
        a.n += 16;
        put_u32(&a, (uint32_t)strlen(e[i].bytes));
        put_u32(&a, (uint32_t)strlen(e[i].bytes));
        put_u16(&a, (uint16_t)strlen(e[i].name));
        a.n += 12;
        put_u32(&a, at[i]);
        put(&a, e[i].name, strlen(e[i].name));
    }
    const uint32_t n_directory = (uint32_t)(a.n - a.directory);
    put(&a, "PK\5\6", 4);
    put_u32(&a, 0);
    put_u16(&a, 2);
    put_u16(&a, 2);
    put_u32(&a, n_directory);
    put_u32(&a, (uint32_t)a.directory);
    put_u16(&a, 0);
    return a;
}

static trit_status open_archive(trit_zip *zip, const archive *a) {
    return trit_zip_open(zip, (trit_file_map){a->p, a->n}, "made", &err);
}

static void check_refused_archive(const archive *a, trit_status expected, const char *words) {
    trit_zip zip;
    const trit_status status = open_archive(&zip, a);
    if (status != expected || !strstr(err.message, words)) fail_msg("%s: %s; not %s", trit_status_text(status), err.message, words);
    assert_null(zip.entry);
}

static void archives(void **state) {
    (void)state;
    const archive whole = two_entries();
    archive a = whole;
    trit_zip zip;
    assert_ok(open_archive(&zip, &a));
    const trit_zip_entry *x = trit_zip_find(&zip, trit_str_from("x"));
    assert_true(zip.n == 2 && x && x->n == 3 && memcmp(x->data, "abc", 3) == 0);
    assert_null(trit_zip_find(&zip, trit_str_from("y")));
    trit_zip_close(&zip);
    for (a.n = 0; a.n < whole.n; a.n++) check_refused_archive(&a, trit_format, "its end is missing");
    const struct {
        size_t at; /* in the directory's first entry */
        uint8_t byte;
        trit_status status;
        const char *words;
    } lies[] = {{0, 'X', trit_format, "entry of its directory is missing"}, {8, 1, trit_unsupported, "x is compressed or encrypted"},
                {10, 8, trit_unsupported, "x is compressed or encrypted"},  {20, 4, trit_format, "x is not where"},
                {27, 1, trit_format, "x is not where"},                     {29, 1, trit_format, "is cut off"},
                {42, 1, trit_format, "x is not where"},                     {45, 1, trit_format, "x is not where"}};
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        a = whole;
        a.p[a.directory + lies[i].at] = lies[i].byte;
        check_refused_archive(&a, lies[i].status, lies[i].words);
    }
    a = whole;
    a.p[a.n - 12] = 3; /* entries, of which there are two */
    check_refused_archive(&a, trit_format, "beyond the end of the file");
    a = whole;
    a.p[a.n - 5] = 1;
    check_refused_archive(&a, trit_format, "beyond the end of the file");
    a = whole;
    memcpy(a.p + a.directory + 46 + 1 + 28, "\1\0", 2); /* the second name's first byte alone, */
    a.p[a.directory + 46 + 1 + 32] = 1;                 /* the other one a comment, */
    a.p[a.directory + 46 + 1 + 46] = 'x';               /* and it is the first's */
    check_refused_archive(&a, trit_format, "two entries have one name");
}

/* Numbers of 64 bits, as large files have them. */
static void wide(void **state) {
    (void)state;
    size_t n;
    char *bytes = test_read(test_source("fuzz/corpus/pt/zip64"), &n);
    trit_zip zip;
    const trit_file_map file = {(const uint8_t *)bytes, n};
    assert_ok(trit_zip_open(&zip, file, "made", &err));
    const trit_zip_entry *e = trit_zip_find(&zip, trit_str_from("model_state_int2/data/0"));
    assert_true(zip.n == 3 && e && e->n == 12288);
    trit_zip_close(&zip);
    const size_t end64 = n - 22 - 20 - 56, directory = (size_t)trit_load_u64((uint8_t *)bytes + end64 + 48);
    const size_t extra = directory + 46 + strlen("model_state_int2/data.pkl");
    const size_t places[] = {end64, end64 + 32, end64 + 47, end64 + 55, n - 22 - 12 + 7, extra + 2, extra + 4 + 7, extra + 4 + 23};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char kept = bytes[places[i]];
        bytes[places[i]] = 0x7f;
        assert_int_equal(trit_zip_open(&zip, file, "made", &err), trit_format);
        bytes[places[i]] = kept;
    }
    free(bytes);
}

static void paths(void **state) {
    (void)state;
    trit_gguf *g;
    assert_ok(trit_pt_open(&g, test_source("tests/model/pt/model_state_int2.pt"), &err));
    check_key(g, "bitnet-b1.58.attention.head_count", 2);
    trit_gguf_close(g);
    assert_int_equal(trit_pt_open(&g, test_source("tests/model/pt/hf/config.json"), &err), trit_format);
    assert_int_equal(trit_pt_open(&g, TRIT_BINARY_DIR "/none.pt", &err), trit_io);
}

/* Each allocation of an open in turn fails: the status says so and nothing is left behind. */
static void no_memory(void **state) {
    (void)state;
#if !TRIT_COUNTS_MALLOC
    print_message("skipped: this C library or sanitizer has a malloc of its own\n");
    skip();
#else
    size_t n;
    char *bytes = test_read(test_source("fuzz/corpus/pt/torch"), &n);
    trit_status status = trit_memory;
    for (long i = 0; status != trit_ok; i++) {
        trit_gguf *g = NULL;
        const long before = atomic_load(&live);
        atomic_store(&n_calls, 0);
        atomic_store(&fail_at, i);
        status = open_bytes(&g, bytes, n);
        atomic_store(&fail_at, -1);
        if (status == trit_ok) trit_gguf_close(g);
        else assert_int_equal(status, trit_memory);
        assert_int_equal(atomic_load(&live), before);
        assert_true(i < 200);
    }
    free(bytes);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(of_torch), cmocka_unit_test(changed), cmocka_unit_test(pickles), cmocka_unit_test(archives),
                                       cmocka_unit_test(wide),     cmocka_unit_test(paths),   cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
