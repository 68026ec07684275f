/* Any bytes as a chat template: what compiles is rendered on a small conversation, under limits small enough for a fuzzer. */
#include <stdlib.h>

#include "jinja/jinja.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char conversation[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \" Be brief.\\n\"}, {\"role\": \"user\", \"content\": \"h\\u00e9llo \\ud83d\\ude00\"},"
    " {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": 7, \"function\": {\"name\": \"f\", \"arguments\": {\"x\": 1.5}}}]}],"
    " \"tools\": [{\"name\": \"f\", \"required\": [\"x\", true, -3]}], \"n\": 3, \"add_generation_prompt\": true}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_error err;
    trit_jinja *template = NULL;
    trit_json *variables = NULL;
    trit_text out = {0};
    const trit_jinja_opts opts = {
        .bos_token = "<s>",
        .now = {2024, 7, 26, 12, 0, 0},
        .limits = {.steps = 20000, .depth = 100, .output_bytes = 1 << 16, .memory_bytes = 1 << 20},
    };
    if (trit_jinja_compile(&template, (const char *)data, n, &err) != trit_ok) return 0;
    if (trit_json_parse(&variables, conversation, sizeof conversation - 1, "conversation", &err) != trit_ok) abort();
    if (trit_jinja_render(template, &out, variables, &opts, &err) == trit_ok && out.data[out.n] != '\0') abort();
    trit_text_fini(&out);
    trit_json_free(variables);
    trit_jinja_free(template);
    return 0;
}
