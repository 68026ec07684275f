# One test per file, found by glob; its name is "<room>/<file>":
#   tests/<room>/test_<file>.c    a cmocka program on the library's insides
#   tests/<room>/test_<file>.sh   a shell script
#   tests/<room>/test_<file>.py   a Python program on the shared library
# Every test finds in its environment
#   TRIT_PROGRAM    the program under test
#   TRIT_EMULATOR   what runs a program of a cross build, "" else; it goes before the program's path
#   TRIT_SOURCE     the source tree
#   TRIT_BUILD      the build tree
# and works in a folder of its own below the build tree.
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
add_library(trit_test_support STATIC ${PROJECT_SOURCE_DIR}/tests/test.c)
target_include_directories(trit_test_support PUBLIC ${PROJECT_SOURCE_DIR}/tests)
target_compile_definitions(trit_test_support PUBLIC TRIT_SOURCE_DIR="${PROJECT_SOURCE_DIR}" TRIT_BINARY_DIR="${PROJECT_BINARY_DIR}")
target_link_libraries(trit_test_support PUBLIC trit_flags PkgConfig::CMOCKA)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  # GCC 12 for AArch64 fails with an internal error where it makes vectors of certain loops for a maximum; tests need none.
  target_compile_options(trit_test_support PUBLIC -fno-tree-vectorize)
endif()

string(REPLACE ";" " " trit_emulator "${CMAKE_CROSSCOMPILING_EMULATOR}")
# OpenBLAS's own threads keep memory that they got for good, whenever they happen to start: tests that count memory would see it.
set(trit_test_environment CMOCKA_MESSAGE_OUTPUT=stdout "TRIT_EMULATOR=${trit_emulator}" "TRIT_SOURCE=${PROJECT_SOURCE_DIR}"
                          "TRIT_BUILD=${PROJECT_BINARY_DIR}" "TRIT_CACHE=${PROJECT_BINARY_DIR}/tests" OPENBLAS_NUM_THREADS=1)
if(TARGET trit)
  list(APPEND trit_test_environment "TRIT_PROGRAM=$<TARGET_FILE:trit>")
endif()

# trit_add_test(name command...): what every test has in common.
function(trit_add_test name)
  set(folder ${PROJECT_BINARY_DIR}/tests/${name})
  file(MAKE_DIRECTORY ${folder})
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${folder})
  get_filename_component(room ${name} DIRECTORY)
  set_tests_properties(${name} PROPERTIES TIMEOUT 1800 LABELS "${room}" SKIP_RETURN_CODE 77 ENVIRONMENT "${trit_test_environment}")
endfunction()

# trit_test_name(out source): tests/io/test_gguf.c is "io/gguf".
function(trit_test_name out source)
  file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR}/tests ${source})
  string(REGEX REPLACE "/test_([^/]*)\\.[a-z]+$" "/\\1" name ${name})
  set(${out} ${name} PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE TRIT_TEST_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*/test_*.c)
if(NOT trit_http)
  list(FILTER TRIT_TEST_SOURCES EXCLUDE REGEX "/tests/server/") # TritProgram.cmake: this build cannot serve
endif()
foreach(source IN LISTS TRIT_TEST_SOURCES)
  trit_test_name(name ${source})
  string(REPLACE "/" "_" target "test_${name}")
  add_executable(${target} ${source})
  # The tests see the insides, so they link the objects' archive and not the shared library.
  if(source MATCHES "/tests/server/")
    target_link_libraries(${target} PRIVATE trit_server)
  endif()
  target_link_libraries(${target} PRIVATE trit_test_support trit_static PkgConfig::JANSSON m)
  trit_add_test(${name} ${target})
endforeach()

# The tours of examples/: a program each, on the public headers alone.
file(GLOB TRIT_EXAMPLES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.c)
foreach(source IN LISTS TRIT_EXAMPLES)
  get_filename_component(name ${source} NAME_WE)
  add_executable(example_${name} ${source})
  target_link_libraries(example_${name} PRIVATE trit_static)
  trit_add_test(examples/${name} example_${name})
endforeach()

# Scripts look at the tree and at what the build made; a cross build has the tree in common with the native one.
if(NOT CMAKE_CROSSCOMPILING)
  file(GLOB_RECURSE TRIT_TEST_SCRIPTS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*/test_*.sh)
  foreach(source IN LISTS TRIT_TEST_SCRIPTS)
    trit_test_name(name ${source})
    trit_add_test(${name} sh ${source})
  endforeach()
  # The shared library called from Python, beside NumPy's answers; skipped where there is no NumPy.
  if(TARGET trit_shared)
    file(GLOB TRIT_TEST_PYTHONS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*/test_*.py)
    foreach(source IN LISTS TRIT_TEST_PYTHONS)
      trit_test_name(name ${source})
      trit_add_test(${name} ${CMAKE_COMMAND} -E env TRIT_LIBRARY=$<TARGET_FILE:trit_shared> PYTHONDONTWRITEBYTECODE=1 python3 ${source})
    endforeach()
  endif()
endif()

# Every public header compiles alone, as C11 and as C++17, with nothing but include/ in sight.
file(GLOB_RECURSE TRIT_HEADERS CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/include/*.h)
set(trit_header_languages c)
if(NOT CMAKE_CROSSCOMPILING)
  include(CheckLanguage)
  check_language(CXX)
endif()
if(CMAKE_CXX_COMPILER)
  enable_language(CXX)
  list(APPEND trit_header_languages cpp)
endif()
foreach(language IN LISTS trit_header_languages)
  set(sources)
  foreach(header IN LISTS TRIT_HEADERS)
    string(REPLACE "/" "_" name ${header})
    set(source ${PROJECT_BINARY_DIR}/tests/headers/${name}.${language})
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"@header@\"\n#include \"@header@\"\n" @ONLY)
    list(APPEND sources ${source})
  endforeach()
  add_library(trit_headers_${language} OBJECT ${sources})
  target_include_directories(trit_headers_${language} PRIVATE ${PROJECT_SOURCE_DIR}/include)
  target_compile_options(trit_headers_${language} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror)
endforeach()
if(CMAKE_CXX_COMPILER)
  set_target_properties(trit_headers_cpp PROPERTIES CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF)
  if(TRIT_SHARED AND EXISTS ${PROJECT_SOURCE_DIR}/tests/api/cpp.cpp)
    add_executable(test_api_cpp ${PROJECT_SOURCE_DIR}/tests/api/cpp.cpp)
    set_target_properties(test_api_cpp PROPERTIES CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF)
    target_link_libraries(test_api_cpp PRIVATE trit_shared)
    trit_add_test(api/cpp test_api_cpp)
  endif()
endif()
