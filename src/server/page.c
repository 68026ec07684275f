/* GET /: the page for people, one file that the assembler copies into the program. It asks nothing of other servers, which its policy
 * forbids as well. Where the compiler is not GNU-like there is none. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/refusal.h"
#include "server/routes.h"

#if defined(TRIT_PAGE_FILE) && defined(__GNUC__)
#if defined(__APPLE__)
#define SYMBOL "_trit_server_page"
#define OPEN ".section __TEXT,__const\n.globl " SYMBOL "\n.private_extern " SYMBOL "\n"
#define CLOSE ".text\n"
#else
#define SYMBOL "trit_server_page"
#define OPEN ".pushsection .rodata\n.globl " SYMBOL "\n.hidden " SYMBOL "\n"
#define CLOSE ".popsection\n"
#endif
__asm__(OPEN SYMBOL ":\n.incbin \"" TRIT_PAGE_FILE "\"\n.byte 0\n" CLOSE);
extern const char trit_server_page[]; /* ends in a NUL */
#else
static const char trit_server_page[] = "<!DOCTYPE html><title>trit</title><p>This build has no page.";
#endif

/* The page's own script and style name the nonce of this answer; what might get into it otherwise does not run. */
static void append_page(trit_exchange *x, const char *nonce) {
    static const char place[] = "{nonce}";
    const char *from = trit_server_page;
    for (const char *found; (found = strstr(from, place)); from = found + sizeof place - 1) {
        trit_exchange_append(x, from, (size_t)(found - from));
        trit_exchange_append(x, nonce, strlen(nonce));
    }
    trit_exchange_append(x, from, strlen(from));
}

bool trit_serve_page(trit_server *s, trit_exchange *x, trit_refusal *r) {
    char nonce[24], policy[256];
    (void)r;
    snprintf(nonce, sizeof nonce, "%016" PRIx64, trit_server_unique(s));
    snprintf(policy, sizeof policy,
             "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
             "frame-ancestors 'none'",
             nonce, nonce);
    trit_exchange_header(x, "Content-Security-Policy", policy);
    trit_exchange_header(x, "X-Content-Type-Options", "nosniff");
    append_page(x, nonce);
    trit_exchange_start(x, 200, trit_routes[x->route - 1].type, false);
    trit_exchange_end(x);
    return true;
}
