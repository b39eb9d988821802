# Everything from outside: Debian packages by pkg-config, pinned files from .deps/.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
pkg_check_modules(EDIT REQUIRED IMPORTED_TARGET libedit)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(XML2 REQUIRED IMPORTED_TARGET libxml-2.0)
pkg_check_modules(EXPAT REQUIRED IMPORTED_TARGET expat)
pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-uc)
find_library(STEMMER NAMES libstemmer.a stemmer REQUIRED) # no .pc file

# gRPC's C core and what it stands on, linked statically: as fifty shared libraries they cost every command 15 ms and 8 MB.
pkg_check_modules(GRPC REQUIRED IMPORTED_TARGET grpc)
set(GRPC_STATIC ${GRPC_STATIC_LIBRARIES})
list(REMOVE_DUPLICATES GRPC_STATIC)
list(FILTER GRPC_STATIC EXCLUDE REGEX "^(ssl|crypto|z|rt|m|dl|pthread|atomic)$")
list(TRANSFORM GRPC_STATIC PREPEND -l)
list(JOIN GRPC_STATIC " " GRPC_STATIC)
add_library(grpc_core INTERFACE)
target_include_directories(grpc_core SYSTEM INTERFACE ${GRPC_INCLUDE_DIRS})
if(LH_SANITIZE) # so that tests/tsan.supp can name them
  target_link_libraries(grpc_core INTERFACE PkgConfig::GRPC)
else()
  target_link_libraries(grpc_core INTERFACE
    "-Wl,--push-state,-Bstatic,--start-group ${GRPC_STATIC} -Wl,--end-group,--pop-state -lssl -lcrypto -lz -ldl -lstdc++")
endif()

set(DEPS ${CMAKE_SOURCE_DIR}/.deps)
if(NOT EXISTS ${DEPS}/duckdb/lib/libduckdb.so)
  message(FATAL_ERROR "run `make setup` first: ${DEPS}/duckdb is missing")
endif()
if(NOT EXISTS ${DEPS}/llama/lib/libllama.a)
  message(FATAL_ERROR "run `make setup` first: ${DEPS}/llama is missing")
endif()

# The binary finds libduckdb.so in lib/, the extensions in extensions/ and the embedding model in models/ beside itself.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/lib ${CMAKE_BINARY_DIR}/extensions ${CMAKE_BINARY_DIR}/models)
file(COPY ${DEPS}/duckdb/lib/libduckdb.so DESTINATION ${CMAKE_BINARY_DIR}/lib)
file(COPY ${DEPS}/duckdb/extensions/ DESTINATION ${CMAKE_BINARY_DIR}/extensions)
file(COPY ${DEPS}/models/all-minilm-l6-v2.gguf DESTINATION ${CMAKE_BINARY_DIR}/models)
if(EXISTS ${DEPS}/pdfium/libpdfium.so) # of tools/setup-pdf
  file(CREATE_LINK ${DEPS}/pdfium/libpdfium.so ${CMAKE_BINARY_DIR}/lib/libpdfium.so SYMBOLIC)
endif()
add_library(duckdb SHARED IMPORTED)
set_target_properties(duckdb PROPERTIES
  IMPORTED_LOCATION ${CMAKE_BINARY_DIR}/lib/libduckdb.so
  IMPORTED_NO_SONAME ON
  INTERFACE_INCLUDE_DIRECTORIES ${DEPS}/duckdb/include)
set(CMAKE_BUILD_RPATH "$ORIGIN/lib")
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)

add_library(yyjson STATIC ${DEPS}/yyjson/yyjson.c)
target_include_directories(yyjson SYSTEM PUBLIC ${DEPS}/yyjson)
target_compile_options(yyjson PRIVATE -w -O2)

# nanoarrow with its IPC writer (flatcc runtime beneath).
file(GLOB FLATCC ${DEPS}/nanoarrow/flatcc-*)
set(NANOARROW ${DEPS}/nanoarrow/arrow-nanoarrow/src)
set(NANOARROW_VERSION 0.7.0)
set(NANOARROW_VERSION_MAJOR 0)
set(NANOARROW_VERSION_MINOR 7)
set(NANOARROW_VERSION_PATCH 0)
set(NANOARROW_NAMESPACE_DEFINE "#define NANOARROW_NAMESPACE LhArrow")
configure_file(${NANOARROW}/nanoarrow/nanoarrow_config.h.in ${CMAKE_BINARY_DIR}/nanoarrow/nanoarrow/nanoarrow_config.h)
add_library(nanoarrow STATIC
  ${NANOARROW}/nanoarrow/common/array.c ${NANOARROW}/nanoarrow/common/array_stream.c
  ${NANOARROW}/nanoarrow/common/schema.c ${NANOARROW}/nanoarrow/common/utils.c
  ${NANOARROW}/nanoarrow/ipc/codecs.c ${NANOARROW}/nanoarrow/ipc/decoder.c
  ${NANOARROW}/nanoarrow/ipc/encoder.c ${NANOARROW}/nanoarrow/ipc/reader.c
  ${NANOARROW}/nanoarrow/ipc/writer.c
  ${FLATCC}/src/runtime/builder.c ${FLATCC}/src/runtime/emitter.c
  ${FLATCC}/src/runtime/refmap.c ${FLATCC}/src/runtime/verifier.c)
target_include_directories(nanoarrow SYSTEM PUBLIC ${NANOARROW} ${CMAKE_BINARY_DIR}/nanoarrow ${FLATCC}/include)
target_compile_options(nanoarrow PRIVATE -w -O2)

# USearch's proximity graph: one header of C++ templates, included by src/ann/graph.cc alone.
add_library(usearch INTERFACE)
target_include_directories(usearch SYSTEM INTERFACE ${DEPS}/usearch)

# llama.cpp, which tools/setup-llama builds once. Its C++ is not ours to sanitize.
set(LLAMA ${DEPS}/llama)
foreach(library llama-schema llama ggml ggml-cpu ggml-base)
  add_library(${library} STATIC IMPORTED)
  set_target_properties(${library} PROPERTIES
    IMPORTED_LOCATION ${LLAMA}/lib/lib${library}.a
    IMPORTED_LINK_INTERFACE_LANGUAGES CXX
    INTERFACE_INCLUDE_DIRECTORIES ${LLAMA}/include)
endforeach()
target_link_libraries(ggml-cpu INTERFACE ggml-base)
target_link_libraries(ggml INTERFACE ggml-cpu ggml-base ${CMAKE_DL_LIBS})
target_link_libraries(llama INTERFACE ggml Threads::Threads m)
target_link_libraries(llama-schema INTERFACE llama)
