/* Any bytes as the rules of a quantization; what is read must match names without a fault. */
#include <stdlib.h>
#include <string.h>

#include "model/convert/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char *const names[3] = {"blk.12.attn_output.weight", "blk.-3.attn_output.weight", "model.layers.12.self_attn.o_proj.weight"};
    trit_recipe recipe = {0};
    trit_error err;
    char *text = malloc(n + 1);
    if (!text) return 0;
    memcpy(text, data, n);
    text[n] = 0;
    if (trit_recipe_add(&recipe, text, true, "input", &err) == trit_ok) {
        const trit_recipe_rule *any = trit_recipe_find(&recipe, names, false), *named = trit_recipe_find(&recipe, names, true);
        if (named && (!any || any > named)) abort(); /* the first that fits */
    }
    trit_recipe_fini(&recipe);
    free(text);
    return 0;
}
