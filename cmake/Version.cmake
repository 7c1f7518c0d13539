# Writes HEADER with the version and what `git describe` says, and leaves it alone when it is right.
#
# Run at every build (cmake -P); a tree without git, or without commits, still builds.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
  OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed OR NOT revision)
  set(revision "unknown")
endif()
file(CONFIGURE OUTPUT ${HEADER} CONTENT [[
// The version of this build; generated, see cmake/Version.cmake.
#pragma once
#define XP_VERSION "@VERSION@"
#define XP_REVISION "@revision@"
]] @ONLY)
