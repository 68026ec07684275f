# Installation: headers, libraries, program, pkg-config file, CMake package, licences, program. Man page and
# completions are installed where the program makes them (TritProgram.cmake).
include(CMakePackageConfigHelpers)
set(TRIT_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/trit)

install(TARGETS ${TRIT_LIBRARIES} EXPORT tritTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/trit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.def")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE-MIT ${PROJECT_SOURCE_DIR}/LICENSE-APACHE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# find_package(trit): trit::trit (static) and trit::trit_shared.
install(EXPORT tritTargets NAMESPACE trit:: DESTINATION ${TRIT_CMAKE_DIR})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/tritConfig.cmake.in ${PROJECT_BINARY_DIR}/tritConfig.cmake
  INSTALL_DESTINATION ${TRIT_CMAKE_DIR} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tritConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tritConfig.cmake ${PROJECT_BINARY_DIR}/tritConfigVersion.cmake DESTINATION ${TRIT_CMAKE_DIR})

# pkg-config: the prefix is written at install time, since `cmake --install --prefix` may change it.
set(prefix "@prefix@")
configure_file(${PROJECT_SOURCE_DIR}/cmake/trit.pc.in ${PROJECT_BINARY_DIR}/trit.pc.in @ONLY)
install(CODE "
  set(prefix \"\${CMAKE_INSTALL_PREFIX}\")
  configure_file(\"${PROJECT_BINARY_DIR}/trit.pc.in\" \"${PROJECT_BINARY_DIR}/trit.pc\" @ONLY)")
install(FILES ${PROJECT_BINARY_DIR}/trit.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET trit)
  install(TARGETS trit RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
