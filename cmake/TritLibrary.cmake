# libtrit: the sources of src/ but the server's, compiled once and linked twice (static and shared).
file(GLOB_RECURSE TRIT_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.c)
list(FILTER TRIT_SOURCES EXCLUDE REGEX "/src/server/")

# The store asks the hub through libcurl, or says that it cannot.
if(TRIT_HUB_LIBS)
  list(FILTER TRIT_SOURCES EXCLUDE REGEX "/src/io/hub_http_none\\.c$")
else()
  list(FILTER TRIT_SOURCES EXCLUDE REGEX "/src/io/hub_http\\.c$")
endif()

# Linear algebra is OpenBLAS's and LAPACKE's, or our own products alone.
if(TRIT_BLAS_REQUIRES)
  list(FILTER TRIT_SOURCES EXCLUDE REGEX "/src/(device/cpu/blas|linalg/lapack)_none\\.c$")
else()
  list(FILTER TRIT_SOURCES EXCLUDE REGEX "/src/(device/cpu/blas|linalg/lapack)\\.c$")
endif()

# Training is shared by the processes of an MPI job, or has one.
if(TRIT_MPI)
  list(FILTER TRIT_SOURCES EXCLUDE REGEX "/src/train/parallel_none\\.c$")
else()
  list(FILTER TRIT_SOURCES EXCLUDE REGEX "/src/train/parallel\\.c$")
endif()

# Kernels for one instruction set stand in src/kernel/x86 and src/kernel/arm; a file's last name says what the compiler may
# use. Nothing else is compiled with such flags, so the program starts on the oldest chip and chooses at run time.
set(TRIT_ISA_sse41 -msse4.1)
set(TRIT_ISA_avx2 -mavx2 -mf16c)
set(TRIT_ISA_avxvnni -mavx2 -mf16c -mavxvnni)
set(TRIT_ISA_avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mf16c)
set(TRIT_ISA_avx512vnni ${TRIT_ISA_avx512} -mavx512vnni)
set(TRIT_ISA_avx512bf16 ${TRIT_ISA_avx512vnni} -mavx512bf16)
set(TRIT_ISA_neon "")
set(TRIT_ISA_dotprod -march=armv8.2-a+dotprod)
set(TRIT_ISA_i8mm -march=armv8.2-a+dotprod+i8mm)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(FILTER TRIT_SOURCES EXCLUDE REGEX "/src/kernel/arm/")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  list(FILTER TRIT_SOURCES EXCLUDE REGEX "/src/kernel/x86/")
else()
  list(FILTER TRIT_SOURCES EXCLUDE REGEX "/src/kernel/(x86|arm)/")
endif()
# GCC would gather the additions of an unrolled loop at its end, where their operands no longer fit the registers.
set(TRIT_KERNEL_OPTIONS $<$<C_COMPILER_ID:GNU>:-fno-tree-reassoc>)
# Functions of single elements ask neither for errno nor for the floating-point flags, which would keep their loops from becoming vector code.
set(TRIT_MAP_OPTIONS -fno-math-errno -fno-trapping-math)
foreach(source IN LISTS TRIT_SOURCES)
  set(options "")
  if(source MATCHES "/src/kernel/(x86|arm)/.*_([a-z0-9]+)\\.c$")
    set(options "${TRIT_ISA_${CMAKE_MATCH_2}};${TRIT_KERNEL_OPTIONS}")
  endif()
  if(source MATCHES "/src/kernel/.*/map[^/]*\\.c$")
    list(APPEND options ${TRIT_MAP_OPTIONS})
  endif()
  if(source MATCHES "/src/train/adam\\.c$")
    list(APPEND options -fno-math-errno)
  endif()
  set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${options}")
endforeach()

# The model inside the program: the assembler copies the file into the library (src/model/builtin.c).
if(EXISTS ${TRIT_BUILTIN})
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/model/builtin.c PROPERTIES
    COMPILE_DEFINITIONS TRIT_BUILTIN_FILE="${TRIT_BUILTIN}" OBJECT_DEPENDS ${TRIT_BUILTIN})
else()
  message(STATUS "No ${TRIT_BUILTIN}: the program gets no built-in model")
endif()

add_library(trit_objects OBJECT ${TRIT_SOURCES})
set_target_properties(trit_objects PROPERTIES POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
target_link_libraries(trit_objects PUBLIC trit_flags ${TRIT_REQUIRES})

add_library(trit_static STATIC $<TARGET_OBJECTS:trit_objects>)
set_target_properties(trit_static PROPERTIES OUTPUT_NAME trit EXPORT_NAME trit)
set(TRIT_LIBRARIES trit_static)
if(TRIT_SHARED)
  add_library(trit_shared SHARED $<TARGET_OBJECTS:trit_objects>)
  set_target_properties(trit_shared PROPERTIES OUTPUT_NAME trit VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  # What the library lacks is an error here and not in the program of a user.
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT TRIT_SANITIZE)
    target_link_options(trit_shared PRIVATE LINKER:-z,defs)
  endif()
  list(APPEND TRIT_LIBRARIES trit_shared)
endif()
foreach(library IN LISTS TRIT_LIBRARIES)
  target_include_directories(${library} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                               $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${library} PRIVATE $<BUILD_INTERFACE:trit_flags> ${TRIT_REQUIRES})
endforeach()
