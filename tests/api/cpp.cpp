// A C++ program on the shared library, through the umbrella header: does the API work from C++, and is it exported?
#include "trit/trit.h"

#include <cstdio>
#include <cstring>

int main() {
    trit_error err = {};
    trit_tokenizer *tokenizer = nullptr;
    trit_status status = trit_tokenizer_open(&tokenizer, "/nonexistent/tokenizer.json", &err);
    if (status != trit_io || tokenizer || !std::strstr(err.message, "nonexistent")) {
        std::printf("opening a missing file: status %d (%s), message \"%s\"\n", status, trit_status_text(status), err.message);
        return 1;
    }
    trit_text text = {};
    trit_text_fini(&text);
    std::printf("trit %s\n", trit_version());
    return 0;
}
