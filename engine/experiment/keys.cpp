// Lookup of key tails, with the messages about them.
#include "engine/experiment/keys.h"

#include "engine/base/text.h"
#include "engine/experiment/codes.h"

#include <algorithm>

namespace xp {
namespace {

int num_characters(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// The place of byte `offset` of `text`, which is written at `whole` as a string on one line;
// `whole` if it is not, or if it has escapes.
Place inside(const Place& whole, std::string_view text, size_t offset, size_t length) {
  const bool is_plain = whole.end_column - whole.column == num_characters(text) + 2;
  if (whole.line == 0 || !is_plain) return whole;
  Place out = whole;
  out.column = whole.column + 1 + num_characters(text.substr(0, offset));
  out.end_column = out.column + static_cast<int>(std::max<size_t>(1, length));
  return out;
}

// "a, b and c".
std::string listed(const std::vector<std::string>& names, const std::string& last,
                   const std::string& quote = "") {
  std::string out;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? " " + last + " " : ", ";
    out += quote + names[i] + quote;
  }
  return out;
}

}  // namespace

std::string Undeclared::message(const std::string& path) const {
  std::string owner = path;
  do {
    owner = owner.substr(0, owner.rfind('.'));
  } while (everything.kind_of(owner).empty() && owner.find('.') != std::string::npos);
  const std::string kind = everything.kind_of(owner);
  const std::string rest = path.substr(owner.size() + 1);
  std::vector<std::string> names;
  for (const auto& name : catalog.names(kind)) {
    const auto& settings = catalog.find(kind, name)->settings;
    const bool declares = std::any_of(settings.begin(), settings.end(), [&](const Setting& s) {
      return s.name == rest || s.name.starts_with(rest + ".");
    });
    if (declares) names.push_back(name);
  }
  const auto picks = picked.picked_names(owner);
  const size_t dot = path.rfind('.');
  return fmt::format("'{}' in [{}] is a setting of the {} {}, but this experiment picks {}",
                     path.substr(dot + 1), path.substr(0, dot), kind, listed(names, "or"),
                     picks.empty() ? "none" : listed(picks, "and"));
}

Matches Keys::match(const std::string& key) const {
  Matches found;
  for (const auto& axis : axes_) {
    if (axis == key) return {axis};
    if (has_tail(axis, key)) found.push_back(axis);
  }
  return found.empty() ? schema_.match(key) : found;
}

std::string Keys::resolve_quietly(const std::string& key) const {
  const Matches found = match(key);
  return found.size() == 1 ? found.front() : "";
}

std::string Keys::resolve(const std::string& key, const Place& place) const {
  const Matches found = match(key);
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    problems_.add(
        place, code::kAmbiguous,
        fmt::format("'{}' may be {}; write more of the path", key, listed(found, "or", "'")));
    return "";
  }
  if (const std::string now = schema_.renamed(key); !now.empty()) {
    problems_.add(place, code::kUnknownKey,
                  fmt::format("no setting is named '{}'; it is '{}' now", key, now));
    return "";
  }
  if (schema_.is_incomplete()) return "";
  if (undeclared_ != nullptr) {
    const Matches others = undeclared_->everything.match(key);
    if (!others.empty()) {
      problems_.add(place, code::kUndeclared, undeclared_->message(others.front()));
      return "";
    }
  }
  if (schema_.find(key) != nullptr) {
    problems_.add(
        place, code::kUnknownKey,
        fmt::format("'{}' is not a setting of runs: it can neither vary nor be tested", key));
    return "";
  }
  const Schema& all = undeclared_ != nullptr ? undeclared_->everything : schema_;
  const std::string replaced_by = all.replacing(key.substr(key.rfind('.') + 1));
  if (!replaced_by.empty()) {
    problems_.add(place, code::kUnknownKey, fmt::format("no setting is named '{}'", key),
                  replaced_by);
    return "";
  }
  // A tail is near to a tail: compare as many parts as the person wrote.
  std::vector<std::string> names;
  const size_t length = path_parts(key).size();
  for (const auto& path : schema_.paths()) {
    auto parts = path_parts(path);
    if (parts.back() == "use" && parts.size() > length) parts.pop_back();
    if (parts.size() > length)
      parts.erase(parts.begin(), parts.end() - static_cast<std::ptrdiff_t>(length));
    names.push_back(join(parts, "."));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  problems_.add(place, code::kUnknownKey, fmt::format("no setting is named '{}'", key),
                nearest(key, names));
  return "";
}

std::optional<Condition> read_condition(const std::string& text, const Place& place,
                                        const Keys& keys, Problems& problems) {
  try {
    Condition out{Expression::parse(text), {}, place};
    for (const auto& name : out.expression.names())
      out.paths.push_back(
          keys.resolve(name.text, inside(place, text, name.offset, name.text.size())));
    return out;
  } catch (const ExpressionError& error) {
    problems.add(inside(place, text, error.offset, 1), code::kExpression,
                 fmt::format("in the condition: {}", error.what()));
    return std::nullopt;
  }
}

}  // namespace xp
