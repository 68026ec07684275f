/* Linux and macOS behind os.h. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_getaffinity, MADV_HUGEPAGE */
#elif defined(__APPLE__)
#define _DARWIN_C_SOURCE
#endif
#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#elif defined(__APPLE__)
#include <mach-o/dyld.h>
#include <mach/mach.h>
#include <sys/sysctl.h>
#endif

#include "base/error.h"

trit_status trit_os_map(trit_file_map *out, const char *path, trit_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return trit_error_set(err, trit_io, "%s: %s", path, strerror(errno));
    struct stat st;
    trit_status status = trit_ok;
    if (fstat(fd, &st) != 0) {
        status = trit_error_set(err, trit_io, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        status = trit_error_set(err, trit_io, "%s: not a file", path);
    } else if (st.st_size == 0) {
        *out = (trit_file_map){NULL, 0};
    } else {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            status = trit_error_set(err, errno == ENOMEM ? trit_memory : trit_io, "%s: cannot map %lld bytes: %s", path,
                                    (long long)st.st_size, strerror(errno));
        else
            *out = (trit_file_map){p, (size_t)st.st_size};
    }
    close(fd);
    return status;
}

void trit_os_unmap(trit_file_map *map) {
    if (map->data) munmap((void *)(uintptr_t)map->data, map->n);
    *map = (trit_file_map){0};
}

void trit_os_map_drop(const void *p, size_t n) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)p + page - 1) / page * page, last = ((uintptr_t)p + n) / page * page;
    if (last > first) (void)madvise((void *)first, last - first, MADV_DONTNEED);
}

void trit_os_advise_huge(void *p, size_t n) {
#if defined(MADV_HUGEPAGE)
    (void)madvise(p, n, MADV_HUGEPAGE);
#else
    (void)p;
    (void)n;
#endif
}

static bool mode_is(const char *path, mode_t kind) {
    struct stat st;
    return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

bool trit_os_is_dir(const char *path) {
    return mode_is(path, S_IFDIR);
}

bool trit_os_is_file(const char *path) {
    return mode_is(path, S_IFREG);
}

uint64_t trit_os_clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t trit_os_thread_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void trit_os_sleep_ms(unsigned ms) {
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

unsigned trit_os_n_cpus(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return (unsigned)CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

#if defined(__linux__)
/* The lowest-numbered hardware thread of a core stands first in its list of siblings ("0,8" or "0-1"). */
static bool is_first_sibling(unsigned cpu) {
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
    FILE *f = fopen(path, "re");
    if (!f) return true;
    unsigned first = cpu;
    int n = fscanf(f, "%u", &first);
    fclose(f);
    return n != 1 || first == cpu;
}
#endif

unsigned trit_os_n_cores(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        unsigned n = 0;
        for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET(cpu, &set) && is_first_sibling(cpu)) n++;
        if (n) return n;
    }
#elif defined(__APPLE__)
    int n = 0;
    size_t size = sizeof n;
    if (sysctlbyname("hw.physicalcpu", &n, &size, NULL, 0) == 0 && n > 0) return (unsigned)n;
#endif
    return trit_os_n_cpus();
}

uint64_t trit_os_memory_bytes(void) {
#if defined(__APPLE__)
    uint64_t n = 0;
    size_t size = sizeof n;
    return sysctlbyname("hw.memsize", &n, &size, NULL, 0) == 0 ? n : 0;
#else
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t total = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    FILE *f = fopen("/sys/fs/cgroup/memory.max", "re");
    if (f) {
        unsigned long long limit;
        if (fscanf(f, "%llu", &limit) == 1 && limit && (!total || limit < total)) total = limit;
        fclose(f);
    }
    return total;
#endif
}

#if defined(__linux__)
/* Size of the cache that the folder describes; 0 unless `cpu` is the first of those that share it. */
static uint64_t own_cache_bytes(unsigned cpu, unsigned index) {
    char path[96];
    unsigned long long size = 0;
    unsigned first = cpu;
    char unit = 0;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%u/cache/index%u/size", cpu, index);
    FILE *f = fopen(path, "re");
    if (!f) return 0;
    if (fscanf(f, "%llu%c", &size, &unit) < 1) size = 0;
    fclose(f);
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%u/cache/index%u/shared_cpu_list", cpu, index);
    f = fopen(path, "re");
    if (f) {
        if (fscanf(f, "%u", &first) != 1) first = cpu;
        fclose(f);
    }
    return first == cpu ? size * (unit == 'K' ? 1024 : unit == 'M' ? 1024 * 1024 : 1) : 0;
}
#endif

uint64_t trit_os_cache_bytes(void) {
    uint64_t total = 0;
#if defined(__linux__)
    /* Instructions and data of the first level are 0 and 1, then one a level: the highest there is. */
    long n_cpus = sysconf(_SC_NPROCESSORS_CONF);
    for (unsigned index = 4; index >= 1 && !total; index--)
        for (long cpu = 0; cpu < n_cpus; cpu++) total += own_cache_bytes((unsigned)cpu, index);
#elif defined(__APPLE__)
    static const char *const levels[] = {"hw.l3cachesize", "hw.l2cachesize"};
    for (int i = 0; i < 2 && !total; i++) {
        size_t size = sizeof total;
        if (sysctlbyname(levels[i], &total, &size, NULL, 0) != 0) total = 0;
    }
#endif
    return total;
}

uint64_t trit_os_resident_bytes(void) {
#if defined(__APPLE__)
    struct mach_task_basic_info info;
    mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
    return task_info(mach_task_self(), MACH_TASK_BASIC_INFO, (task_info_t)&info, &count) == KERN_SUCCESS ? info.resident_size : 0;
#else
    unsigned long long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return 0;
    if (fscanf(f, "%llu %llu", &size, &resident) != 2) resident = 0;
    fclose(f);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
#endif
}

bool trit_os_is_terminal(int fd) {
    return isatty(fd) == 1;
}

static bool write_all(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

bool trit_os_name_beside(char *out, size_t size, const char *path) {
    static atomic_uint n_names;
    const int n = snprintf(out, size, "%s.%ld-%u.part", path, (long)getpid(), atomic_fetch_add(&n_names, 1));
    return n >= 0 && (size_t)n < size;
}

trit_status trit_os_write_file(const char *path, const void *data, size_t n, trit_error *err) {
    char beside[4096];
    if (!trit_os_name_beside(beside, sizeof beside, path)) return trit_error_set(err, trit_io, "%s: the path is too long", path);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return trit_error_set(err, trit_io, "%s: %s", beside, strerror(errno));
    bool written = write_all(fd, data, n) && fsync(fd) == 0;
    int reason = errno;
    if (close(fd) != 0 && written) {
        reason = errno;
        written = false;
    }
    if (written && rename(beside, path) == 0) return trit_ok;
    if (written) reason = errno;
    unlink(beside);
    return trit_error_set(err, trit_io, "%s: %s", path, strerror(reason));
}

uint64_t trit_os_free_bytes(const char *path) {
    char folder[4096];
    struct statvfs v;
    const char *slash = strrchr(path, '/');
    const size_t n = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);
    if (n >= sizeof folder) return UINT64_MAX;
    memcpy(folder, slash ? path : ".", n);
    folder[n] = '\0';
    return statvfs(folder, &v) == 0 ? (uint64_t)v.f_bavail * v.f_frsize : UINT64_MAX;
}

bool trit_os_same_file(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

trit_status trit_os_make_dir(const char *path, trit_error *err) {
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && trit_os_is_dir(path))) return trit_ok;
    return trit_error_set(err, trit_io, "%s: %s", path, strerror(errno));
}

/* Calls `each` with the names of the files of a folder; stops at the first false. */
static bool for_files(const char *path, bool (*each)(const char *folder, const char *name, const char *to), const char *to) {
    DIR *dir = opendir(path);
    bool good = dir != NULL;
    for (struct dirent *entry; good && (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) good = each(path, entry->d_name, to);
    if (dir) closedir(dir);
    return good;
}

static bool remove_file(const char *folder, const char *name, const char *to) {
    char path[8192];
    (void)to;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return unlink(path) == 0;
}

static bool move_file(const char *folder, const char *name, const char *to) {
    char path[8192], target[8192];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(target, sizeof target, "%s/%s", to, name);
    return rename(path, target) == 0;
}

void trit_os_remove_dir(const char *path) {
    (void)for_files(path, remove_file, NULL);
    (void)rmdir(path);
}

trit_status trit_os_move_dir(const char *from, const char *to, trit_error *err) {
    const bool moved = trit_os_is_dir(to) ? for_files(from, move_file, to) && rmdir(from) == 0 : rename(from, to) == 0;
    return moved ? trit_ok : trit_error_set(err, trit_io, "%s: %s", to, strerror(errno));
}

trit_status trit_os_program(char *out, size_t n, trit_error *err) {
#if defined(__APPLE__)
    uint32_t room = (uint32_t)n;
    if (_NSGetExecutablePath(out, &room) == 0) return trit_ok;
#else
    ssize_t length = readlink("/proc/self/exe", out, n);
    if (length > 0 && (size_t)length < n) {
        out[length] = '\0';
        return trit_ok;
    }
#endif
    return trit_error_set(err, trit_io, "the path of this program cannot be found");
}

/* A pipe whose ends no later program inherits. */
static bool open_pipe(int ends[2]) {
    if (pipe(ends) != 0) return false;
    for (int i = 0; i < 2; i++) (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    return true;
}

static int spawn(pid_t *pid, const char *const argv[], int in, int out) {
    extern char **environ;
    posix_spawn_file_actions_t files;
    int failed = posix_spawn_file_actions_init(&files);
    if (failed) return failed;
    failed = posix_spawn_file_actions_adddup2(&files, in, 0);
    if (!failed) failed = posix_spawn_file_actions_adddup2(&files, out, 1);
    if (!failed) failed = posix_spawnp(pid, argv[0], &files, NULL, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    return failed;
}

trit_status trit_os_start(trit_os_child *out, const char *const argv[], trit_error *err) {
    int in[2] = {-1, -1}, back[2] = {-1, -1}, failed = 0;
    pid_t pid = 0;
    trit_os_child child = {0};
    if (!open_pipe(in) || !open_pipe(back)) failed = errno;
    if (!failed) failed = spawn(&pid, argv, in[0], back[1]);
    if (!failed) {
        child = (trit_os_child){fdopen(in[1], "w"), fdopen(back[0], "r"), (int)pid};
        if (child.to) in[1] = -1;
        if (child.from) back[0] = -1;
        if (!child.to || !child.from) failed = errno;
    }
    for (int i = 0; i < 2; i++) {
        if (in[i] >= 0) close(in[i]);
        if (back[i] >= 0) close(back[i]);
    }
    if (!failed) {
        *out = child;
        return trit_ok;
    }
    if (child.pid) (void)trit_os_end(&child);
    return trit_error_set(err, trit_io, "%s: cannot be run: %s", argv[0], strerror(failed));
}

int trit_os_end(trit_os_child *child) {
    int status = 0;
    if (child->to) fclose(child->to);
    if (child->from) fclose(child->from);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) continue;
    *child = (trit_os_child){0};
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
