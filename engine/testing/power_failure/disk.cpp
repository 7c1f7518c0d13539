// Calls are replayed in their order; those that the failure took are left out.
#include "engine/testing/power_failure/disk.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <random>

namespace xp {
namespace {

using journal::Op;

// A write, or a new size if it has no bytes.
struct Change {
  size_t call = 0;
  uint64_t offset = 0;
  const std::string* bytes = nullptr;
};

struct File {
  std::vector<Change> changes;
  size_t num_flushed = 0;  ///< of the changes
};

struct Entry {
  std::shared_ptr<File> file;  ///< null: a folder or a link
  std::string target;          ///< of a link
};

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "." : path.substr(0, slash);
}

// The folder whose list of names a call changes; "" if it changes none.
std::string changed_folder(const FileCall& call) {
  switch (call.op) {
    case Op::kCreateFile:
    case Op::kMakeFolder:
    case Op::kRemove:
    case Op::kSymlink:
      return folder_of(call.path);
    case Op::kRename:
    case Op::kLink:
      return folder_of(call.second);
    default:
      return "";
  }
}

class Replay {
 public:
  Replay(const std::vector<FileCall>& calls, const Failure& failure)
      : calls_(calls), failure_(failure), random_(seed_for(failure.seed, "power failure")) {
    entries_["."] = {};
  }

  void make(const fs::path& to) {
    choose_moments();
    for (size_t i = 0; i < failure_.at; ++i)
      replay(i);
    fs::create_directories(to);
    for (const auto& [path, entry] : entries_) {  // a folder comes before what is in it
      if (path == "." || !is_reachable(path)) continue;
      if (entry.file)
        write(to / path, bytes_of(*entry.file));
      else if (!entry.target.empty())
        fs::create_symlink(entry.target, to / path);
      else
        fs::create_directory(to / path);
    }
  }

 private:
  size_t draw(size_t below) { return std::uniform_int_distribution<size_t>(0, below - 1)(random_); }

  // Until when changes of each folder's names are there.
  void choose_moments() {
    if (!failure_.loses_bytes) return;
    std::map<std::string, size_t> flushed;
    size_t last = 0;
    for (size_t i = 0; i < failure_.at; ++i) {
      const FileCall& call = calls_[i];
      if (const std::string folder = changed_folder(call); !folder.empty())
        flushed.try_emplace(folder, 0);
      if (call.op == Op::kFlushFolder && failure_.keeps_flushed) last = flushed[call.path] = i;
    }
    const size_t together = last + draw(failure_.at - last + 1);
    const bool is_one_moment = draw(2) == 0;
    for (const auto& [folder, from] : flushed)
      moments_[folder] = is_one_moment ? together : from + draw(failure_.at - from + 1);
  }

  bool is_lost(size_t index) const {
    if (!failure_.loses_bytes) return false;
    const auto found = moments_.find(changed_folder(calls_[index]));
    return found != moments_.end() && index >= found->second;
  }

  void replay(size_t index) {
    const FileCall& call = calls_[index];
    switch (call.op) {
      case Op::kWrite:
        if (const auto node = nodes_.find(call.node); node != nodes_.end())
          node->second->changes.push_back({index, call.offset, &call.data});
        return;
      case Op::kResize:
        if (const auto node = nodes_.find(call.node); node != nodes_.end())
          node->second->changes.push_back({index, call.offset, nullptr});
        return;
      case Op::kFlushFile:
        if (const auto node = nodes_.find(call.node);
            node != nodes_.end() && failure_.keeps_flushed)
          node->second->num_flushed = node->second->changes.size();
        return;
      case Op::kCreateFile:
        nodes_[call.node] = std::make_shared<File>();
        if (!is_lost(index)) entries_[call.path] = {nodes_[call.node], ""};
        return;
      default:
        if (!is_lost(index)) change_names(call);
    }
  }

  void change_names(const FileCall& call) {
    if (call.op == Op::kMakeFolder) entries_[call.path] = {};
    if (call.op == Op::kSymlink) entries_[call.path] = {nullptr, call.data};
    if (call.op == Op::kRemove) entries_.erase(call.path);
    const auto source = entries_.find(call.path);
    if (source == entries_.end()) return;
    if (call.op == Op::kLink) entries_[call.second] = source->second;
    if (call.op == Op::kRename) move(call.path, call.second);
  }

  void move(const std::string& from, const std::string& to) {
    std::map<std::string, Entry> moved;
    for (auto at = entries_.begin(); at != entries_.end();) {
      const bool is_inside = at->first.starts_with(from + "/");
      if (at->first != from && !is_inside) {
        ++at;
        continue;
      }
      moved[to + at->first.substr(from.size())] = std::move(at->second);
      at = entries_.erase(at);
    }
    for (auto& [path, entry] : moved)
      entries_[path] = std::move(entry);
  }

  bool is_reachable(const std::string& path) const {
    for (std::string folder = folder_of(path); folder != "."; folder = folder_of(folder)) {
      const auto found = entries_.find(folder);
      if (found == entries_.end() || found->second.file) return false;
    }
    return true;
  }

  std::string bytes_of(const File& file) {
    const size_t all = file.changes.size();
    size_t kept = all;
    bool has_zeros = false;
    if (failure_.loses_bytes && file.num_flushed < all) {
      switch (draw(4)) {
        case 0:
          break;
        case 1:
          kept = file.num_flushed;
          break;
        case 2:
          kept = file.num_flushed + draw(all - file.num_flushed + 1);
          break;
        default:
          has_zeros = true;
      }
    }
    std::string out;
    for (size_t i = 0; i < kept; ++i) {
      const Change& change = file.changes[i];
      const bool is_zero = has_zeros && i >= file.num_flushed;
      if (change.bytes == nullptr) {
        out.resize(change.offset, '\0');
        continue;
      }
      const size_t end = change.offset + change.bytes->size();
      if (out.size() < end) out.resize(end, '\0');
      if (is_zero)
        std::memset(out.data() + change.offset, 0, change.bytes->size());
      else
        std::memcpy(out.data() + change.offset, change.bytes->data(), change.bytes->size());
    }
    return out;
  }

  static void write(const fs::path& path, const std::string& bytes) {
    append_file(path, bytes);
    fs::permissions(path, fs::perms::owner_all);  // modes are not recorded; programs are among them
  }

  const std::vector<FileCall>& calls_;
  const Failure& failure_;
  std::mt19937_64 random_;
  std::map<std::string, size_t> moments_;
  std::map<std::string, Entry> entries_;
  std::map<uint64_t, std::shared_ptr<File>> nodes_;
};

}  // namespace

std::vector<FileCall> read_calls(const fs::path& journal) {
  const std::string bytes = read_file(journal);
  std::vector<FileCall> out;
  size_t at = 0;
  const auto take = [&](uint64_t size) {
    if (size > bytes.size() - at) machine_error("'{}' is cut off", journal.string());
    at += size;
    return bytes.substr(at - size, size);
  };
  while (at < bytes.size()) {
    journal::Header header;
    const std::string head = take(sizeof header);
    std::memcpy(&header, head.data(), sizeof header);
    FileCall& call = out.emplace_back();
    call.op = header.op;
    call.path = take(header.path_bytes);
    call.second = take(header.second_bytes);
    call.data = take(header.data_bytes);
    call.node = header.node;
    call.offset = header.offset;
  }
  return out;
}

void restore(const std::vector<FileCall>& calls, const Failure& failure, const fs::path& to) {
  check(failure.at <= calls.size() && !fs::exists(to), "there is something to restore to");
  Replay(calls, failure).make(to);
}

}  // namespace xp
