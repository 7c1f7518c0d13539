// The text of the error that a call raises, for tests of messages to the letter.
#pragma once

#include "engine/base/error.h"

#include <string>

namespace xp {

/// What `call` complains of, or "no error".
std::string message_of(const auto& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace xp
