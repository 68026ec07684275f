# The program: cli/ over the public header.
file(GLOB TRIT_CLI_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cli/*.c)
if(TRIT_CLI_SOURCES)
  add_executable(trit ${TRIT_CLI_SOURCES})
  target_link_libraries(trit PRIVATE trit_static trit_flags)
  if(TRIT_STATIC)
    target_link_options(trit PRIVATE -static)
  endif()
endif()
