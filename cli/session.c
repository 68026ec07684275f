#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "trit/session.h"

const trit_option trit_session_options[1] = {
    {"session", 0, trit_opt_file, offsetof(trit_session_choice, session), "FILE", 0, 0,
     "go on with the conversation of this file, without computing it again, and keep it there at the end; a file that is not there is begun"},
};

/* "a/b" lies in "a", "b" in ".". */
static trit_status check_folder(const char *path, trit_error *err) {
    trit_text folder = {0};
    const char *slash = strrchr(path, '/');
    const size_t n = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);
    if (!trit_text_append(&folder, slash ? path : ".", n)) return trit_error_memory(err, n, "a path");
    const bool is_there = trit_fs_look(folder.data).kind == trit_fs_folder;
    trit_text_fini(&folder);
    return is_there ? trit_ok : trit_error_set(err, trit_io, "%s: there is no such folder", path);
}

static void tell(const char *path, const char *what, const trit_session_info *info, const trit_output_choice *output) {
    if (output->verbose)
        fprintf(stderr, "%s: %s %" PRIu64 " tokens in %.1f MB\n", path, what, info->n_kept, (double)info->n_bytes * 1e-6);
}

trit_status trit_session_begin(trit_talk *talk, trit_engine *engine, const char *path, const trit_output_choice *output, trit_error *err) {
    trit_text note = {0};
    trit_session_info info;
    const trit_fs_kind kind = trit_fs_look_here(path).kind;
    if (kind == trit_fs_absent) return check_folder(path, err);
    /* The session takes the name at the end: a link or a device would be gone, and a pipe would be waited for. */
    if (kind != trit_fs_file) return trit_error_set(err, trit_io, "%s: not a file (a link, a pipe, a device or a folder)", path);
    trit_status status = trit_engine_restore(engine, path, &note, &info, err);
    if (status == trit_ok && note.n) status = trit_talk_read(talk, note.data, note.n, path, err);
    if (status == trit_ok) tell(path, "restored", &info, output);
    trit_text_fini(&note);
    return status;
}

trit_status trit_session_save(const trit_talk *talk, trit_engine *engine, const char *path, const trit_output_choice *output, trit_error *err) {
    trit_text note = {0};
    trit_session_info info;
    if (!trit_talk_write(&note, talk)) return trit_error_set(err, trit_memory, "out of memory: the conversation");
    const trit_status status = trit_engine_save(engine, path, note.data, note.n, &info, err);
    if (status == trit_ok) tell(path, "kept", &info, output);
    trit_text_fini(&note);
    return status;
}

trit_status trit_session_end(const trit_talk *talk, trit_engine *engine, const char *path, const trit_output_choice *output, trit_status ended,
                             trit_error *err) {
    const bool is_fine = ended == trit_ok || ended == trit_cancelled;
    const trit_status saved = trit_session_save(talk, engine, path, output, is_fine ? err : NULL);
    return is_fine && saved != trit_ok ? saved : ended;
}
