// What an accelerator's module exports. Included by modules only.
#pragma once

#include "engine/device/accelerator.h"
#include "registry/plugin_stamp.h"

/// The function that load_accelerator calls, whose result is never destroyed; and the build's
/// stamp, so that a module of another build is refused before it is loaded.
#define XP_ACCELERATOR(Type)                         \
  XP_STAMP_NOTE;                                     \
  extern "C" xp::Accelerator* xp_accelerator() {     \
    static xp::Accelerator* const only = new Type(); \
    return only;                                     \
  }                                                  \
  static_assert(true)
