/* Fuzzes the reader of PyTorch's checkpoints: the input as an archive, whose tensors' ends are touched, and as the pickle inside one. */
#include "io/io.h"
#include "io/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void touch(const uint8_t *p, uint64_t n) {
    if (n == 0) return;
    volatile uint8_t ends = (uint8_t)(p[0] ^ p[n - 1]);
    (void)ends;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_gguf *g;
    trit_pickle pickle;
    trit_error err;
    if (trit_pt_open_memory(&g, (trit_file_map){data, n}, "input", &err) == trit_ok) {
        for (uint64_t i = 0; i < trit_gguf_n_tensors(g); i++) {
            const trit_file_tensor *t = trit_gguf_tensor_at(g, i);
            touch((const uint8_t *)t->name.p, t->name.n);
            touch(t->data, t->n_bytes);
        }
        trit_gguf_close(g);
    }
    if (trit_pickle_read(&pickle, data, n, "input", &err) == trit_ok) {
        for (size_t i = 0; i < pickle.n; i++) {
            touch((const uint8_t *)pickle.tensor[i].name.p, pickle.tensor[i].name.n);
            touch((const uint8_t *)pickle.tensor[i].storage.p, pickle.tensor[i].storage.n);
        }
        trit_pickle_fini(&pickle);
    }
    return 0;
}
