// Reads, cleans, learns the vocabulary, encodes.
#include "engine/data/preparation.h"

#include "engine/base/json_text.h"
#include "engine/base/progress.h"
#include "engine/base/text.h"
#include "engine/data/cleaning.h"
#include "engine/data/growth.h"
#include "engine/data/leakage.h"
#include "engine/data/parallel.h"
#include "engine/data/prepared_corpus.h"
#include "engine/data/raw_text.h"
#include "registry/sections.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <map>

namespace xp {
namespace {

constexpr size_t kLengthBuckets = 32;    // classes of lengths; the last takes the rest
constexpr size_t kMaxPieceBytes = 1024;  // no piece has more; encoding takes 120 times the bytes
constexpr size_t kMaxScoredBytes = size_t{1} << 18;  // longer text is not a sentence
constexpr const char* kTooLong = "longer than max_length";

// One direction of one subset while it is being prepared: its text on disk, what of it is kept.
struct Part {
  std::string subset;
  Direction direction;
  RawText text;
  std::vector<bool> is_kept{};
  int64_t num_read = 0;
  std::map<std::string, int64_t> dropped{};
  std::array<int64_t, 2> num_tokens{}, num_unknown{};
  int64_t longer_tokens = 0, longer_squares = 0;
  std::array<std::array<int64_t, kLengthBuckets>, 2> lengths{};

  bool is_train() const { return subset == "train"; }
  int64_t num_kept() const { return std::count(is_kept.begin(), is_kept.end(), true); }
};

// The pairs of a chunk as ids, one after the other, and why pairs are left out (nullptr: they are
// not; those that were not kept before are not here).
struct EncodedChunk {
  std::array<std::vector<int32_t>, 2> ids;
  struct Pair {
    int64_t index;
    std::array<size_t, 2> length;
    const char* flaw;
  };
  std::vector<Pair> pairs;
};

class Preparation {
 public:
  Preparation(const Value& settings, const CorpusPlace& place, const fs::path& folder)
      : section_(bind_settings<CorpusSection>(settings)),
        corpus_(make_part<Corpus>(settings)),
        place_(place),
        folder_(folder) {}

  void run(const Value& settings) {
    const auto directions = corpus_->directions(place_, section_.pairs);
    const CorpusInputs inputs = corpus_->inputs(place_, directions);
    if (!inputs.missing.empty()) user_error("{}", inputs.missing);
    corpus_->fetch(place_, directions);
    const Value own = corpus_->vocabulary(place_, directions);
    has_own_pieces_ = !own.is_null();
    if (has_own_pieces_) section_.vocabulary = own;
    tokenizer_ = make_part<Tokenizer>(section_.vocabulary);
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
  fs::path stem(const std::string& subset, const Direction& direction, Side side) const {
    return folder_ / side_stem(subset, direction, side);
  }

  Part& part_of(std::string_view subset, const Direction& direction) {
    for (auto& part : parts_) {
      if (part.subset == subset && part.direction == direction) return part;
    }
    const std::string name(subset);
    const auto text = [&](Side side) { return stem(name, direction, side).string() + ".txt"; };
    return parts_.emplace_back(Part{.subset = name,
                                    .direction = direction,
                                    .text = {text(Side::kSource), text(Side::kTarget)}});
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
    for (auto& part : parts_)
      if (part.direction == direction) part.text.finish();
    progress.finish();
  }

  // Training text is brought into one form at once; text for scoring stays as it is.
  void take(Part& part, std::string_view source, std::string_view target) {
    for (const auto text : {source, target}) {
      check(text.find('\n') == std::string_view::npos && is_valid_utf8(text),
            "a corpus gives lines of UTF-8");
      if (!part.is_train() && text.size() > kMaxScoredBytes)
        user_error(
            "pair {} of subset '{}' has a side of {}, which is not a sentence; split or remove it",
            part.num_read + 1, part.subset, human_bytes(static_cast<double>(text.size())));
    }
    if (section_.cleaning.unicode && !has_own_pieces_) {
      const auto source_composed = composed(source, source_room_);
      const auto target_composed = composed(target, target_room_);
      if (!part.is_train()) hold_out(source_composed, target_composed);
      part.text.add(part.is_train() ? source_composed : source,
                    part.is_train() ? target_composed : target);
    } else {
      if (!part.is_train()) hold_out(source, target);
      part.text.add(source, target);
    }
    part.is_kept.push_back(true);
    ++part.num_read;
  }

  void hold_out(std::string_view source, std::string_view target) {
    held_out_.add(source);
    held_out_.add(target);
  }

  const char* flaw(const Part& part, std::string_view source, std::string_view target) const {
    if (const char* found = flaw_of_pair(section_.cleaning, part.direction, source, target))
      return found;
    const bool is_held_out =
        section_.cleaning.held_out && (held_out_.contains(source) || held_out_.contains(target));
    return is_held_out ? "in another subset" : nullptr;
  }

  void filter(Part& part) {
    if (!part.is_train() || has_own_pieces_) return;
    struct Found {
      std::vector<std::pair<int64_t, const char*>> flaws;
      std::vector<uint64_t> keys;
    };
    const fs::path keys_path = folder_ / "pair_keys";
    std::ofstream keys(keys_path, std::ios::binary);
    Progress progress("cleaning " + part.direction.name(), part.text.size(), "pairs");
    int64_t done = 0;
    in_order(
        part.text.num_chunks(), num_workers(),
        [&](size_t chunk, size_t) {
          Found found;
          part.text.for_each(chunk,
                             [&](int64_t i, std::string_view source, std::string_view target) {
                               if (const char* why = flaw(part, source, target))
                                 found.flaws.emplace_back(i, why);
                               found.keys.push_back(pair_key(source, target));
                             });
          return found;
        },
        [&](size_t, const Found& found) {
          for (const auto& [i, why] : found.flaws) {
            part.is_kept[static_cast<size_t>(i)] = false;
            ++part.dropped[why];
          }
          keys.write(reinterpret_cast<const char*>(found.keys.data()),
                     static_cast<std::streamsize>(8 * found.keys.size()));
          progress.update(done += static_cast<int64_t>(found.keys.size()));
        });
    keys.close();
    if (!keys) machine_error("writing '{}': {}", keys_path.string(), std::strerror(errno));
    if (section_.cleaning.repeated) {
      const int64_t count = drop_repeated(keys_path, part.is_kept);
      if (count > 0) part.dropped["repeated"] += count;
    }
    fs::remove(keys_path);
    progress.finish(fmt::format("{} kept", part.num_kept()));
  }

  static size_t num_workers() { return std::max(1u, std::thread::hardware_concurrency()); }

  void require_train() const {
    for (const auto& part : parts_)
      if (part.is_train() && part.num_kept() > 0) return;
    std::map<std::string, int64_t> dropped;
    int64_t num_read = 0;
    for (const auto& part : parts_) {
      if (!part.is_train()) continue;
      num_read += part.num_read;
      for (const auto& [reason, count] : part.dropped)
        dropped[reason] += count;
    }
    std::vector<std::string> reasons;
    for (const auto& [reason, count] : dropped)
      reasons.push_back(fmt::format("{} {}", count, reason));
    user_error("corpus '{}' has no training pair for {}: {}", section_.use,
               join(section_.pairs, ", "),
               num_read == 0 ? "none was read"
                             : fmt::format("all {} were left out ({}); see [corpus.cleaning]",
                                           num_read, join(reasons, ", ")));
  }

  // Token files take at most as much as the text, plus 8 bytes a sentence and side.
  void require_space() const {
    uint64_t needed = uint64_t{16} << 20;
    for (const auto& part : parts_)
      needed += part.text.num_bytes() + 16 * part.is_kept.size();
    if (const uint64_t free = free_bytes(folder_); free < needed) {
      machine_error("preparing the corpus needs {} and '{}' has {} free; make room",
                    human_bytes(static_cast<double>(needed)), folder_.parent_path().string(),
                    human_bytes(static_cast<double>(free)));
    }
  }

  void learn() {
    std::atomic<int64_t> count = 0;
    Growth progress("learning the vocabulary", "sentences", [&count] { return count.load(); });
    const auto sentences = [&](Side side, const std::function<void(std::string_view)>& each) {
      for (const auto& part : parts_) {
        for (size_t chunk = 0; part.is_train() && chunk < part.text.num_chunks(); ++chunk) {
          part.text.for_each(chunk,
                             [&](int64_t i, std::string_view source, std::string_view target) {
                               if (!part.is_kept[static_cast<size_t>(i)]) return;
                               each(side == Side::kSource ? source : target);
                               ++count;
                             });
        }
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
    progress.finish(static_cast<uint64_t>(count),
                    fmt::format("{} pieces", vocabularies_.front()->size()));
  }

  void encode() {
    int64_t total = 0, done = 0;
    for (const auto& part : parts_)
      total += part.num_kept();
    Progress progress("encoding", total, "pairs");
    for (auto& part : parts_) {
      encode(part, [&] { progress.update(++done); });
      if (!part.is_train()) continue;
      fs::remove(part.text.source_path());
      fs::remove(part.text.target_path());
    }
    progress.finish();
  }

  void encode(Part& part, const std::function<void()>& tick) {
    std::vector<std::array<std::unique_ptr<Encoder>, 2>> encoders(num_workers());
    for (auto& [source, target] : encoders) {
      source = vocabularies_.front()->encoder();
      target = vocabularies_.back()->encoder();
    }
    std::array<TokenSetWriter, 2> out = {
        TokenSetWriter(stem(part.subset, part.direction, Side::kSource),
                       vocabularies_.front()->size()),
        TokenSetWriter(stem(part.subset, part.direction, Side::kTarget),
                       vocabularies_.back()->size())};
    std::array<std::string, 2> decoded;
    in_order(
        part.text.num_chunks(), encoders.size(),
        [&](size_t chunk, size_t worker) { return encoded(part, chunk, encoders[worker]); },
        [&](size_t, const EncodedChunk& chunk) {
          std::array<size_t, 2> at{};
          for (const auto& pair : chunk.pairs) {
            tick();
            if (pair.flaw != nullptr) {
              part.is_kept[static_cast<size_t>(pair.index)] = false;
              ++part.dropped[pair.flaw];
              continue;
            }
            const auto longer = static_cast<int64_t>(std::max(pair.length[0], pair.length[1]));
            part.longer_tokens += longer;
            part.longer_squares += longer * longer;
            for (size_t side = 0; side < 2; ++side) {
              const std::span ids(chunk.ids[side].data() + at[side], pair.length[side]);
              at[side] += pair.length[side];
              out[side].add(ids);
              count(part, side, ids);
              if (has_own_pieces_ && !part.is_train())
                decoded[side] += vocabulary(side).decode(ids) + "\n";
            }
          }
        });
    for (auto& side : out)
      side.finish();
    if (has_own_pieces_ && !part.is_train()) {
      write_atomic(part.text.source_path(), decoded[0]);
      write_atomic(part.text.target_path(), decoded[1]);
    }
  }

  const Vocabulary& vocabulary(size_t side) const {
    return side == 0 ? *vocabularies_.front() : *vocabularies_.back();
  }

  EncodedChunk encoded(const Part& part, size_t chunk,
                       const std::array<std::unique_ptr<Encoder>, 2>& encoders) const {
    EncodedChunk out;
    const size_t most_bytes = kMaxPieceBytes * static_cast<size_t>(section_.max_length);
    part.text.for_each(chunk, [&](int64_t i, std::string_view source, std::string_view target) {
      if (!part.is_kept[static_cast<size_t>(i)]) return;
      if (part.is_train() && std::max(source.size(), target.size()) > most_bytes)
        return out.pairs.push_back({i, {}, kTooLong});
      const std::array<size_t, 2> before = {out.ids[0].size(), out.ids[1].size()};
      encoders[0]->encode(source, out.ids[0]);
      encoders[1]->encode(target, out.ids[1]);
      const std::array<size_t, 2> length = {out.ids[0].size() - before[0],
                                            out.ids[1].size() - before[1]};
      const char* why = part.is_train() ? length_flaw(length) : nullptr;
      if (why != nullptr) {
        for (size_t side = 0; side < 2; ++side)
          out.ids[side].resize(before[side]);
      }
      out.pairs.push_back({i, length, why});
    });
    return out;
  }

  const char* length_flaw(const std::array<size_t, 2>& length) const {
    const auto [shorter, longer] = std::minmax(length[0], length[1]);
    if (shorter == 0) return "blank";  // of characters that the vocabulary drops
    if (longer > static_cast<size_t>(section_.max_length)) return kTooLong;
    const double ratio = static_cast<double>(longer) / static_cast<double>(shorter);
    const double limit = section_.cleaning.max_ratio;
    return limit > 0 && ratio > limit ? "ratio over max_ratio" : nullptr;
  }

  static void count(Part& part, size_t side, std::span<const int32_t> ids) {
    part.num_tokens[side] += static_cast<int64_t>(ids.size());
    part.num_unknown[side] += std::count(ids.begin(), ids.end(), Special::kUnknown);
    ++part.lengths[side][std::min(ids.size() / kLengthClass, kLengthBuckets - 1)];
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
      stats[part.subset][part.direction.name()] = {{"read", part.num_read},
                                                   {"kept", part.num_kept()},
                                                   {"dropped", part.dropped},
                                                   {"source_tokens", part.num_tokens[0]},
                                                   {"target_tokens", part.num_tokens[1]},
                                                   {"source_unknown", part.num_unknown[0]},
                                                   {"target_unknown", part.num_unknown[1]},
                                                   {"longer_tokens", part.longer_tokens},
                                                   {"longer_squares", part.longer_squares},
                                                   {"source_lengths", part.lengths[0]},
                                                   {"target_lengths", part.lengths[1]}};
    }
    const Value about = {{"directions", names},
                         {"subsets", subsets},
                         {"vocabulary", section_.vocabulary},
                         {"settings", settings},
                         {"inputs", inputs.identity}};
    write_atomic(folder_ / "stats.json", json_text(stats, 1) + "\n");
    write_atomic(folder_ / "corpus.json", json_text(about, 1) + "\n");
  }

  CorpusSection section_;
  std::unique_ptr<Corpus> corpus_;
  std::unique_ptr<Tokenizer> tokenizer_;
  CorpusPlace place_;
  fs::path folder_;
  std::list<Part> parts_;
  std::vector<std::unique_ptr<Vocabulary>> vocabularies_;
  HeldOut held_out_;
  bool has_own_pieces_ = false;
  std::string source_room_, target_room_;
};

}  // namespace

void fill_corpus(const Value& corpus_settings, const CorpusPlace& place, const fs::path& folder) {
  Preparation(corpus_settings, place, folder).run(corpus_settings);
}

}  // namespace xp
