/* Fuzzes references: the input up to its first line feed is one, the rest a pattern for names. */
#include <stdlib.h>
#include <string.h>

#include "io/hub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_hub_ref ref;
    trit_error err;
    enum { longest = 2000 }; /* patterns take quadratic time */
    char *text = n < longest ? malloc(n + 1) : NULL;
    if (!text) return 0;
    if (n) memcpy(text, data, n);
    text[n] = '\0';
    char *pattern = strchr(text, '\n');
    if (pattern) *pattern++ = '\0';
    if (trit_hub_ref_parse(&ref, text, true, &err) == trit_ok) {
        if (strstr(ref.repo, "..") || strstr(ref.file, "../") || strchr(ref.file, '\\') || ref.file[0] == '/' || ref.revision[0] == '/') __builtin_trap();
        if (pattern) (void)!trit_glob(trit_str_from(pattern), ref.file);
    }
    free(text);
    return 0;
}
