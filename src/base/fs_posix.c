/* Linux and macOS behind fs.h. */
#if defined(__APPLE__)
#define _DARWIN_C_SOURCE
#else
#define _GNU_SOURCE /* syscall */
#endif
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"

enum { max_path = 4096 };

static trit_status fail(const char *path, trit_error *err) {
    return trit_error_set(err, trit_io, "%s: %s", path, strerror(errno));
}

static trit_fs_info info_of(const struct stat *st) {
    const trit_fs_kind kind = S_ISREG(st->st_mode)   ? trit_fs_file
                              : S_ISDIR(st->st_mode) ? trit_fs_folder
                              : S_ISLNK(st->st_mode) ? trit_fs_link
                                                     : trit_fs_other;
    return (trit_fs_info){kind, (uint64_t)st->st_size, (int64_t)st->st_atime, (int64_t)st->st_mtime};
}

trit_fs_info trit_fs_look(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? info_of(&st) : (trit_fs_info){0};
}

trit_fs_info trit_fs_look_here(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 ? info_of(&st) : (trit_fs_info){0};
}

trit_status trit_fs_make_dirs(const char *path, trit_error *err) {
    char part[max_path];
    const size_t n = strlen(path);
    if (n >= sizeof part) return trit_error_set(err, trit_io, "%.200s...: the path is too long", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST && trit_fs_look(part).kind != trit_fs_folder) return fail(part, err);
    }
    if (trit_fs_look(path).kind == trit_fs_folder) return trit_ok;
    errno = ENOTDIR;
    return fail(path, err);
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_name(trit_fs_names *names, const char *name) {
    void *grown = (void *)names->item;
    const bool has_room = trit_grow(&grown, &names->capacity, names->n + 1, sizeof *names->item);
    names->item = grown;
    char *copy = has_room ? trit_strndup(name, strlen(name)) : NULL;
    if (copy) names->item[names->n++] = copy;
    return copy != NULL;
}

trit_status trit_fs_list(trit_fs_names *out, const char *folder, trit_error *err) {
    trit_fs_names names = {0};
    trit_status status = trit_ok;
    DIR *dir = opendir(folder);
    if (!dir && errno != ENOENT) return fail(folder, err);
    for (struct dirent *entry; dir && status == trit_ok && (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && !add_name(&names, entry->d_name))
            status = trit_error_memory(err, strlen(entry->d_name), folder);
    if (dir) closedir(dir);
    if (names.n) qsort((void *)names.item, names.n, sizeof *names.item, by_bytes);
    if (status == trit_ok) *out = names;
    else trit_fs_names_fini(&names);
    return status;
}

void trit_fs_names_fini(trit_fs_names *names) {
    for (size_t i = 0; i < names->n; i++) trit_free(names->item[i]);
    trit_free((void *)names->item);
    *names = (trit_fs_names){0};
}

trit_status trit_fs_make_link(const char *target, const char *path, trit_error *err) {
    char beside[max_path];
    /* A link of another name that then takes the place: at no moment is there none. */
    if (!trit_os_name_beside(beside, sizeof beside, path)) return trit_error_set(err, trit_io, "%.200s...: the path is too long", path);
    (void)unlink(beside);
    if (symlink(target, beside) != 0) return fail(path, err);
    if (rename(beside, path) == 0) return trit_ok;
    const trit_status status = fail(path, err);
    (void)unlink(beside);
    return status;
}

bool trit_fs_read_link(const char *path, char *out, size_t size) {
    const ssize_t n = readlink(path, out, size);
    if (n < 0 || (size_t)n >= size) return false;
    out[n] = '\0';
    return true;
}

trit_status trit_fs_remove(const char *path, trit_error *err) {
    const trit_fs_kind kind = trit_fs_look_here(path).kind;
    if (kind == trit_fs_absent) return trit_ok;
    if (kind != trit_fs_folder) return unlink(path) == 0 || errno == ENOENT ? trit_ok : fail(path, err);
    trit_fs_names names = {0};
    trit_status status = trit_fs_list(&names, path, err);
    for (size_t i = 0; i < names.n && status == trit_ok; i++) {
        char inner[max_path];
        if (snprintf(inner, sizeof inner, "%s/%s", path, names.item[i]) >= (int)sizeof inner)
            status = trit_error_set(err, trit_io, "%.200s...: the path is too long", path);
        else status = trit_fs_remove(inner, err);
    }
    trit_fs_names_fini(&names);
    if (status == trit_ok && rmdir(path) != 0 && errno != ENOENT) status = fail(path, err);
    return status;
}

trit_status trit_fs_rename(const char *from, const char *to, trit_error *err) {
    return rename(from, to) == 0 ? trit_ok : fail(to, err);
}

static bool flush(const char *path) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool done = fsync(fd) == 0;
    const int reason = errno;
    close(fd);
    errno = reason;
    return done;
}

trit_status trit_fs_flush_dir(const char *folder, trit_error *err) {
    char path[max_path];
    trit_fs_names names = {0};
    trit_status status = trit_fs_list(&names, folder, err);
    for (size_t i = 0; i < names.n && status == trit_ok; i++) {
        const int n = snprintf(path, sizeof path, "%s/%s", folder, names.item[i]);
        if (n < 0 || (size_t)n >= sizeof path || !flush(path)) status = fail(path, err);
    }
    trit_fs_names_fini(&names);
    return status != trit_ok || flush(folder) ? status : fail(folder, err);
}

/* False: the system cannot. */
static bool exchange(const char *a, const char *b) {
#if defined(__linux__) && defined(SYS_renameat2)
    const unsigned rename_exchange = 2;
    return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, rename_exchange) == 0;
#elif defined(__APPLE__)
    return renamex_np(a, b, RENAME_SWAP) == 0;
#else
    (void)a;
    (void)b;
    return false;
#endif
}

/* `to` steps aside first, and comes back where that fails. */
static bool exchange_slowly(const char *from, const char *to) {
    char aside[max_path];
    if (!trit_os_name_beside(aside, sizeof aside, to) || rename(to, aside) != 0) return false;
    if (rename(from, to) == 0) return rename(aside, from) == 0;
    const int reason = errno;
    (void)rename(aside, to);
    errno = reason;
    return false;
}

static void flush_parent(const char *path) {
    char parent[max_path];
    const char *slash = strrchr(path, '/');
    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) + (slash == path) : 1, slash ? path : ".");
    (void)flush(parent); /* some file systems cannot; the names are right all the same */
}

trit_status trit_fs_replace_dir(const char *from, const char *to, trit_error *err) {
    const bool is_there = trit_fs_look_here(to).kind != trit_fs_absent;
    if (is_there ? !exchange(from, to) && !exchange_slowly(from, to) : rename(from, to) != 0) return fail(to, err);
    flush_parent(to);
    return is_there ? trit_fs_remove(from, err) : trit_ok;
}

bool trit_fs_touch(const char *path) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return false;
    const bool done = futimens(fd, NULL) == 0;
    close(fd);
    return done;
}

trit_status trit_fs_grow_open(trit_fs_grow *f, const char *path, trit_error *err) {
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    struct stat st;
    if (fd < 0) return fail(path, err);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return trit_error_set(err, trit_io, "%s: not a file", path);
    }
    *f = (trit_fs_grow){fd + 1, (uint64_t)st.st_size};
    return trit_ok;
}

trit_status trit_fs_grow_begin(trit_fs_grow *f, const char *path, trit_error *err) {
    (void)unlink(path); /* what cannot go stands in the way of the new one */
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return fail(path, err);
    *f = (trit_fs_grow){.fd = fd + 1};
    return trit_ok;
}

trit_status trit_fs_grow_read(trit_fs_grow *f, uint64_t at, void *data, size_t n, const char *path, trit_error *err) {
    for (size_t done = 0; done < n;) {
        const ssize_t k = pread(f->fd - 1, (char *)data + done, n - done, (off_t)(at + done));
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return fail(path, err);
        if (k == 0) return trit_error_set(err, trit_io, "%s: shorter than it was", path);
        done += (size_t)k;
    }
    return trit_ok;
}

trit_status trit_fs_grow_add(trit_fs_grow *f, const void *data, size_t n, const char *path, trit_error *err) {
    for (size_t done = 0; done < n;) {
        const ssize_t k = pwrite(f->fd - 1, (const char *)data + done, n - done, (off_t)(f->n + done));
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) {
            const trit_status status = fail(path, err);
            (void)!ftruncate(f->fd - 1, (off_t)f->n); /* where even that fails, nothing more can be done */
            return status;
        }
        done += (size_t)k;
    }
    f->n += n;
    return trit_ok;
}

trit_status trit_fs_grow_cut(trit_fs_grow *f, uint64_t n, const char *path, trit_error *err) {
    if (ftruncate(f->fd - 1, (off_t)n) != 0) return fail(path, err);
    f->n = n;
    return trit_ok;
}

trit_status trit_fs_grow_flush(trit_fs_grow *f, const char *path, trit_error *err) {
    return fsync(f->fd - 1) == 0 ? trit_ok : fail(path, err);
}

void trit_fs_grow_close(trit_fs_grow *f) {
    if (f->fd) close(f->fd - 1);
    *f = (trit_fs_grow){0};
}

static trit_status take_lock(trit_fs_lock *lock, const char *path, int how, bool *held, trit_error *err) {
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0664);
    if (fd < 0) return fail(path, err);
    struct stat mine, named;
    *held = flock(fd, how | LOCK_NB) == 0;
    if (!*held && errno != EWOULDBLOCK && errno != EINTR) {
        const trit_status status = fail(path, err);
        close(fd);
        return status;
    }
    /* Some tools remove the file when they let go: a lock on a file without its name holds nobody off. */
    if (*held) *held = fstat(fd, &mine) == 0 && stat(path, &named) == 0 && mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
    if (*held) lock->fd = fd + 1;
    else close(fd);
    return trit_ok;
}

trit_status trit_fs_lock_try(trit_fs_lock *lock, const char *path, bool *held, trit_error *err) {
    return take_lock(lock, path, LOCK_EX, held, err);
}

trit_status trit_fs_lock_share(trit_fs_lock *lock, const char *path, bool *held, trit_error *err) {
    return take_lock(lock, path, LOCK_SH, held, err);
}

void trit_fs_lock_release(trit_fs_lock *lock) {
    if (lock->fd) close(lock->fd - 1);
    lock->fd = 0;
}
