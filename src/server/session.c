#include "server/session.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "trit/session.h"

/* A model's name may be anything that a client can say; a file's is made of letters, digits, '.', '-' and '_', other bytes
 * are written %XX, and it lies in the folder. */
static trit_status path_of(trit_text *out, const char *folder, const char *name, trit_error *err) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    bool good = trit_text_format(out, "%s/", folder);
    for (size_t i = 0; name[i] && good; i++) {
        const bool stays = strchr(plain, name[i]) || (name[i] == '.' && i);
        good = stays ? trit_text_append(out, &name[i], 1) : trit_text_format(out, "%%%02X", (unsigned char)name[i]);
    }
    good = good && trit_text_append(out, ".session", strlen(".session"));
    return good ? trit_ok : trit_error_memory(err, strlen(name), "a path");
}

void trit_server_restore(trit_engine *engine, const char *folder, const char *name) {
    trit_text path = {0};
    trit_session_info info = {0};
    trit_error err = {0};
    trit_status status = path_of(&path, folder, name, &err);
    const bool is_there = status == trit_ok && trit_fs_look(path.data).kind != trit_fs_absent;
    if (is_there) status = trit_engine_restore(engine, path.data, NULL, &info, &err);
    if (status != trit_ok) trit_logf(trit_log_warn, "%s: it begins anew", err.message);
    else if (is_there) trit_logf(trit_log_info, "%s: %" PRIu64 " of %" PRIu64 " tokens restored", path.data, info.n_kept, info.n_tokens);
    trit_text_fini(&path);
}

void trit_server_save(trit_engine *engine, const char *folder, const char *name) {
    trit_text path = {0};
    trit_session_info info = {0};
    trit_error err = {0};
    trit_status status = path_of(&path, folder, name, &err);
    if (status == trit_ok) status = trit_engine_save(engine, path.data, NULL, 0, &info, &err);
    if (status != trit_ok) trit_logf(trit_log_warn, "the session is not kept: %s", err.message);
    else trit_logf(trit_log_info, "%s: %" PRIu64 " tokens kept", path.data, info.n_tokens);
    trit_text_fini(&path);
}
