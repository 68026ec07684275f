# Installation: headers, libraries, program, pkg-config and CMake package.
include(GNUInstallDirs)
