// The stamp of a plug-in: what it was built with, as text that lies in an ELF note of its file, so
// that a program can tell whether they fit together before it loads anything.
//
// Every source of a plug-in that includes registry/registry.h leaves one (owner "xp", type 1).
// Components are C++ objects that both sides hold, so everything must be equal: the headers, their
// LibTorch, the compiler's generation and its layout of objects.
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

// A plug-in is told what LibTorch its build found; headers alone do not say.
#ifndef XP_PLUGIN_LIBTORCH
#define XP_PLUGIN_LIBTORCH XP_ABI_LIBTORCH
#endif

/// `name=value` joined by `;`.
#define XP_STAMP                                                                      \
  "xp=" XP_ABI_VERSION ";interface=" XP_ABI_INTERFACE ";LibTorch=" XP_PLUGIN_LIBTORCH \
  ";compiler=" XP_STAMP_COMPILER ";compiler ABI=" XP_STAMP_TEXT(                      \
      __GXX_ABI_VERSION) ";C++11 strings=" XP_STAMP_TEXT(_GLIBCXX_USE_CXX11_ABI)

/// XP_STAMP as a note, in whatever file this is compiled into. A structure in a section of that
/// name would be no note for the linker.
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
