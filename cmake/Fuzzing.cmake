# The preset `fuzz`: all code is instrumented for libFuzzer, which engine/testing/fuzz.h calls.

option(XP_LIBFUZZER "fuzz with libFuzzer; needs Clang" OFF)

# Without its main(): the test programs have one, and call the driver themselves.
if(XP_LIBFUZZER)
  execute_process(COMMAND ${CMAKE_CXX_COMPILER}
      -print-file-name=libclang_rt.fuzzer_no_main-${CMAKE_SYSTEM_PROCESSOR}.a
    OUTPUT_VARIABLE libfuzzer OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT EXISTS "${libfuzzer}")
    message(FATAL_ERROR
      "${CMAKE_CXX_COMPILER} has no libFuzzer; `scripts/setup.sh tests` installs it")
  endif()
  # GCC's -Wconversion, which the code is held to, is without signs.
  target_compile_options(xp_options INTERFACE -fsanitize=fuzzer-no-link -Wno-sign-conversion)
  target_compile_definitions(xp_options INTERFACE XP_LIBFUZZER)
  target_link_libraries(xp_options INTERFACE ${libfuzzer})
endif()
