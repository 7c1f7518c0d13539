// Exit codes of `xp`, and mistakes in its command line.
#pragma once

#include "engine/base/error.h"

#include <utility>

namespace xp {

/// The documented exit codes. An error's own code is exit_code() of engine/base/error.h.
struct Exit {
  static constexpr int kDone = 0, kMachine = 1, kUsage = 2, kSpec = 3, kPartlyFailed = 4,
                       kUnfinished = 5, kPreflight = 6, kWork = 7;
};

/// What each code means, for `xp help exit-codes`; further ones are 128 + a signal.
inline constexpr std::pair<int, const char*> kExitCodes[] = {
    {Exit::kDone, "done"},
    {Exit::kMachine, "the machine failed (disk, network, another process), or xp has a bug"},
    {Exit::kUsage, "mistake in the command line"},
    {Exit::kSpec, "mistake in the experiment or in its data; nothing was run"},
    {Exit::kPartlyFailed,
     "part of it failed: some runs, or sentences that could not be translated; the rest is done"},
    {Exit::kUnfinished, "not finished: runs are queued or continue in the background"},
    {Exit::kPreflight,
     "a check before the start failed: disk space, the scheduler, a missing prerequisite"},
    {Exit::kWork, "there is work to do (only with plan --exit-code)"}};

/// The `code` of an error in the words of a command line: the program ends with Exit::kUsage.
inline constexpr const char* kUsageError = "usage";

template <class... Args>
[[noreturn]] void usage_error(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(Blame::kUser, fmt::format(format, std::forward<Args>(args)...), kUsageError);
}

}  // namespace xp
