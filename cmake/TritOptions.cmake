# Options, warnings and libraries that every target shares.
option(TRIT_TESTS "Build the tests (needs cmocka)" ON)
option(TRIT_FUZZ "Build the fuzzers (needs clang)" OFF)
option(TRIT_WERROR "Warnings are errors" OFF)
option(TRIT_SHARED "Build the shared library" ON)
set(TRIT_HUB AUTO CACHE STRING "Fetch models with libcurl: ON, OFF, or AUTO where libcurl is there")
option(TRIT_STATIC "Link the program fully statically: one file that needs nothing of the machine" OFF)
set(TRIT_SANITIZE "" CACHE STRING "Sanitizers, for example address,undefined or thread")
set(TRIT_BUILTIN "${PROJECT_SOURCE_DIR}/models/story.gguf" CACHE FILEPATH "The model inside the program; none if the file is absent")

# A build type for sanitizers: quick enough to run the whole suite, assertions on.
set(CMAKE_C_FLAGS_SANITIZE "-O1 -g")
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -g")

add_library(trit_flags INTERFACE)
target_include_directories(trit_flags INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(trit_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE $<$<PLATFORM_ID:Darwin>:_DARWIN_C_SOURCE>
                                                TRIT_VERSION="${PROJECT_VERSION}")
# One fused multiply-add is other bits than a product and a sum: the forward pass must be the same bits on every machine.
target_compile_options(trit_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla -Wundef -ffp-contract=off
                                            $<$<BOOL:${TRIT_WERROR}>:-Werror>)
if(TRIT_SANITIZE)
  target_compile_options(trit_flags INTERFACE -fsanitize=${TRIT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(trit_flags INTERFACE -fsanitize=${TRIT_SANITIZE})
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
if(TRIT_STATIC)
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
endif()
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.12)
set(TRIT_REQUIRES PkgConfig::PCRE2 PkgConfig::UTF8PROC PkgConfig::JANSSON Threads::Threads m)
# Fetching models is the one part that needs a network; everything else is built and works without it.
if(TRIT_HUB STREQUAL "AUTO")
  pkg_check_modules(CURL QUIET IMPORTED_TARGET libcurl>=7.66)
elseif(TRIT_HUB)
  pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl>=7.66)
endif()
if(TRIT_HUB AND CURL_FOUND)
  list(APPEND TRIT_REQUIRES PkgConfig::CURL)
  set(TRIT_HUB_LIBS -lcurl)
else()
  set(TRIT_HUB_LIBS "")
  message(STATUS "Without libcurl: `trit pull` cannot fetch models")
endif()
