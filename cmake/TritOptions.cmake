# Options, warnings and libraries that every target shares.
option(TRIT_TESTS "Build the tests (needs cmocka)" ON)
option(TRIT_FUZZ "Build the fuzzers (needs clang)" OFF)
option(TRIT_WERROR "Warnings are errors" OFF)
set(TRIT_SANITIZE "" CACHE STRING "Sanitizers, for example address,undefined or thread")

add_library(trit_flags INTERFACE)
target_include_directories(trit_flags INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(trit_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE TRIT_VERSION="${PROJECT_VERSION}")
# One fused multiply-add is other bits than a product and a sum: the forward pass must be the same bits on every machine.
target_compile_options(trit_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla -Wundef -ffp-contract=off
                                            $<$<BOOL:${TRIT_WERROR}>:-Werror>)
if(TRIT_SANITIZE)
  target_compile_options(trit_flags INTERFACE -fsanitize=${TRIT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(trit_flags INTERFACE -fsanitize=${TRIT_SANITIZE})
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
