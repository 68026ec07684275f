/* See lora.h. */
#include "lora.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "base/str.h"

/* Names may have colons: what follows the last one is a scale unless a file or folder has the whole name. */
static trit_status parse(trit_lora_opts *out, const char *text, trit_error *err) {
    const char *colon = strrchr(text, ':');
    const bool whole = !colon || trit_os_is_file(text) || trit_os_is_dir(text);
    if (!whole && (!trit_parse_real(colon + 1, &out->scale) || !(fabs(out->scale) <= 1e6) || out->scale == 0))
        return trit_error_set(err, trit_arg, "--lora %.200s: \"%.40s\" is no scale; FILE or FILE:SCALE was expected", text, colon + 1);
    out->path = trit_strndup(text, whole ? strlen(text) : (size_t)(colon - text));
    return out->path ? trit_ok : trit_error_memory(err, strlen(text), "a path");
}

trit_status trit_loras_parse(trit_loras *out, const trit_opt_texts *texts, trit_error *err) {
    trit_status status = trit_ok;
    while (out->n < texts->n && status == trit_ok) {
        status = parse(&out->item[out->n], texts->item[out->n], err);
        out->n += status == trit_ok;
    }
    return status;
}

void trit_loras_fini(trit_loras *l) {
    for (size_t i = 0; i < l->n; i++) trit_free((void *)(uintptr_t)l->item[i].path);
    *l = (trit_loras){0};
}
