// Reads, filters, learns the vocabulary, encodes.
#include "engine/data/prepare.h"

#include "engine/base/hash.h"
#include "engine/base/progress.h"
#include "engine/base/text.h"
#include "engine/data/leakage.h"
#include "registry/sections.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

namespace xp {
namespace {

// Part of every id: raise it when the same input comes to mean other token files.
constexpr int kRecipe = 1;

// The settings of a component table that change what it does, defaults filled in.
Value content_settings(const std::string& kind, const Value& table) {
  const AnyEntry& entry = find_entry(kind, table.value("use", ""));
  Value out = {{"use", entry.name}};
  for (const auto& setting : entry.describe(entry).settings) {
    if (setting.scope == Scope::kNone || setting.scope == Scope::kSpeed) continue;
    const Value* given = find_path(table, setting.name);
    Value value = given != nullptr ? *given : setting.fallback;
    if (setting.type == Type::kNumber && value.is_number()) value = value.get<double>();
    set_path(out, setting.name, std::move(value));
  }
  return out;
}

template <class Fn>
void for_each_line(const MappedFile& file, Fn&& each) {
  std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  for (size_t i = 0; !text.empty(); ++i) {
    const size_t end = text.find('\n');
    each(i, text.substr(0, end));
    text.remove_prefix(end + 1);
  }
}

// One direction of one subset while it is being prepared: its text on disk, what of it is kept.
struct Part {
  std::string subset;
  Direction direction;
  std::map<Side, fs::path> text;
  std::map<Side, std::ofstream> out;
  std::vector<bool> is_kept;
  int64_t num_read = 0;
  std::map<std::string, int64_t> dropped;
  std::map<Side, int64_t> num_tokens, num_unknown;
};

class Preparation {
 public:
  Preparation(const Value& settings, const CorpusPlace& place, const fs::path& folder)
      : section_(bind_settings<CorpusSection>(settings)),
        corpus_(make_part<Corpus>(settings)),
        tokenizer_(make_part<Tokenizer>(section_.vocabulary)),
        place_(place),
        folder_(folder) {}

  void run(const Value& settings) {
    const auto directions = corpus_->directions(place_, section_.pairs);
    const CorpusInputs inputs = corpus_->inputs(place_, directions);
    if (!inputs.missing.empty()) user_error("{}", inputs.missing);
    corpus_->fetch(place_, directions);
    for (const auto& direction : directions)
      read(direction);
    for (auto& part : parts_)
      filter(part);
    require_train();
    require_space();
    learn();
    encode();
    describe(settings, directions, inputs);
  }

 private:
  static constexpr Side kSides[] = {Side::kSource, Side::kTarget};

  fs::path file(const Part& part, Side side, const char* ending) const {
    return folder_ /
           fmt::format("{}.{}.{}.{}", part.subset, part.direction.name(), side_name(side), ending);
  }

  Part& part_of(std::string_view subset, const Direction& direction) {
    for (auto& part : parts_) {
      if (part.subset == subset && part.direction == direction) return part;
    }
    Part& part = parts_.emplace_back();
    part.subset = subset;
    part.direction = direction;
    for (const Side side : kSides) {
      part.text[side] = file(part, side, "txt");
      part.out[side].open(part.text[side], std::ios::binary);
    }
    return part;
  }

  void read(const Direction& direction) {
    Progress progress(fmt::format("reading {} {}", section_.use, direction.name()), 0, "pairs");
    int64_t count = 0;
    const auto sink = [&](std::string_view subset, std::string_view source,
                          std::string_view target) {
      take(part_of(subset, direction), source, target);
      progress.update(++count);
    };
    const auto dropped = [&](std::string_view subset, std::string_view reason, int64_t amount) {
      Part& part = part_of(subset, direction);
      part.dropped[std::string(reason)] += amount;
      part.num_read += amount;
    };
    corpus_->read(place_, direction, sink, dropped);
    for (auto& part : parts_) {
      for (auto& [side, out] : part.out) {
        if (part.direction == direction) out.close();
        if (!out) machine_error("writing '{}': {}", part.text[side].string(), std::strerror(errno));
      }
    }
    progress.finish();
  }

  void take(Part& part, std::string_view source, std::string_view target) {
    for (const auto text : {source, target}) {
      check(text.find('\n') == std::string_view::npos && is_valid_utf8(text),
            "a corpus hands over lines of UTF-8");
      if (part.subset != "train") held_out_.add(text);
    }
    part.out[Side::kSource] << source << '\n';
    part.out[Side::kTarget] << target << '\n';
    part.is_kept.push_back(true);
    ++part.num_read;
  }

  void filter(Part& part) {
    if (part.subset != "train") return;
    const MappedFile sources(part.text[Side::kSource]), targets(part.text[Side::kTarget]);
    std::vector<std::string_view> lines;
    for_each_line(targets, [&](size_t, std::string_view line) { lines.push_back(line); });
    SeenPairs seen;
    for_each_line(sources, [&](size_t i, std::string_view source) {
      const std::string_view target = lines[i];
      const char* reason = trim(source).empty() || trim(target).empty() ? "blank"
                           : held_out_.contains(source) || held_out_.contains(target)
                               ? "in another subset"
                           : !seen.add(source, target) ? "repeated"
                                                       : nullptr;
      if (reason == nullptr) return;
      part.is_kept[i] = false;
      ++part.dropped[reason];
    });
  }

  void require_train() const {
    for (const auto& part : parts_) {
      if (part.subset == "train" &&
          std::find(part.is_kept.begin(), part.is_kept.end(), true) != part.is_kept.end()) {
        return;
      }
    }
    user_error("corpus '{}' has no training pair for {}", section_.use, join(section_.pairs, ", "));
  }

  // Token files take at most as much as the text, plus 8 bytes a sentence and side.
  void require_space() const {
    uint64_t needed = uint64_t{16} << 20;
    for (const auto& part : parts_) {
      for (const auto& [side, path] : part.text)
        needed += fs::file_size(path) + 8 * part.is_kept.size();
    }
    if (const uint64_t free = free_bytes(folder_); free < needed) {
      machine_error("preparing the corpus needs {} and '{}' has {} free; make room",
                    human_bytes(static_cast<double>(needed)), folder_.parent_path().string(),
                    human_bytes(static_cast<double>(free)));
    }
  }

  void learn() {
    int64_t count = 0;
    Progress progress("learning the vocabulary", 0, "sentences");
    const auto sentences = [&](Side side, const std::function<void(std::string_view)>& each) {
      for (const auto& part : parts_) {
        if (part.subset != "train") continue;
        for_each_line(MappedFile(part.text.at(side)), [&](size_t i, std::string_view line) {
          if (!part.is_kept[i]) return;
          each(line);
          ++count;
        });
      }
    };
    const fs::path folder = folder_ / "vocabulary";
    fs::create_directories(folder);
    if (tokenizer_->is_joint()) {
      const auto both = [&](const auto& each) {
        for (const Side side : kSides)
          sentences(side, each);
      };
      tokenizer_->train(both, place_.spec_folder, folder);
      vocabularies_.push_back(tokenizer_->open(folder));
    } else {
      for (const Side side : kSides) {
        fs::create_directories(folder / side_name(side));
        tokenizer_->train([&](const auto& each) { sentences(side, each); }, place_.spec_folder,
                          folder / side_name(side));
        vocabularies_.push_back(tokenizer_->open(folder / side_name(side)));
      }
    }
    progress.update(count);
    progress.finish(fmt::format("{} pieces", vocabularies_.front()->size()));
  }

  void encode() {
    int64_t total = 0, done = 0;
    for (const auto& part : parts_)
      total += std::count(part.is_kept.begin(), part.is_kept.end(), true);
    Progress progress("encoding", total, "pairs");
    for (auto& part : parts_) {
      encode(part, [&] { progress.update(++done); });
      if (part.subset != "train") continue;
      for (const auto& [side, path] : part.text)
        fs::remove(path);
    }
    progress.finish();
  }

  void encode(Part& part, const std::function<void()>& tick) {
    const MappedFile sources(part.text[Side::kSource]), targets(part.text[Side::kTarget]);
    std::vector<std::string_view> lines;
    for_each_line(targets, [&](size_t, std::string_view line) { lines.push_back(line); });
    const Vocabulary& source_pieces = *vocabularies_.front();
    const Vocabulary& target_pieces = *vocabularies_.back();
    TokenFileWriter source_out(file(part, Side::kSource, "tokens"), source_pieces.size());
    TokenFileWriter target_out(file(part, Side::kTarget, "tokens"), target_pieces.size());
    const auto limit = static_cast<size_t>(section_.max_length);
    for_each_line(sources, [&](size_t i, std::string_view source) {
      if (!part.is_kept[i]) return;
      const auto source_ids = source_pieces.encode(source), ids = target_pieces.encode(lines[i]);
      tick();
      if (part.subset == "train" && (source_ids.size() > limit || ids.size() > limit)) {
        part.is_kept[i] = false;
        ++part.dropped["longer than max_length"];
        return;
      }
      count(part, Side::kSource, source_ids);
      count(part, Side::kTarget, ids);
      source_out.add(source_ids);
      target_out.add(ids);
    });
    source_out.finish();
    target_out.finish();
  }

  static void count(Part& part, Side side, const std::vector<int32_t>& ids) {
    part.num_tokens[side] += static_cast<int64_t>(ids.size());
    part.num_unknown[side] += std::count(ids.begin(), ids.end(), Special::kUnknown);
  }

  void describe(const Value& settings, const std::vector<Direction>& directions,
                const CorpusInputs& inputs) {
    Value stats = Value::object();
    std::vector<std::string> subsets, names;
    for (const auto& direction : directions)
      names.push_back(direction.name());
    for (auto& part : parts_) {
      if (std::find(subsets.begin(), subsets.end(), part.subset) == subsets.end())
        subsets.push_back(part.subset);
      stats[part.subset][part.direction.name()] = {
          {"read", part.num_read},
          {"kept", std::count(part.is_kept.begin(), part.is_kept.end(), true)},
          {"dropped", part.dropped},
          {"source_tokens", part.num_tokens[Side::kSource]},
          {"target_tokens", part.num_tokens[Side::kTarget]},
          {"source_unknown", part.num_unknown[Side::kSource]},
          {"target_unknown", part.num_unknown[Side::kTarget]}};
    }
    const Value about = {{"directions", names},
                         {"subsets", subsets},
                         {"vocabulary", section_.vocabulary},
                         {"settings", settings},
                         {"inputs", inputs.identity}};
    write_atomic(folder_ / "stats.json", stats.dump(1) + "\n");
    write_atomic(folder_ / "corpus.json", about.dump(1) + "\n");
  }

  CorpusSection section_;
  std::unique_ptr<Corpus> corpus_;
  std::unique_ptr<Tokenizer> tokenizer_;
  CorpusPlace place_;
  fs::path folder_;
  std::vector<Part> parts_;
  std::vector<std::unique_ptr<Vocabulary>> vocabularies_;
  HeldOut held_out_;
};

// What a killed preparation left beside `folder`; only the holder of the lock may call this.
void remove_leftovers(const fs::path& folder) {
  const std::string start = "." + folder.filename().string() + ".";
  for (const auto& entry : fs::directory_iterator(folder.parent_path())) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(start) && name.ends_with(".new")) fs::remove_all(entry.path());
  }
}

}  // namespace

CorpusInputs corpus_inputs(const Value& corpus_settings, const CorpusPlace& place) {
  const auto section = bind_settings<CorpusSection>(corpus_settings);
  const auto corpus = make_part<Corpus>(corpus_settings);
  CorpusInputs out = corpus->inputs(place, corpus->directions(place, section.pairs));
  const Value model = make_part<Tokenizer>(section.vocabulary)->inputs(place.spec_folder);
  out.identity = {{"corpus", out.identity}, {"tokenizer", model}};
  return out;
}

std::string corpus_id(const Value& corpus_settings, const CorpusInputs& inputs) {
  if (!inputs.known || !inputs.missing.empty()) return "?";
  const auto section = bind_settings<CorpusSection>(corpus_settings);
  return content_id({{"recipe", kRecipe},
                     {"corpus", content_settings(Corpus::kKind, corpus_settings)},
                     {"vocabulary", content_settings(Tokenizer::kKind, section.vocabulary)},
                     {"pairs", section.pairs},
                     {"max_length", section.max_length},
                     {"inputs", inputs.identity}});
}

void prepare_corpus(const Value& corpus_settings, const CorpusPlace& place,
                    const fs::path& folder) {
  if (fs::exists(folder / "corpus.json")) return;
  const fs::path lock_file = folder.parent_path() / ("." + folder.filename().string() + ".lock");
  const auto lock = FileLock::wait(lock_file, [&] {
    fmt::print(stderr, "waiting for another process that prepares corpus {}\n",
               folder.filename().string());
  });
  if (fs::exists(folder / "corpus.json")) return;
  remove_leftovers(folder);
  make_folder_atomic(folder, [&](const fs::path& fresh) {
    Preparation(corpus_settings, place, fresh).run(corpus_settings);
  });
}

}  // namespace xp
