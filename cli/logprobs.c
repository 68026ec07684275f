#include "logprobs.h"

#include <inttypes.h>

#include "base/str.h"
#include "out.h"

/* What the token adds within a text; {NULL, 0} where nothing is known. */
static trit_str text_of(const trit_tokenizer *tokenizer, int32_t token) {
    trit_str text = {0};
    if (tokenizer) text.p = trit_tokenizer_bytes(tokenizer, token, &text.n);
    return text;
}

void trit_logprobs_print(const trit_logprob *p, uint32_t n, const trit_tokenizer *tokenizer) {
    for (uint32_t i = 0; i < n; i++) {
        const trit_str text = text_of(tokenizer, p[i].token);
        trit_out_printf("%s%9.4f  ", i == 1 ? "  |" : "", (double)p[i].logprob);
        if (text.p) {
            trit_out_puts("\"");
            trit_out_escaped(text.p, text.n);
            trit_out_puts("\"");
        } else {
            trit_out_printf("%" PRId32, p[i].token);
        }
    }
    trit_out_puts("\n");
}

static void put_token(trit_jsonw *w, const trit_logprob *p, const trit_tokenizer *tokenizer) {
    const trit_str text = text_of(tokenizer, p->token);
    trit_jsonw_key(w, "token");
    trit_jsonw_int(w, p->token);
    if (text.p) {
        trit_jsonw_key(w, "text");
        trit_jsonw_strn(w, text.p, text.n);
    }
    trit_jsonw_key(w, "logprob");
    trit_jsonw_f32(w, p->logprob);
}

void trit_logprobs_json(trit_jsonw *w, const trit_logprob *p, uint32_t n, const trit_tokenizer *tokenizer) {
    trit_jsonw_object(w);
    put_token(w, &p[0], tokenizer);
    trit_jsonw_key(w, "top_logprobs");
    trit_jsonw_array(w);
    for (uint32_t i = 1; i < n; i++) {
        trit_jsonw_object(w);
        put_token(w, &p[i], tokenizer);
        trit_jsonw_close(w, '}');
    }
    trit_jsonw_close(w, ']');
    trit_jsonw_close(w, '}');
}
