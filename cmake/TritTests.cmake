# One test program per file tests/<room>/test_<file>.c, found by glob; the name of the test is "<room>/<file>".
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
add_library(trit_test_support STATIC ${PROJECT_SOURCE_DIR}/tests/test.c)
target_include_directories(trit_test_support PUBLIC ${PROJECT_SOURCE_DIR}/tests)
target_compile_definitions(trit_test_support PUBLIC TRIT_SOURCE_DIR="${PROJECT_SOURCE_DIR}" TRIT_BINARY_DIR="${PROJECT_BINARY_DIR}")
target_link_libraries(trit_test_support PUBLIC trit_flags PkgConfig::CMOCKA)

file(GLOB_RECURSE TRIT_TEST_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*/test_*.c)
foreach(source IN LISTS TRIT_TEST_SOURCES)
  file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR}/tests ${source})
  string(REGEX REPLACE "/test_([^/]*)\\.c$" "/\\1" name ${name})
  string(REPLACE "/" "_" target "test_${name}")
  add_executable(${target} ${source})
  # The tests see the insides, so they link the objects' archive and not the shared library.
  target_link_libraries(${target} PRIVATE trit_test_support trit_static PkgConfig::JANSSON m)
  add_test(NAME ${name} COMMAND ${target})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600 ENVIRONMENT "CMOCKA_MESSAGE_OUTPUT=stdout")
endforeach()
