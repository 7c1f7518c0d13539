// A program on a terminal of its own, as a person has it before them.
#pragma once

#include "engine/testing/user.h"

#include <pty.h>

namespace xp {

/// Its end, or that of the test, kills the program.
class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& command) {
    const winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    std::vector<char*> words;
    for (const auto& word : command)
      words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    child_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    REQUIRE(child_ >= 0);
    if (child_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execv(words[0], words.data());
    ::_exit(127);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    if (!has_ended_) ::kill(child_, SIGKILL);
    end();
    ::close(terminal_);
  }

  /// Waits until the screen has shown `text`; false if the program ended without it.
  bool shows(const std::string& text) {
    while (shown_.find(text) == std::string::npos)
      if (!read_on()) return false;
    return true;
  }
  void type(const std::string& text) {
    REQUIRE(::write(terminal_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  /// Waits for the end: the exit code, 128 + signal if a signal ended it.
  int end() {
    while (read_on()) {
    }
    if (has_ended_) return exit_code_;
    has_ended_ = true;
    int status = 0;
    ::waitpid(child_, &status, 0);
    return exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  /// Everything so far.
  const std::string& shown() const { return shown_; }

 private:
  bool read_on() {
    char piece[512];
    const ssize_t got = ::read(terminal_, piece, sizeof piece);
    if (got <= 0) return false;
    shown_.append(piece, static_cast<size_t>(got));
    return true;
  }

  int terminal_ = -1;
  pid_t child_ = -1;
  bool has_ended_ = false;
  int exit_code_ = 0;
  std::string shown_;
};

}  // namespace xp
