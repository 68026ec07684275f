/* Names of files beside each other. */
#ifndef TRIT_IO_PATH_H
#define TRIT_IO_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "trit/memory.h"

/* *out = folder/name; an empty folder is the working folder. False: out of memory. */
bool trit_path_join(trit_text *out, trit_str folder, trit_str name);

/* What stands before the last slash of a path; "/" of "/x"; empty where there is none. Borrowed from path. */
trit_str trit_path_folder(const char *path);

#endif
