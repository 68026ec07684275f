# Cross build for 64-bit ARM Linux. TRIT_SYSROOT_AARCH64 is a folder that holds Debian's arm64 libraries (tools/sysroot.sh fills
# it); it serves the linker and the emulator, and nothing of the machine itself changes.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

if(NOT DEFINED TRIT_SYSROOT_AARCH64)
  set(TRIT_SYSROOT_AARCH64 "${CMAKE_CURRENT_LIST_DIR}/../build/sysroot-aarch64")
endif()
get_filename_component(TRIT_SYSROOT_AARCH64 "${TRIT_SYSROOT_AARCH64}" ABSOLUTE)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES TRIT_SYSROOT_AARCH64)

set(CMAKE_FIND_ROOT_PATH "${TRIT_SYSROOT_AARCH64}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} "${TRIT_SYSROOT_AARCH64}/usr/lib/aarch64-linux-gnu/pkgconfig")
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${TRIT_SYSROOT_AARCH64}")

set(CMAKE_CROSSCOMPILING_EMULATOR "qemu-aarch64;-L;${TRIT_SYSROOT_AARCH64}")
