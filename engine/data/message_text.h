// Turns translated program messages into plain sentence pairs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xp {

/// Reason -> number of messages or parts of messages left out.
using DropCounts = std::map<std::string, int64_t>;

/// The sentence pairs of one catalog entry: context stripped, paragraphs and sentences split where
/// both sides have as many, lines joined, accelerators (_ & ~), markup, entities and gcc's quotes
/// (%< %>) removed. Left out, and counted in `dropped`: plural and untranslated entries, tables and
/// option lists, texts with few letters (such as "%s: %d"), different or many placeholders, equal
/// sides, lengths that do not fit, what is not UTF-8.
std::vector<std::pair<std::string, std::string>> message_pairs(std::string_view id,
                                                               std::string_view translation,
                                                               DropCounts& dropped);

}  // namespace xp
