# Compiler settings, dependencies, and the three functions that declare everything: landfall_library, _program, _test.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# ccache and mold where present. Sloppiness is what ccache's manual asks for with precompiled headers.
find_program(LANDFALL_CCACHE ccache)
if(LANDFALL_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
                                  CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${LANDFALL_CCACHE})
endif()
find_program(LANDFALL_MOLD mold)
if(LANDFALL_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# --- dependencies ---------------------------------------------------------------------------------------------------
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Boost 1.81 REQUIRED)

# OpenSSL >= 3.5 for ML-DSA-65 and X25519MLKEM768: the system's, or the private one that script/openssl built.
if(DEFINED ENV{LANDFALL_OPENSSL_PREFIX} AND NOT LANDFALL_OPENSSL_PREFIX)
  set(LANDFALL_OPENSSL_PREFIX "$ENV{LANDFALL_OPENSSL_PREFIX}" CACHE PATH "prefix of a private OpenSSL >= 3.5")
endif()
if(LANDFALL_OPENSSL_PREFIX)
  set(OPENSSL_ROOT_DIR "${LANDFALL_OPENSSL_PREFIX}")
  foreach(found OPENSSL_CRYPTO_LIBRARY OPENSSL_SSL_LIBRARY OPENSSL_INCLUDE_DIR)
    if(DEFINED ${found} AND NOT "${${found}}" MATCHES "^${LANDFALL_OPENSSL_PREFIX}/")
      unset(${found} CACHE)  # a configuration from before the private copy was there
    endif()
  endforeach()
  # DT_RPATH, not RUNPATH: libcurl's and libevent's own libssl must resolve to this copy too, or two OpenSSLs meet in
  # one process.
  add_link_options(-Wl,--disable-new-dtags -Wl,-rpath,${LANDFALL_OPENSSL_PREFIX}/lib)
endif()
find_package(OpenSSL 3.5 REQUIRED)

# Of every program: for the same reason libssl is linked even where nothing calls it.
function(landfall_one_openssl program)
  if(LANDFALL_OPENSSL_PREFIX)
    target_link_libraries(${program} PRIVATE -Wl,--no-as-needed OpenSSL::SSL OpenSSL::Crypto)
  endif()
endfunction()

pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl>=7.88)
pkg_check_modules(cares REQUIRED IMPORTED_TARGET libcares>=1.18)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
pkg_check_modules(libevent REQUIRED IMPORTED_TARGET libevent>=2.1.12 libevent_openssl>=2.1.12)

# --- flags ----------------------------------------------------------------------------------------------------------
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Wold-style-cast -Wimplicit-fallthrough
                    -Wswitch -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False positives of g++ 12 in coroutine frames, std::variant and std::string at -O2.
  add_compile_options(-Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds -Wno-restrict -Wno-mismatched-new-delete)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wno-deprecated-declarations)  # libstdc++ 12's own std::stable_sort
endif()
# Sections that nothing refers to are left out: half of what Boost brings, and so memory.
add_compile_options(-fstack-protector-strong -fno-plt -fPIE -ffunction-sections -fdata-sections)
if(CMAKE_BUILD_TYPE MATCHES "Rel")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
add_link_options(-pie -Wl,-z,relro,-z,now,--gc-sections)
if(LANDFALL_SANITIZE)
  add_compile_options(-fsanitize=${LANDFALL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LANDFALL_SANITIZE})
  if(LANDFALL_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)
  endif()
endif()
if(LANDFALL_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(LANDFALL_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

# --- Boost, compiled once -------------------------------------------------------------------------------------------
add_library(landfall_boost STATIC cmake/boost.cpp)
target_link_libraries(landfall_boost PUBLIC Boost::headers Threads::Threads)
target_compile_definitions(landfall_boost PUBLIC BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED BOOST_JSON_NO_LIB BOOST_JSON_STATIC_LINK BOOST_URL_NO_LIB BOOST_URL_STATIC_LINK
  BOOST_ERROR_CODE_HEADER_ONLY)
target_compile_options(landfall_boost PRIVATE -w)
target_include_directories(landfall_boost INTERFACE ${PROJECT_SOURCE_DIR})

# Two precompiled headers: without Asio for the pure layers and the server, with Asio for the rest.
option(LANDFALL_PCH "use precompiled headers" ON)
if(NOT LANDFALL_PCH)
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()
add_library(landfall_pch_pure STATIC cmake/pch.cpp)
target_link_libraries(landfall_pch_pure PUBLIC landfall_boost fmt::fmt)
target_precompile_headers(landfall_pch_pure PRIVATE cmake/pch_pure.hpp)
add_library(landfall_pch_async STATIC cmake/pch.cpp)
target_link_libraries(landfall_pch_async PUBLIC landfall_boost fmt::fmt)
target_precompile_headers(landfall_pch_async PRIVATE cmake/pch_async.hpp)

# landfall_library(FOLDER [ASYNC] [LINKS ...]): the folder's *.cpp, but main.cpp, as the static library landfall_FOLDER.
# LINKS takes folder names and targets.
function(landfall_library folder)
  cmake_parse_arguments(arg "ASYNC" "" "LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  add_library(landfall_${folder} STATIC ${sources})
  set_target_properties(landfall_${folder} PROPERTIES LINKER_LANGUAGE CXX)
  target_include_directories(landfall_${folder} PUBLIC ${PROJECT_SOURCE_DIR})
  foreach(link ${arg_LINKS})
    if(TARGET landfall_${link})
      set(link landfall_${link})
    endif()
    target_link_libraries(landfall_${folder} PUBLIC ${link})
  endforeach()
  if(arg_ASYNC)
    target_precompile_headers(landfall_${folder} REUSE_FROM landfall_pch_async)
  else()
    target_precompile_headers(landfall_${folder} REUSE_FROM landfall_pch_pure)
  endif()
endfunction()

# landfall_program(NAME MAIN file LINKS folder...): a program in build/PRESET/NAME.
function(landfall_program name)
  cmake_parse_arguments(arg "" "MAIN" "LINKS" ${ARGN})
  add_executable(${name} ${arg_MAIN})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  foreach(link ${arg_LINKS})
    target_link_libraries(${name} PRIVATE landfall_${link})
  endforeach()
  landfall_one_openssl(${name})
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()
