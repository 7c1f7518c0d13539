// Stamps are compared field by field; the dynamic loader does the rest.
#include "registry/plugin.h"

#include "engine/base/elf.h"
#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "registry/plugin_stamp.h"

#include <algorithm>
#include <dlfcn.h>

namespace xp {
namespace {

constexpr uint32_t kNoteType = 1;
constexpr size_t kLongestStamp = 1000;

using Fields = std::vector<std::pair<std::string, std::string>>;

// Empty if the text is not a stamp. Only printable characters are taken, as they go into messages.
Fields fields_of(const std::string& stamp) {
  const bool printable =
      std::all_of(stamp.begin(), stamp.end(), [](unsigned char c) { return c >= ' ' && c < 0x7f; });
  if (!printable || stamp.size() > kLongestStamp) return {};
  Fields out;
  for (const auto& field : split(stamp, ';')) {
    const size_t equals = field.find('=');
    if (equals == std::string::npos) return {};
    out.emplace_back(field.substr(0, equals), field.substr(equals + 1));
  }
  return out;
}

std::string value_of(const Fields& fields, const std::string& name) {
  for (const auto& [field, value] : fields) {
    if (field == name) return value.empty() ? "none" : value;
  }
  return "unknown";
}

// "was built with ...; this xp has ...", or nothing if the stamp is our own.
std::optional<std::string> misfit_of(const std::string& stamp) {
  if (stamp == own_stamp()) return std::nullopt;
  const Fields its = fields_of(stamp), ours = fields_of(own_stamp());
  if (its.empty()) return "has a damaged stamp";
  std::vector<std::string> theirs, here;
  for (const auto& [name, value] : ours) {
    const std::string other = value_of(its, name);
    if (other == value_of(ours, name)) continue;
    theirs.push_back(name + " " + other);
    here.push_back(name + " " + value_of(ours, name));
  }
  if (here.empty()) {
    theirs.push_back("fields that this xp does not know");
    here.push_back("none of them");
  }
  return fmt::format("was built with {}; this xp has {}", join(theirs, ", "), join(here, ", "));
}

void check_one(const std::string& file, const std::string& stamp) {
  const auto misfit = misfit_of(stamp);
  if (!misfit) return;
  if (fields_of(stamp).empty())
    user_error("'{}' {}; build it again with this xp (docs/plugins.md)", file, *misfit);
  user_error("'{}' {}; build the plug-in again with find_package(xp) of this xp (docs/plugins.md)",
             file, *misfit);
}

// The entries registered since. Raises kUser if one has the name of another.
std::vector<const AnyEntry*> added_to(const std::vector<const AnyEntry*>& before,
                                      const std::string& file) {
  std::vector<const AnyEntry*> out;
  for (const AnyEntry* entry : registered_entries()) {
    if (std::find(before.begin(), before.end(), entry) == before.end()) out.push_back(entry);
  }
  for (size_t i = 0; i < out.size(); ++i) {
    const auto has_its_name = [&](const AnyEntry* other) {
      return std::string_view(other->kind) == out[i]->kind &&
             std::string_view(other->name) == out[i]->name;
    };
    const auto earlier = std::find_if(before.begin(), before.end(), has_its_name);
    if (earlier != before.end())
      user_error(
          "the plug-in '{}' registers the {} '{}', which {} has already; give it another "
          "name",
          file, out[i]->kind, out[i]->name, (*earlier)->file);
    const auto later = out.begin() + static_cast<ptrdiff_t>(i) + 1;
    if (std::any_of(later, out.end(), has_its_name))
      user_error("the plug-in '{}' registers the {} '{}' twice; give one of them another name",
                 file, out[i]->kind, out[i]->name);
  }
  return out;
}

}  // namespace

std::string own_stamp() {
  return XP_STAMP;
}

void check_stamp(const std::string& file, std::string_view bytes) {
  const auto stamps = elf_notes(bytes, "xp", kNoteType);
  if (!stamps)
    user_error(
        "'{}' is not a whole shared object for this machine; build it with "
        "xp_add_plugin (docs/plugins.md)",
        file);
  if (stamps->empty())
    user_error(
        "'{}' is not a plug-in of xp: it has no stamp; build it with xp_add_plugin "
        "(docs/plugins.md)",
        file);
  for (const auto& stamp : *stamps)
    check_one(file, stamp);
}

std::optional<std::string> stamp_misfit(std::string_view bytes) {
  const auto stamps = elf_notes(bytes, "xp", kNoteType);
  if (!stamps) return "is not a whole shared object for this machine";
  if (stamps->empty()) return "has no stamp of xp";
  for (const auto& stamp : *stamps)
    if (auto misfit = misfit_of(stamp)) return misfit;
  return std::nullopt;
}

std::string checked_plugin(const fs::path& file) {
  std::error_code code;
  if (!fs::is_regular_file(file, code))
    user_error("no plug-in '{}'; build it, or fix [plugins] load or XP_PLUGINS", file.string());
  const std::string bytes = read_file(file);
  check_stamp(file.string(), bytes);
  return sha256(bytes);
}

std::vector<const AnyEntry*> load_plugin(const fs::path& file) {
  checked_plugin(file);
  const std::string path = fs::canonical(file).string();
  if (void* known = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD)) {
    ::dlclose(known);
    return {};
  }
  const auto before = registered_entries();
  if (::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
    const char* reason = ::dlerror();
    user_error("the plug-in '{}' cannot be loaded: {}", file.string(),
               reason == nullptr ? "no reason given" : reason);
  }
  auto out = added_to(before, file.string());
  if (out.empty())
    user_error("the plug-in '{}' registers no component; XP_REGISTER does (docs/plugins.md)",
               file.string());
  return out;
}

}  // namespace xp
