// Short names of settings: the last parts of their full paths.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// Whether `path` is `tail` or ends in `.tail`; a last `.use` of the path may be left out, so
/// "exchange" is a tail of "model.moe.exchange.use".
bool has_tail(std::string_view path, std::string_view tail);

/// The shortest tail of `path` that no other path of `among` has, without a last `.use`.
std::string short_name(const std::string& path, const std::vector<std::string>& among);

}  // namespace xp
