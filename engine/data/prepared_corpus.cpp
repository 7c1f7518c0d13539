// Opens the folder of a prepared corpus.
#include "engine/data/prepared_corpus.h"

#include "engine/base/hash.h"
#include "engine/base/json_text.h"
#include "engine/base/text.h"

#include <algorithm>

namespace xp {
namespace {

constexpr const char* kChecksums = "sha256.json";

Value parsed(const fs::path& path) {
  Value value;
  try {
    value = Value::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
  } catch (const Error& error) {
    machine_error("{}; prepare the corpus again", error.what());
  }
  if (!value.is_object()) {
    machine_error("'{}' is damaged; delete its folder and prepare the corpus again", path.string());
  }
  return value;
}

// Nothing else that a corpus is used by may be missing from its counts.
bool has_counts(const Value& of_subset) {
  if (!of_subset.is_object()) return false;
  return std::all_of(of_subset.begin(), of_subset.end(), [](const Value& counts) {
    return counts.is_object() && counts.contains("kept") && counts["kept"].is_number_unsigned();
  });
}

}  // namespace

std::string_view side_name(Side side) {
  return side == Side::kSource ? "source" : "target";
}

bool PreparedCorpus::has(const std::string& subset, const Direction& direction) const {
  const auto found = stats_.find(subset);
  return found != stats_.end() && found->contains(direction.name());
}

const Vocabulary& PreparedCorpus::vocabulary(Side side) const {
  return side == Side::kSource ? *vocabularies_.front() : *vocabularies_.back();
}

fs::path PreparedCorpus::file(const std::string& subset, const Direction& direction, Side side,
                              const char* ending) const {
  if (has(subset, direction)) {
    return folder_ / fmt::format("{}.{}.{}{}", subset, direction.name(), side_name(side), ending);
  }
  std::vector<std::string> known = subsets_;
  std::erase_if(known, [&](const auto& name) { return !has(name, direction); });
  user_error("the corpus has no subset '{}' for {}; it has: {}", subset, direction.name(),
             known.empty() ? "none" : join(known, ", "));
}

TokenSet PreparedCorpus::tokens(const std::string& subset, const Direction& direction,
                                Side side) const {
  TokenSet opened(file(subset, direction, side, ""));
  const Value& counts = stats_[subset][direction.name()];
  if (opened.size() != counts.value("kept", int64_t{-1}) ||
      opened.vocabulary_size() != vocabulary(side).size()) {
    machine_error("the files of '{}' do not belong together; delete it and prepare it again",
                  folder_.string());
  }
  return opened;
}

std::vector<std::string> PreparedCorpus::text(const std::string& subset, const Direction& direction,
                                              Side side) const {
  if (subset == "train") user_error("the raw text of 'train' is not kept; score another subset");
  auto lines = split(read_file(file(subset, direction, side, ".txt")), '\n');
  lines.pop_back();  // after the last line end
  if (static_cast<int64_t>(lines.size()) !=
      stats_[subset][direction.name()].value("kept", int64_t{-1})) {
    machine_error("the text of '{}' in '{}' is damaged; delete the folder and prepare it again",
                  subset, folder_.string());
  }
  return lines;
}

void PreparedCorpus::verify() const {
  for (const auto& subset : subsets_) {
    for (const auto& direction : directions_) {
      if (!has(subset, direction)) continue;
      for (const Side side : kSides)
        tokens(subset, direction, side).verify();
    }
  }
  const Value sums = parsed(folder_ / kChecksums);
  for (const auto& [name, noted] : sums.items()) {
    if (sha256_file((folder_ / name).string()) == noted) continue;
    machine_error(
        "'{}' is damaged: it does not match its checksum; delete '{}' and prepare it again",
        (folder_ / name).string(), folder_.string());
  }
}

void note_checksums(const fs::path& folder) {
  Value sums = Value::object();
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() != ".tokens")
      sums[entry.path().lexically_relative(folder).string()] = sha256_file(entry.path().string());
  }
  write_atomic(folder / kChecksums, json_text(sums, 1) + "\n");
}

PreparedCorpus open_corpus(const fs::path& folder) {
  PreparedCorpus out;
  out.folder_ = folder;
  const Value about = parsed(folder / "corpus.json");
  out.stats_ = parsed(folder / "stats.json");
  if (!std::all_of(out.stats_.begin(), out.stats_.end(), has_counts)) {
    machine_error(
        "'{}' is damaged: it does not say how many pairs were kept; delete its folder "
        "and prepare the corpus again",
        (folder / "stats.json").string());
  }
  try {
    for (const auto& name : about.at("directions"))
      out.directions_.push_back(parse_direction(name.get<std::string>()));
    out.subsets_ = about.at("subsets").get<std::vector<std::string>>();
    const auto tokenizer = make_part<Tokenizer>(about.at("vocabulary"));
    if (tokenizer->is_joint()) {
      out.vocabularies_.push_back(tokenizer->open(folder / "vocabulary"));
    } else {
      for (const Side side : kSides)
        out.vocabularies_.push_back(tokenizer->open(folder / "vocabulary" / side_name(side)));
    }
  } catch (const Value::exception& error) {
    machine_error("'{}' is damaged: {}; delete its folder and prepare the corpus again",
                  (folder / "corpus.json").string(), error.what());
  }
  return out;
}

PreparedCorpus open_corpus(const fs::path& folder, const Value& corpus_settings) {
  PreparedCorpus out = open_corpus(folder);
  const auto section = bind_settings<CorpusSection>(corpus_settings);
  out.tags_ = LanguageTags(section.language_tokens, out.directions());
  return out;
}

std::optional<int32_t> PreparedCorpus::tag(const Direction& direction, Side side) const {
  const auto number = side == Side::kSource ? tags_.source(direction) : tags_.target(direction);
  if (!number) return std::nullopt;
  return vocabulary(side).size() + *number;
}

SentenceFrame PreparedCorpus::frame(const Direction& direction) const {
  SentenceFrame out{tag(direction, Side::kSource), Special::kEnd, Special::kEnd,
                    tag(direction, Side::kTarget)};
  if (!tags_.replaces_ends()) return out;
  out.source_end = out.source_first.value_or(Special::kEnd);
  out.target_begin = out.target_first.value_or(Special::kEnd);
  out.source_first.reset();
  out.target_first.reset();
  return out;
}

std::vector<int32_t> SentenceFrame::source(std::vector<int32_t> pieces) const {
  if (source_first) pieces.insert(pieces.begin(), *source_first);
  return pieces;
}

}  // namespace xp
