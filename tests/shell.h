/* What tests of the program share: commands run in a shell, in which `t` is the program. */
#ifndef TRIT_TESTS_SHELL_H
#define TRIT_TESTS_SHELL_H

#include "test.h"

#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

typedef struct result {
    int code; /* exit code; 128 + signal where one ended it */
    char *out, *err;
    size_t n_out, n_err;
} result;

static inline void release(result *r) {
    free(r->out);
    free(r->err);
}

/* Starts `command` with standard output and error in the files out.txt and err.txt. */
static inline pid_t start(const char *command) {
    static const char prelude[] = "t() { $TRIT_EMULATOR \"$TRIT_PROGRAM\" \"$@\"; }; ";
    size_t n = sizeof prelude + strlen(command);
    char *script = malloc(n);
    assert_non_null(script);
    snprintf(script, n, "%s%s", prelude, command);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "out.txt", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_addopen(&files, 2, "err.txt", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    char *argv[] = {"sh", "-c", script, NULL};
    pid_t pid;
    assert_int_equal(posix_spawn(&pid, "/bin/sh", &files, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    free(script);
    return pid;
}

static inline result wait_for(pid_t pid) {
    result r = {0};
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    r.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    r.out = test_read("out.txt", &r.n_out);
    r.err = test_read("err.txt", &r.n_err);
    return r;
}

static inline result sh(const char *command) {
    return wait_for(start(command));
}

static inline result shf(const char *fmt, ...) TRIT_PRINTF(1, 2);

static inline result shf(const char *fmt, ...) {
    char command[16384];
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(command, sizeof command, fmt, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof command);
    return sh(command);
}

static inline void expect_code(const result *r, int code, const char *command) {
    if (r->code != code) fail_msg("%s: exit %d instead of %d; stderr: %s", command, r->code, code, r->err);
}

/* One line "trit: ..." on standard error, nothing else. */
static inline void expect_one_line(const result *r, const char *command) {
    const char *newline = strchr(r->err, '\n');
    if (strncmp(r->err, "trit: ", 6) != 0 || !newline || newline[1])
        fail_msg("%s: standard error is not one line of \"trit: ...\": %s", command, r->err);
}

static inline json_t *expect_json(const char *command) {
    result r = sh(command);
    expect_code(&r, 0, command);
    json_error_t error;
    json_t *v = json_loads(r.out, JSON_REJECT_DUPLICATES, &error);
    if (!v) fail_msg("%s: %s in %s", command, error.text, r.out);
    release(&r);
    return v;
}

static inline void expect_keys(const json_t *v, const char *const *keys, const char *command) {
    for (; *keys; keys++)
        if (!json_object_get(v, *keys)) fail_msg("%s: no \"%s\" in the document", command, *keys);
}

/* Tests that run a model need the one inside the program. */
static inline bool has_builtin(void) {
    result r = sh("t info -m ''");
    bool has = r.code == 0;
    release(&r);
    return has;
}

#define require_builtin()                                            \
    do {                                                             \
        if (!has_builtin()) {                                        \
            print_message("skipped: no model inside the program\n"); \
            skip();                                                  \
        }                                                            \
    } while (0)

#endif
