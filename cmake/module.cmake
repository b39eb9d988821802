# What every test runs with: the sanitizers' own settings. A sanitized program is some times slower.
# DuckDB holds more than the 64 locks at once that TSan's look for deadlocks can bear (it ends the program then).
set(LH_TEST_ENVIRONMENT "")
set(LH_TEST_SECONDS 300)
if(LH_SANITIZE)
  set(LH_TEST_SECONDS 900)
  set(LH_TEST_ENVIRONMENT
    LAKEHOUSE_SANITIZED=${LH_SANITIZE}
    ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=0
    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/lsan.supp
    TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp:detect_deadlocks=0)
endif()

# lh_module(NAME DEPENDS module... LIBRARIES target...)
# One call builds a module of src/: NAME's *.c into lh_NAME, each <file>_test.c
# into a CTest case NAME.<file>, each <file>_fuzz.c into a libFuzzer binary (with
# LH_FUZZ) or into a test that replays tests/corpus/<file>/.
function(lh_warnings target)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
    -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wcast-qual -Wwrite-strings -Wundef
    -Wimplicit-fallthrough -Wpointer-arith -Wswitch-enum -fno-common>
    $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra>
    -fvisibility=hidden -fstack-protector-strong)
  if(LH_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(CMAKE_BUILD_TYPE MATCHES "Rel")
    target_compile_options(${target} PRIVATE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  endif()
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_options(${target} PRIVATE -Wl,-z,relro,-z,now)
  if(LH_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${LH_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
    # The functions of std:: that our C++ has stay ours: DuckDB, which is not instrumented, would call them, and TSan tell of
    # what it does with them. clang's runtime is an archive too, and its malloc() has to be everybody's.
    target_link_options(${target} PRIVATE -fsanitize=${LH_SANITIZE} $<$<C_COMPILER_ID:GNU>:LINKER:--exclude-libs,ALL>)
  endif()
endfunction()

function(lh_module name)
  cmake_parse_arguments(arg "" "" "DEPENDS;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.c *.cc)
  file(GLOB tests CONFIGURE_DEPENDS *_test.c)
  file(GLOB fuzzers CONFIGURE_DEPENDS *_fuzz.c)
  list(REMOVE_ITEM sources ${tests} ${fuzzers})
  list(TRANSFORM arg_DEPENDS PREPEND lh_ OUTPUT_VARIABLE deps)
  if(NOT sources)
    add_library(lh_${name} INTERFACE)
    return()
  endif()
  add_library(lh_${name} STATIC ${sources})
  lh_warnings(lh_${name})
  target_link_libraries(lh_${name} PUBLIC ${deps} ${arg_LIBRARIES} Threads::Threads)
  foreach(test ${tests})
    get_filename_component(file ${test} NAME_WE)
    string(REGEX REPLACE "_test$" "" file ${file})
    add_executable(${name}_${file}_test ${test})
    lh_warnings(${name}_${file}_test)
    target_compile_options(${name}_${file}_test PRIVATE -UNDEBUG)
    target_link_libraries(${name}_${file}_test PRIVATE lh_${name} PkgConfig::CMOCKA)
    add_test(NAME ${name}.${file} COMMAND ${name}_${file}_test)
    set_tests_properties(${name}.${file} PROPERTIES LABELS unit TIMEOUT ${LH_TEST_SECONDS} SKIP_RETURN_CODE 77
      ENVIRONMENT "${LH_TEST_ENVIRONMENT}")
  endforeach()
  foreach(fuzzer ${fuzzers})
    get_filename_component(file ${fuzzer} NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" file ${file})
    if(LH_FUZZ)
      add_executable(${file}_fuzz ${fuzzer})
      target_link_options(${file}_fuzz PRIVATE -fsanitize=fuzzer)
    else()
      add_executable(${file}_fuzz ${fuzzer} ${CMAKE_SOURCE_DIR}/tests/replay.c)
    endif()
    lh_warnings(${file}_fuzz)
    target_compile_options(${file}_fuzz PRIVATE -UNDEBUG) # they check by assert()
    target_link_libraries(${file}_fuzz PRIVATE lh_${name})
    add_test(NAME corpus.${file} COMMAND ${file}_fuzz -runs=0 ${CMAKE_SOURCE_DIR}/tests/corpus/${file})
    set_tests_properties(corpus.${file} PROPERTIES LABELS corpus TIMEOUT ${LH_TEST_SECONDS} ENVIRONMENT "${LH_TEST_ENVIRONMENT}")
  endforeach()
endfunction()
