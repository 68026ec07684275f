# Fuzzers: fuzz/fuzz_<name>.c defines LLVMFuzzerTestOneInput for one parser.
#   TRIT_FUZZ=ON (clang)  builds fuzz_<name> with libFuzzer; TRIT_SANITIZE says which sanitizers stand beside it.
#   TRIT_TESTS=ON         builds the same function with fuzz/driver.c as the test "fuzz/<name>": every file of
#                         fuzz/corpus/<name>/ and some thousand deterministic mutations of them.
file(GLOB TRIT_FUZZ_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/fuzz/fuzz_*.c)
foreach(source IN LISTS TRIT_FUZZ_SOURCES)
  get_filename_component(target ${source} NAME_WE)
  string(REGEX REPLACE "^fuzz_" "" name ${target})
  if(TRIT_FUZZ)
    add_executable(${target} ${source})
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(${target} PRIVATE trit_cli trit_flags)
  endif()
  if(TRIT_TESTS)
    add_executable(test_${target} ${source} ${PROJECT_SOURCE_DIR}/fuzz/driver.c)
    target_link_libraries(test_${target} PRIVATE trit_cli trit_flags)
    set(mutations 4000)
    if(name STREQUAL "server_http") # each one is a connection
      set(mutations 400)
    endif()
    trit_add_test(fuzz/${name} test_${target} ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name} ${mutations})
  endif()
endforeach()
# Our own code is what the fuzzer must see the branches of.
if(TRIT_FUZZ)
  target_compile_options(trit_objects PRIVATE -fsanitize=fuzzer-no-link)
  target_compile_options(trit_cli PRIVATE -fsanitize=fuzzer-no-link)
  if(TARGET trit_server)
    target_compile_options(trit_server PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endif()
