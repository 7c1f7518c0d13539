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

std::string side_stem(const std::string& subset, const Direction& direction, Side side) {
  return fmt::format("{}.{}.{}", subset, direction.name(), side_name(side));
}

bool is_prepared(const fs::path& folder) {
  std::error_code code;
  return fs::exists(folder / "corpus.json", code);
}

bool CorpusOutline::has(const std::string& subset, const Direction& direction) const {
  const auto found = stats_.find(subset);
  return found != stats_.end() && found->contains(direction.name());
}

const Vocabulary& PreparedCorpus::vocabulary(Side side) const {
  return side == Side::kSource ? *vocabularies_.front() : *vocabularies_.back();
}

fs::path CorpusOutline::file(const std::string& subset, const Direction& direction, Side side,
                             const char* ending) const {
  if (has(subset, direction)) return folder_ / (side_stem(subset, direction, side) + ending);
  std::vector<std::string> known = subsets_;
  std::erase_if(known, [&](const auto& name) { return !has(name, direction); });
  user_error("the corpus has no subset '{}' for {}; it has: {}", subset, direction.name(),
             known.empty() ? "none" : join(known, ", "));
}

int64_t CorpusOutline::num_kept(const std::string& subset, const Direction& direction) const {
  return stats_.at(subset).at(direction.name()).at("kept");
}

void CorpusOutline::refuse_files() const {
  machine_error("the files of '{}' do not belong together; delete it and prepare it again",
                folder_.string());
}

TokenSet CorpusOutline::tokens(const std::string& subset, const Direction& direction,
                               Side side) const {
  TokenSet opened(file(subset, direction, side, ""));
  if (opened.size() != num_kept(subset, direction)) refuse_files();
  return opened;
}

TokenSet PreparedCorpus::tokens(const std::string& subset, const Direction& direction,
                                Side side) const {
  TokenSet opened = CorpusOutline::tokens(subset, direction, side);
  if (opened.vocabulary_size() != vocabulary(side).size()) refuse_files();
  return opened;
}

std::vector<std::string> PreparedCorpus::text(const std::string& subset, const Direction& direction,
                                              Side side) const {
  if (subset == "train") user_error("the raw text of 'train' is not kept; score another subset");
  auto lines = split(read_file(file(subset, direction, side, ".txt")), '\n');
  lines.pop_back();  // after the last line end
  if (static_cast<int64_t>(lines.size()) != num_kept(subset, direction)) {
    machine_error("the text of '{}' in '{}' is damaged; delete the folder and prepare it again",
                  subset, folder().string());
  }
  return lines;
}

void PreparedCorpus::verify() const {
  for (const auto& subset : subsets()) {
    for (const auto& direction : directions()) {
      if (!has(subset, direction)) continue;
      for (const Side side : kSides)
        tokens(subset, direction, side).verify();
    }
  }
  const Value sums = parsed(folder() / kChecksums);
  for (const auto& [name, noted] : sums.items()) {
    if (sha256_file((folder() / name).string()) == noted) continue;
    machine_error(
        "'{}' is damaged: it does not match its checksum; delete '{}' and prepare it again",
        (folder() / name).string(), folder().string());
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

CorpusOutline::CorpusOutline(const fs::path& folder) : folder_(folder) {
  const Value about = parsed(folder / "corpus.json");
  stats_ = parsed(folder / "stats.json");
  if (!std::all_of(stats_.begin(), stats_.end(), has_counts)) {
    machine_error(
        "'{}' is damaged: it does not say how many pairs were kept; delete its folder "
        "and prepare the corpus again",
        (folder / "stats.json").string());
  }
  try {
    for (const auto& name : about.at("directions"))
      directions_.push_back(parse_direction(name.get<std::string>()));
    subsets_ = about.at("subsets").get<std::vector<std::string>>();
    vocabulary_settings_ = about.at("vocabulary");
  } catch (const Value::exception& error) {
    refuse_description(error.what());
  }
}

void CorpusOutline::refuse_description(std::string_view why) const {
  machine_error("'{}' is damaged: {}; delete its folder and prepare the corpus again",
                (folder_ / "corpus.json").string(), why);
}

CorpusOutline::CorpusOutline(const fs::path& folder, const Value& corpus_settings)
    : CorpusOutline(folder) {
  const auto section = bind_settings<CorpusSection>(corpus_settings);
  tags_ = LanguageTags(section.language_tokens, directions_);
}

PreparedCorpus::PreparedCorpus(CorpusOutline outline) : CorpusOutline(std::move(outline)) {
  const fs::path files = folder() / "vocabulary";
  try {
    const auto tokenizer = make_part<Tokenizer>(vocabulary_settings());
    if (tokenizer->is_joint()) {
      vocabularies_.push_back(tokenizer->open(files));
    } else {
      for (const Side side : kSides)
        vocabularies_.push_back(tokenizer->open(files / side_name(side)));
    }
  } catch (const Value::exception& error) {
    refuse_description(error.what());
  }
}

PreparedCorpus open_corpus(const fs::path& folder) {
  return PreparedCorpus(CorpusOutline(folder));
}

PreparedCorpus open_corpus(const fs::path& folder, const Value& corpus_settings) {
  return PreparedCorpus(CorpusOutline(folder, corpus_settings));
}

SentenceFrame CorpusOutline::frame(const Direction& direction, int32_t source_pieces,
                                   int32_t target_pieces) const {
  const auto id = [](std::optional<int32_t> number, int32_t pieces) {
    return number ? std::optional(pieces + *number) : std::nullopt;
  };
  SentenceFrame out{id(tags_.source(direction), source_pieces), Special::kEnd, Special::kEnd,
                    id(tags_.target(direction), target_pieces)};
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
