// Makes a folder once, although several processes may want it at the same time.
#pragma once

#include <filesystem>
#include <functional>

namespace xp {

/// Makes `folder` with `fill`, as make_folder_atomic does, unless `proof` (the folder, or a file in
/// it) is there. Processes that name the same `lock` file do so one after the other, so that the
/// first one makes it; `on_wait` is called by one that waits. What a process that was killed left
/// beside `folder` is removed.
void make_once(const std::filesystem::path& folder, const std::filesystem::path& proof,
               const std::filesystem::path& lock,
               const std::function<void(const std::filesystem::path&)>& fill,
               const std::function<void()>& on_wait = {});

}  // namespace xp
