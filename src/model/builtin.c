/* The bytes of the model inside the program. The assembler copies the file, since a C array of some megabytes would take the
 * compiler minutes and need a tool to write it. Where the build names no file, or the compiler is not GNU-like, there is none. */
#include "model/builtin.h"

#if defined(TRIT_BUILTIN_FILE) && defined(__GNUC__)

#if defined(__APPLE__)
#define NAME(symbol) "_" symbol
#define OPEN(symbol) ".section __TEXT,__const\n.globl " NAME(symbol) "\n.private_extern " NAME(symbol) "\n"
#define CLOSE ".text\n"
#else
#define NAME(symbol) symbol
#define OPEN(symbol) ".pushsection .rodata\n.globl " NAME(symbol) "\n.hidden " NAME(symbol) "\n"
#define CLOSE ".popsection\n"
#endif
#if defined(__LP64__)
#define WORD ".quad "
#else
#define WORD ".long "
#endif

/* 64: tensors are read in place, so the file starts where its own alignment (32) and a cache line do. */
__asm__(OPEN("trit_builtin_model") ".balign 64\n" NAME("trit_builtin_model") ":\n"
        ".incbin \"" TRIT_BUILTIN_FILE "\"\n"
        ".Lend_of_model:\n"
        ".byte 0\n" CLOSE);
__asm__(OPEN("trit_builtin_model_size") ".balign 8\n" NAME("trit_builtin_model_size") ":\n"
        WORD ".Lend_of_model - " NAME("trit_builtin_model") "\n" CLOSE);

#else

const unsigned char trit_builtin_model[1] = {0};
const size_t trit_builtin_model_size = 0;

#endif
