/* A program of somebody else's on an installed libtrit: opens the built-in model and continues a text. */
#include <stdio.h>
#include <string.h>
#include <trit/trit.h>

static int fail(const char *what, const trit_error *err) {
    printf("%s: %s (%s)\n", what, trit_status_text(err->status), err->message);
    return 1;
}

int main(void) {
    trit_error err = {0};
    trit_model *model = NULL;
    trit_engine *engine = NULL;
    trit_ids ids = {0};
    uint64_t id = 0;
    static const char prompt[] = "Once upon a time";
    if (trit_model_open(&model, NULL, NULL, &err)) return fail("open", &err);
    if (trit_engine_new(&engine, model, NULL, &err)) return fail("engine", &err);
    if (trit_tokenizer_encode(trit_model_tokenizer(model), &ids, prompt, strlen(prompt), NULL, &err)) return fail("encode", &err);
    trit_request request = {.prompt = ids.data, .n_prompt = ids.n, .max_tokens = 16};
    if (trit_engine_submit(engine, &request, &id, &err)) return fail("submit", &err);
    printf("%s", prompt);
    while (!trit_engine_idle(engine)) {
        const trit_event *events = NULL;
        size_t n = 0;
        if (trit_engine_step(engine, &events, &n, &err)) return fail("step", &err);
        for (size_t i = 0; i < n; i++) printf("%.*s", (int)events[i].n_text, events[i].text ? events[i].text : "");
    }
    printf("\n");
    trit_ids_fini(&ids);
    trit_engine_free(engine);
    trit_model_close(model);
    return 0;
}
