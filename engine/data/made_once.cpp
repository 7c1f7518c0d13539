// A lock around an atomic folder.
#include "engine/data/made_once.h"

#include "engine/base/file.h"

namespace xp {
namespace {

// Only the holder of the lock may call this.
void remove_leftovers(const fs::path& folder) {
  const std::string start = "." + folder.filename().string() + ".";
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder.parent_path(), code)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(start) && name.ends_with(".new")) fs::remove_all(entry.path());
  }
}

}  // namespace

void make_once(const fs::path& folder, const fs::path& proof, const fs::path& lock,
               const std::function<void(const fs::path&)>& fill,
               const std::function<void()>& on_wait) {
  if (fs::exists(proof)) return;
  const auto held = FileLock::wait(lock, on_wait);
  if (fs::exists(proof)) return;
  remove_leftovers(folder);
  make_folder_atomic(folder, fill);
}

}  // namespace xp
