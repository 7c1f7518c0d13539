// Somebody without rights, for tests: root, as in a container, may write everywhere.
#pragma once

#include "engine/base/error.h"
#include "engine/base/file.h"

#include <exception>
#include <unistd.h>

namespace xp {

/// While it lives, this process has the rights of whoever owns `folder` and what is in it, and no
/// others. Cost: one chown a file if root runs the tests, nothing elsewhere.
class Nobody {
 public:
  explicit Nobody(const fs::path& folder) {
    if (!is_root_) return;
    give_away(folder);
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      give_away(entry.path());
    check(::setresuid(kNobody, kNobody, 0) == 0, "root may be anybody");
  }
  ~Nobody() {
    if (is_root_ && ::setresuid(0, 0, 0) != 0) std::terminate();
  }
  Nobody(const Nobody&) = delete;
  Nobody& operator=(const Nobody&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  static void give_away(const fs::path& path) {
    check(::lchown(path.c_str(), kNobody, kNobody) == 0, "root may give files away");
  }
  const bool is_root_ = ::geteuid() == 0;
};

}  // namespace xp
