// A folder where nothing may be written, for tests: root, as in a container, is nobody meanwhile.
#pragma once

#include "engine/base/file.h"

#include <exception>
#include <unistd.h>
#include <utility>

namespace xp {

/// While it lives, this process can read `folder` and write nothing there.
class ReadOnlyFolder {
 public:
  explicit ReadOnlyFolder(fs::path folder) : folder_(std::move(folder)) {
    fs::permissions(folder_, fs::perms(0555));
    if (::geteuid() == 0) is_nobody_ = ::seteuid(kNobody) == 0;
  }
  ~ReadOnlyFolder() {
    if (is_nobody_ && ::seteuid(0) != 0) std::terminate();
    fs::permissions(folder_, fs::perms::owner_all);
  }
  ReadOnlyFolder(const ReadOnlyFolder&) = delete;
  ReadOnlyFolder& operator=(const ReadOnlyFolder&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  fs::path folder_;
  bool is_nobody_ = false;
};

}  // namespace xp
