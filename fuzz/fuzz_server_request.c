/* Any bytes as the body of a request to the server: read as what a chat and a completion ask for, as a conversation, and as prompts. What is
 * refused says why; what is taken keeps the promises of server/ask.h and server/prompts.h. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "server/ask.h"
#include "server/conversation.h"
#include "server/prompts.h"
#include "server/state.h"
#include "text/alphabet.h"
#include "text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require_refusal(const trit_refusal *r) {
    if (!*r->message || r->kind >= trit_n_refusals || !memchr(r->param, '\0', sizeof r->param)) abort();
}

static void read_ask(const trit_json *body, trit_ask_route route) {
    static const trit_sampling defaults = {.temperature = 1};
    trit_ask a = {0};
    trit_refusal r = {0};
    if (!trit_ask_read(&a, body, route, &defaults, 1, &r)) require_refusal(&r);
    else if (a.n < 1 || a.n > 128 || a.n_logprobs > trit_max_logprobs || a.n_stop > trit_ask_max_texts || !(a.sampling.temperature >= 0)) abort();
    trit_ask_fini(&a);
}

/* Of a server, a conversation sees the special tokens alone. */
static void write_conversation(const trit_json *body) {
    static trit_str specials[] = {{"<s>", 3}, {"</s>", 4}, {"<|eot_id|>", 10}};
    static trit_served s = {.special = specials, .n_special = 3, .special_begins = {['<'] = true}};
    trit_text text = {0};
    trit_refusal r = {0};
    trit_json *written;
    trit_error err;
    if (!trit_conversation_write(&s, body, &text, &r)) {
        require_refusal(&r);
    } else {
        /* Jansson takes no two equal keys and no NUL in one: those of the body were single, chat_template_kwargs may repeat one of ours. */
        if (trit_json_parse(&written, text.data, text.n, "the conversation", &err) == trit_ok) trit_json_free(written);
        else if (!trit_json_get(body, "chat_template_kwargs")) abort();
    }
    trit_text_fini(&text);
}

/* Tools that are taken have a grammar in each family, or a word why not. */
static void read_tools(const trit_json *body) {
    trit_tools tools = {0};
    trit_refusal r = {0};
    const trit_tool_family *family;
    const bool ok = trit_tools_read(&tools, body, &r);
    if (!ok) require_refusal(&r);
    for (size_t i = 0; ok && (family = trit_tool_family_at(i)); i++) {
        trit_grammar *grammar;
        trit_text calls = {0};
        if (!trit_tools_grammar(&grammar, &tools, family, i % 2 ? trit_think_marks_of("</think>") : NULL, i % 4 == 3, NULL, &r)) require_refusal(&r);
        else trit_grammar_free(grammar);
        (void)trit_tool_calls_write(&calls, family, trit_json_get(body, "tools"));
        trit_text_fini(&calls);
    }
    trit_tools_fini(&tools);
}

enum { n_vocab = 257 };

/* The bytes, and a begin token. */
static trit_tokenizer *open_tokenizer(void) {
    static char spelled[256][4];
    static trit_str token[n_vocab];
    static int32_t type[n_vocab];
    trit_tokenizer *t = NULL;
    for (unsigned b = 0; b < 256; b++) token[b] = (trit_str){spelled[b], trit_utf8_encode(trit_alphabet_char((uint8_t)b), spelled[b])};
    token[256] = trit_str_from("<s>");
    for (unsigned i = 0; i < n_vocab; i++) type[i] = i < 256 ? trit_token_normal : trit_token_control;
    const trit_vocab_desc desc = {.model = "gpt2", .pre = "gpt-2", .n_tokens = n_vocab, .token = token, .type = type, .bos = 256, .eos = -1, .eot = -1,
                                  .eom = -1, .unk = -1, .pad = -1, .cls = -1, .sep = -1, .add_bos = trit_no, .add_eos = trit_no};
    if (trit_tokenizer_from_vocab(&t, &desc, NULL) != trit_ok) abort();
    return t;
}

static void require_ids(const trit_prompts *p) {
    if (!p->n) abort();
    for (size_t i = 0; i < p->n; i++) {
        if (!p->begins_empty && !p->ids[i].n) abort();
        for (size_t k = 0; k < p->ids[i].n; k++)
            if (p->ids[i].data[k] < 0 || p->ids[i].data[k] >= n_vocab) abort();
    }
}

static void read_prompts(const trit_json *v, bool is_embedding) {
    static trit_served m = {.info.vocab_size = n_vocab};
    trit_prompts p = {.name = "input", .echo = !is_embedding, .begins_empty = !is_embedding};
    trit_refusal r = {0};
    if (!m.tokenizer) m.tokenizer = open_tokenizer();
    if (trit_prompts_read(&p, &m, v, &r)) require_ids(&p);
    else require_refusal(&r);
    trit_prompts_fini(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    const trit_text text = {.data = (char *)(uintptr_t)data, .n = n};
    trit_refusal r = {0};
    trit_json *body;
    if (!trit_body_read(&body, &text, &r)) {
        require_refusal(&r);
        return 0;
    }
    read_ask(body, trit_ask_chat);
    read_ask(body, trit_ask_text);
    write_conversation(body);
    read_tools(body);
    read_prompts(trit_json_get(body, "prompt"), false);
    read_prompts(trit_json_get(body, "input"), true);
    trit_json_free(body);
    return 0;
}
