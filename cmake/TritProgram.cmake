# The program: cli/ over the public header.
file(GLOB TRIT_CLI_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cli/*.c)
if(NOT TRIT_CLI_SOURCES)
  return()
endif()

# Lines are edited by libedit, or read as they come.
if(TRIT_EDIT AND EDIT_FOUND)
  list(FILTER TRIT_CLI_SOURCES EXCLUDE REGEX "/cli/editor_none\\.c$")
  set(trit_edit PkgConfig::EDIT)
else()
  list(FILTER TRIT_CLI_SOURCES EXCLUDE REGEX "/cli/editor\\.c$")
  set(trit_edit "")
endif()

# What the built-in model must answer, for `trit doctor`: NAME_golden.json beside NAME.gguf becomes a list of rows. Where there is
# no such file the list is empty.
string(REGEX REPLACE "\\.gguf$" "_golden.json" golden_json "${TRIT_BUILTIN}")
set(golden_rows "")
if(EXISTS "${TRIT_BUILTIN}" AND EXISTS "${golden_json}" AND NOT golden_json STREQUAL TRIT_BUILTIN)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${golden_json}")
  file(READ "${golden_json}" golden)
  string(JSON origin GET "${golden}" source)
  set(golden_rows "/* ${origin} */\n")
  foreach(list_and_row "prompt_ids PROMPT" "greedy_ids GREEDY" "last_prompt_top_8 LOGIT")
    separate_arguments(list_and_row)
    list(GET list_and_row 0 list)
    list(GET list_and_row 1 row)
    string(JSON n LENGTH "${golden}" ${list})
    math(EXPR last "${n} - 1")
    foreach(i RANGE ${last})
      if(row STREQUAL "LOGIT")
        string(JSON id GET "${golden}" ${list} ${i} 0)
        string(JSON value GET "${golden}" ${list} ${i} 1)
        string(APPEND golden_rows "TRIT_GOLDEN_LOGIT(${id}, ${value})\n")
      else()
        string(JSON id GET "${golden}" ${list} ${i})
        string(APPEND golden_rows "TRIT_GOLDEN_${row}(${id})\n")
      endif()
    endforeach()
  endforeach()
endif()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/cli/golden.def CONTENT "${golden_rows}" @ONLY)

# Which revision this is, for the benchmark's files: asked at each build, and written only when it changed.
add_custom_target(trit_revision BYPRODUCTS ${PROJECT_BINARY_DIR}/cli/revision.h
  COMMAND ${CMAKE_COMMAND} -D OUT=${PROJECT_BINARY_DIR}/cli/revision.h -D SOURCE=${PROJECT_SOURCE_DIR}
          -P ${PROJECT_SOURCE_DIR}/cmake/TritRevision.cmake VERBATIM)

# The server: HTTP through libmicrohttpd, or a word that this build has none.
file(GLOB TRIT_SERVER_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/server/*.c)
if(TRIT_SERVER AND MICROHTTPD_FOUND)
  list(FILTER TRIT_SERVER_SOURCES EXCLUDE REGEX "/httpd_none\\.c$")
  set(trit_http PkgConfig::MICROHTTPD)
else()
  list(FILTER TRIT_SERVER_SOURCES EXCLUDE REGEX "/httpd\\.c$")
  set(trit_http "")
  message(STATUS "Without libmicrohttpd: `trit serve` cannot serve")
endif()
# The page: the assembler copies the file into the program (src/server/page.c).
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/server/page.c PROPERTIES
  COMPILE_DEFINITIONS TRIT_PAGE_FILE="${PROJECT_SOURCE_DIR}/src/server/page.html" OBJECT_DEPENDS ${PROJECT_SOURCE_DIR}/src/server/page.html)
add_library(trit_server STATIC ${TRIT_SERVER_SOURCES})
target_link_libraries(trit_server PUBLIC trit_static PRIVATE trit_flags ${trit_http})

# All but main.c, for the program and for the fuzzers of its parsers.
list(REMOVE_ITEM TRIT_CLI_SOURCES ${PROJECT_SOURCE_DIR}/cli/main.c)
add_library(trit_cli STATIC ${TRIT_CLI_SOURCES})
add_dependencies(trit_cli trit_revision)
target_include_directories(trit_cli PRIVATE ${PROJECT_BINARY_DIR}/cli INTERFACE ${PROJECT_SOURCE_DIR}/cli)
target_link_libraries(trit_cli PUBLIC trit_server trit_static PRIVATE trit_flags ${trit_edit})

add_executable(trit cli/main.c)
target_link_libraries(trit PRIVATE trit_cli trit_flags)
# Models need no BLAS: with this in its place the program does not ask for OpenBLAS when it starts.
if(TRIT_BLAS_REQUIRES)
  target_sources(trit PRIVATE src/device/cpu/blas_none.c)
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    target_link_options(trit PRIVATE LINKER:--as-needed)
  endif()
endif()
if(TRIT_STATIC)
  target_link_options(trit PRIVATE -static)
endif()

# Man page and completions are what the program itself prints from its tables. A cross build without an emulator has none.
if(NOT CMAKE_CROSSCOMPILING OR CMAKE_CROSSCOMPILING_EMULATOR)
  include(GNUInstallDirs)
  set(texts ${PROJECT_BINARY_DIR}/cli/trit.1)
  add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/cli/trit.1 COMMAND trit man > ${PROJECT_BINARY_DIR}/cli/trit.1 DEPENDS trit VERBATIM)
  install(FILES ${PROJECT_BINARY_DIR}/cli/trit.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  foreach(shell_file "bash trit bash-completion/completions" "zsh _trit zsh/site-functions" "fish trit.fish fish/vendor_completions.d")
    separate_arguments(shell_file)
    list(GET shell_file 0 shell)
    list(GET shell_file 1 file)
    list(GET shell_file 2 folder)
    set(text ${PROJECT_BINARY_DIR}/cli/${shell}/${file})
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/cli/${shell})
    add_custom_command(OUTPUT ${text} COMMAND trit completion ${shell} > ${text} DEPENDS trit VERBATIM)
    install(FILES ${text} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder})
    list(APPEND texts ${text})
  endforeach()
  add_custom_target(trit_texts ALL DEPENDS ${texts})
endif()
