/* Fuzzes the reader of llama2.c's files: the input as a model, as the tokenizer beside a small model, and as a tokenizer alone. Every
 * tensor's ends are touched and every token is read. */
#include <stdlib.h>
#include <string.h>

#include "io/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(bool condition) {
    if (!condition) abort();
}

static void read_tokens(const trit_gguf *g) {
    const trit_gguf_kv *tokens = trit_gguf_find(g, "tokenizer.ggml.tokens");
    if (!tokens) return;
    trit_str *strs = malloc((size_t)tokens->n * sizeof *strs);
    require(strs && trit_gguf_strs(tokens, strs));
    for (uint64_t i = 0; i < tokens->n; i++) {
        double score;
        int64_t type;
        if (strs[i].n) {
            volatile char last = strs[i].p[strs[i].n - 1];
            (void)last;
        }
        require(trit_gguf_real(trit_gguf_find(g, "tokenizer.ggml.scores"), i, &score));
        require(trit_gguf_int(trit_gguf_find(g, "tokenizer.ggml.token_type"), i, &type) && type >= 1 && type <= 6);
    }
    free(strs);
}

static void read_all(const trit_gguf *g) {
    for (uint64_t i = 0; i < trit_gguf_n_tensors(g); i++) {
        const trit_file_tensor *t = trit_gguf_tensor_at(g, i);
        volatile uint8_t ends = (uint8_t)(t->data[0] ^ t->data[t->n_bytes - 1]);
        (void)ends;
    }
    read_tokens(g);
}

/* dim 2, ff_dim 1, one layer, one head, 6 tokens, one position: 12 + 16 + 10 + 2 + 2 floats behind the header. */
enum { n_small = 28 + 4 * 42 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const uint8_t small[n_small] = {2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0, 1};
    trit_gguf *g;
    trit_error err;
    if (trit_llama2c_open_memory(&g, (trit_file_map){data, n}, (trit_file_map){0}, "input", &err) == trit_ok) {
        read_all(g);
        trit_gguf_close(g);
    }
    if (trit_llama2c_open_memory(&g, (trit_file_map){small, sizeof small}, (trit_file_map){data, n}, "input", &err) == trit_ok) {
        read_all(g);
        trit_gguf_close(g);
    } else {
        require(n > 0); /* the small model is whole */
    }
    return 0;
}
