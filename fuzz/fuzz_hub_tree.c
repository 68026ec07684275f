/* Fuzzes what reads the hub's list of files, what selects from it, and what reads an index of shards: the input up to its first line
 * feed is the list, the rest the index. */
#include <string.h>

#include "io/hub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    const uint8_t *cut = n ? memchr(data, '\n', n) : NULL;
    const size_t n_list = cut ? (size_t)(cut - data) : n;
    trit_hub_tree tree;
    trit_hub_ref ref = {.repo = "org/name"};
    char file[trit_hub_max_file];
    bool has_index;
    trit_error err;
    if (trit_hub_tree_parse(&tree, (const char *)data, n_list, "input", &err) != trit_ok) return 0;
    static const char *const every[] = {"*"};
    static const trit_hub_opts all = {.include = every, .n_include = 1}, none = {0};
    const trit_status picked = trit_hub_select(&tree, &ref, &none, file, &has_index, &err);
    if (picked == trit_ok && has_index) (void)!trit_hub_select_shards(&tree, &ref, (const char *)data + n_list, n - n_list, &err);
    if (trit_hub_select(&tree, &ref, &all, file, &has_index, &err) == trit_ok)
        for (size_t i = 0; i < tree.n; i++) /* what is selected may become a path */
            if (!trit_hub_is_safe_file(trit_str_from(tree.item[i].name)) || strstr(tree.item[i].name, "../")) __builtin_trap();
    trit_hub_tree_fini(&tree);
    return 0;
}
