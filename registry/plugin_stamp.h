// The build stamp of a plug-in: a text in an ELF note (owner "xp", type 1) that says what the
// plug-in was built with, so that a program can check compatibility before it loads the file.
//
// Every source of a plug-in that includes registry/registry.h has one. Components are C++ objects
// shared by both sides, so headers, LibTorch, compiler generation and C++ ABI must all be equal.
#pragma once

#include <string>
#include <xp_abi.h>

#define XP_STAMP_TEXT_OF(number) #number
#define XP_STAMP_TEXT(number) XP_STAMP_TEXT_OF(number)

#if defined(__clang__)
#define XP_STAMP_COMPILER "Clang " XP_STAMP_TEXT(__clang_major__)
#else
#define XP_STAMP_COMPILER "GCC " XP_STAMP_TEXT(__GNUC__)
#endif

// The build of a plug-in passes the version of LibTorch that it found; headers do not tell.
#ifndef XP_PLUGIN_LIBTORCH
#define XP_PLUGIN_LIBTORCH XP_ABI_LIBTORCH
#endif

/// `name=value` joined by `;`.
#define XP_STAMP                                                                      \
  "xp=" XP_ABI_VERSION ";interface=" XP_ABI_INTERFACE ";LibTorch=" XP_PLUGIN_LIBTORCH \
  ";compiler=" XP_STAMP_COMPILER ";compiler ABI=" XP_STAMP_TEXT(                      \
      __GXX_ABI_VERSION) ";C++11 strings=" XP_STAMP_TEXT(_GLIBCXX_USE_CXX11_ABI)

/// XP_STAMP as an ELF note of the file that this is compiled into. In assembly, because the linker
/// does not treat a C++ object in a section of that name as a note.
#define XP_STAMP_NOTE                       \
  __asm__(                                  \
      ".pushsection .note.xp,\"a\",%note\n" \
      ".balign 4\n"                         \
      ".long 2f-1f\n"                       \
      ".long 4f-3f\n"                       \
      ".long 1\n"                           \
      "1: .asciz \"xp\"\n"                  \
      "2: .balign 4\n"                      \
      "3: .ascii \"" XP_STAMP               \
      "\"\n"                                \
      "4: .balign 4\n"                      \
      ".popsection\n")
