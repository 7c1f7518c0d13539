// Finds the files, compressed or not.
#include "engine/data/text_files.h"

#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/data/archive.h"
#include "engine/data/fetch.h"

#include <algorithm>

namespace xp {
namespace {

// The compressed file if only that exists.
fs::path present(const fs::path& folder, const std::string& name) {
  const fs::path plain = folder / name, packed = folder / (name + ".gz");
  return !fs::exists(plain) && fs::exists(packed) ? packed : plain;
}

// Where below `folder` files of this name lie, compressed ones included.
std::vector<std::string> places_of(const fs::path& folder, const std::string& name) {
  std::vector<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string here = entry.path().filename().string();
    if (entry.is_regular_file() && (here == name || here == name + ".gz"))
      out.push_back(entry.path().lexically_relative(folder).string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

void TextFiles::require_one(const std::string& kind) const {
  if (path.empty() == archive.empty())
    user_error("[corpus] of kind '{}' needs 'path' or 'archive', and not both", kind);
}

std::vector<std::pair<std::string, std::string>> TextFiles::subsets() const {
  std::vector<std::pair<std::string, std::string>> out;
  if (!train.empty()) out.emplace_back("train", train);
  if (!valid.empty()) out.emplace_back("valid", valid);
  if (!test.empty()) out.emplace_back("test", test);
  return out;
}

CorpusInputs TextFiles::inputs(const CorpusPlace& place,
                               const std::vector<std::string>& endings) const {
  CorpusInputs out;
  if (!archive.empty()) {
    const fs::path found = find_archive(place, archive);
    if (found.empty()) {
      out.missing = archive_is_missing(archive);
    } else {
      out.identity = {{"archive", local_sha256(place, found)}};
    }
    return out;
  }
  for (const auto& [subset, stem] : subsets()) {
    for (const auto& ending : endings) {
      const fs::path found = present(place.spec_folder / path, stem + ending);
      if (!fs::is_regular_file(found)) {
        out.missing =
            fmt::format("'{}' is missing; it should hold text of '{}'", found.string(), subset);
        return out;
      }
      out.identity["files"][subset + ending] = local_sha256(place, found);
    }
  }
  return out;
}

fs::path TextFiles::file(const CorpusPlace& place, const std::string& stem,
                         const std::string& ending) const {
  const fs::path folder = archive.empty() ? place.spec_folder / path
                                          : unpacked_archive(place, find_archive(place, archive));
  const fs::path found = present(folder, stem + ending);
  if (!fs::is_regular_file(found)) {
    const std::string name = found.lexically_relative(folder).string();
    const auto places = archive.empty() ? std::vector<std::string>{} : places_of(folder, name);
    user_error("'{}' has no '{}'{}", archive.empty() ? folder.string() : archive, name,
               places.empty() ? ""
                              : fmt::format("; it has '{}': name the stem with its folder, \"{}\"",
                                            join(places, "', '"),
                                            (fs::path(places[0]).parent_path() / stem).string()));
  }
  return uncompressed(place, found);
}

}  // namespace xp
