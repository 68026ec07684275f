/* Read before each file by the analyzer alone (.ci/run tidy). It looks at one file at a time, so it cannot know that trit_error_set
 * returns the status it is given (and trit_jfail false), and would follow every error path on as if nothing had happened. */
#ifndef TRIT_TOOLS_ANALYZER_H
#define TRIT_TOOLS_ANALYZER_H

#if defined(__linux__)
#define _GNU_SOURCE /* as src/base/os_posix.c has it, which comes too late behind this file */
#endif

#include "base/error.h"
#include "jinja/vm.h"

int trit_analyzer_use(const void *first, ...);

#define trit_error_set(err, status, ...) ((void)trit_analyzer_use((err), __VA_ARGS__), (status))
#define trit_error_memory(err, bytes, what) ((void)trit_analyzer_use((err), (bytes), (what)), trit_memory)
#define trit_jfail(vm, ...) ((void)trit_analyzer_use((vm), __VA_ARGS__), false)

#endif
