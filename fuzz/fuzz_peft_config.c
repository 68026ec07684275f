/* Fuzzes the reader of adapter_config.json. */
#include <stdlib.h>

#include "io/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_peft_config c;
    trit_error err;
    const trit_str module = trit_str_from("model.layers.0.self_attn.q_proj");
    if (trit_peft_config_from_memory(&c, (trit_str){(const char *)data, n}, "input", &err) != trit_ok) return 0;
    if (trit_peft_rank(&c, module) < 1 || trit_peft_scaling(&c, module) != trit_peft_scaling(&c, module)) abort();
    trit_peft_config_fini(&c);
    return 0;
}
