/* Memory of Linux and macOS behind os.h: address space, pages given back, memory under a name. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* mremap */
#elif defined(__APPLE__)
#define _DARWIN_C_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/os.h"

#if !defined(MAP_NORESERVE)
#define MAP_NORESERVE 0
#endif
#if !defined(MAP_ANONYMOUS)
#define MAP_ANONYMOUS MAP_ANON
#endif

size_t trit_os_page_bytes(void) {
    long n = sysconf(_SC_PAGESIZE);
    return n > 0 ? (size_t)n : 4096;
}

void *trit_os_reserve(size_t n, size_t align) {
    const size_t page = trit_os_page_bytes(), extra = align > page ? align - page : 0;
    if (n > SIZE_MAX / 2 - extra) return NULL;
    uint8_t *p = mmap(NULL, n + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return NULL;
    /* What stands before the first multiple, and what is left behind. */
    const size_t before = (size_t)(-(uintptr_t)p & (align - 1));
    if (before) (void)munmap(p, before);
    if (extra > before) (void)munmap(p + before + n, extra - before);
    return p + before;
}

void trit_os_unreserve(void *p, size_t n) {
    (void)munmap(p, n);
}

bool trit_os_discard(void *p, size_t n) {
#if defined(__linux__)
    return madvise(p, n, MADV_DONTNEED) == 0;
#else
    /* Elsewhere the advice need not be followed: a new mapping takes the place of the old. */
    return mmap(p, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
#endif
}

bool trit_os_move_pages(void *to, size_t to_n, void *from, size_t n) {
#if defined(__linux__)
    /* The kernel gives `to` up before it may fail, and another thread may have it by then: it is left alone. */
    return mremap(from, n, to_n, MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED;
#else
    (void)from;
    (void)n;
    trit_os_unreserve(to, to_n);
    return false;
#endif
}

static int open_named(trit_os_source source, const char *path, int flags) {
    return source == trit_os_shared ? shm_open(path, flags, 0600) : open(path, flags | O_CLOEXEC, 0666);
}

static void remove_named(trit_os_source source, const char *path) {
    if (source == trit_os_shared)
        (void)shm_unlink(path);
    else
        (void)unlink(path);
}

/* Shared memory of a size is a promise that touching it would find broken. */
static bool has_room(int fd, trit_os_source source, size_t bytes) {
#if defined(__linux__)
    if (source != trit_os_shared) return true;
    errno = posix_fallocate(fd, 0, (off_t)bytes);
    return errno == 0 || errno == EOPNOTSUPP || errno == EINVAL;
#else
    (void)fd;
    (void)source;
    (void)bytes;
    return true;
#endif
}

/* Maps an open file of st_size bytes. */
static trit_status map_open(void **out, size_t *n, int fd, trit_os_source source, const char *path, bool writes, trit_error *err) {
    struct stat st;
    if (fstat(fd, &st) != 0) return trit_error_set(err, trit_io, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) return trit_error_set(err, trit_io, "%s: not a file", path);
    if (st.st_size == 0 && source == trit_os_shared) return trit_error_set(err, trit_io, "%s: not made yet: it has no bytes", path);
    if (st.st_size == 0) {
        *out = NULL;
        *n = 0;
        return trit_ok;
    }
    void *p = mmap(NULL, (size_t)st.st_size, writes ? PROT_READ | PROT_WRITE : PROT_READ, writes ? MAP_SHARED : MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return trit_error_set(err, errno == ENOMEM ? trit_memory : trit_io, "%s: cannot map %lld bytes: %s", path, (long long)st.st_size,
                              strerror(errno));
    *out = p;
    *n = (size_t)st.st_size;
    return trit_ok;
}

trit_status trit_os_map_named(void **out, size_t *n, trit_os_source source, const char *path, size_t bytes, bool must_make, bool writes,
                              trit_error *err) {
    if (bytes > INT64_MAX) return trit_error_set(err, trit_arg, "%s: %zu bytes are more than a file can have", path, bytes);
    const int make = bytes ? O_CREAT | (must_make ? O_EXCL : 0) : 0;
    const int fd = open_named(source, path, (writes ? O_RDWR : O_RDONLY) | make);
    if (fd < 0) return trit_error_set(err, trit_io, "%s: %s", path, strerror(errno));
    trit_status status = trit_ok;
    errno = 0;
    if (bytes && (ftruncate(fd, (off_t)bytes) != 0 || !has_room(fd, source, bytes)))
        status = trit_error_set(err, trit_io, "%s: cannot have %zu bytes: %s", path, bytes, strerror(errno));
    if (status == trit_ok) status = map_open(out, n, fd, source, path, writes, err);
    close(fd);
    if (status != trit_ok && must_make) remove_named(source, path); /* it was made here */
    return status;
}

trit_status trit_os_map_flush(void *p, size_t n, trit_error *err) {
    if (!n || msync(p, n, MS_SYNC) == 0) return trit_ok;
    return trit_error_set(err, trit_io, "mapped memory cannot be written to its file: %s", strerror(errno));
}

trit_status trit_os_shared_remove(const char *name, trit_error *err) {
    if (shm_unlink(name) == 0) return trit_ok;
    return trit_error_set(err, trit_io, "%s: %s", name, strerror(errno));
}
