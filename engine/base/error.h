// The one exception type of the project, and whose fault it is.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace xp {

/// Who can fix it: the person who wrote the input, the machine (disk, network, another process),
/// or us.
enum class Blame { kUser, kMachine, kBug };

/// A sentence in lower case that says what is, what should be and what to do. `code` is stable
/// ("E012") or empty.
class Error : public std::runtime_error {
 public:
  Error(Blame blame, const std::string& message, std::string code = "")
      : std::runtime_error(message), blame_(blame), code_(std::move(code)) {}

  Blame blame() const { return blame_; }
  const std::string& code() const { return code_; }

  /// The same error with "CONTEXT: " before its sentence; a layer adds its context at most once.
  Error within(std::string_view context) const {
    return {blame_, fmt::format("{}: {}", context, what()), code_};
  }

 private:
  Blame blame_;
  std::string code_;
};

template <class... Args>
[[noreturn]] void user_error(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(Blame::kUser, fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
[[noreturn]] void machine_error(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(Blame::kMachine, fmt::format(format, std::forward<Args>(args)...));
}

/// An invariant that no input can break. Raises kBug with `claim`.
inline void check(bool holds, std::string_view claim) {
  if (!holds) throw Error(Blame::kBug, fmt::format("broken invariant: {}", claim));
}

/// The documented exit code for an error that ends a command (design: 1 machine or bug, 3 user).
inline int exit_code(const Error& error) {
  return error.blame() == Blame::kUser ? 3 : 1;
}

}  // namespace xp
