# Writes HEADER with what a plug-in has to agree on with the programs that load it, and leaves it
# alone when it is right: INTERFACE, a hash of all HEADERS that a component may include, so that
# no version number has to be incremented by hand.
#
# usage: cmake -DSOURCE=FOLDER -DHEADERS="a.h b.h" -DVERSION=0.1.0 -DLIBTORCH=2.11.0 -DHEADER=FILE
#        -P Abi.cmake
separate_arguments(HEADERS)
set(texts "")
foreach(header IN LISTS HEADERS)
  file(SHA256 ${SOURCE}/${header} hash)
  string(APPEND texts "${header} ${hash}\n")
endforeach()
string(SHA256 interface "${texts}")
string(SUBSTRING ${interface} 0 16 interface)
file(CONFIGURE OUTPUT ${HEADER} CONTENT [[
// What the stamp of a plug-in must agree with; generated, see cmake/Abi.cmake.
#pragma once
#define XP_ABI_VERSION "@VERSION@"
#define XP_ABI_INTERFACE "@interface@"
#define XP_ABI_LIBTORCH "@LIBTORCH@"
]] @ONLY)
