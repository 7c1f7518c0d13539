// Reads and writes what fairseq-preprocess writes.
#include "engine/data/fairseq_bin.h"

#include "engine/base/error.h"
#include "engine/data/text_lines.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace xp {
namespace {

constexpr std::string_view kMagic("MMIDIDX\0\0", 9), kLegacyMagic("TNTIDX\0\0", 8);
constexpr int32_t kUnknown = 3, kEnd = 2;
constexpr const char* kSpecial[] = {"<s>", "<pad>", "</s>", "<unk>"};

fs::path with_ending(const fs::path& stem, const char* ending) {
  return stem.string() + ending;
}

MappedFile mapped(const fs::path& path) {
  if (!fs::is_regular_file(path)) user_error("'{}' is missing", path.string());
  return MappedFile(path);
}

size_t bytes_of_type(int type) {
  switch (type) {
    case 1:
    case 2:
      return 1;
    case 3:
    case 8:
      return 2;
    case 4:
    case 9:
      return 4;
    case 5:
    case 10:
      return 8;
    default:
      return 0;
  }
}

template <class T>
T value_at(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

int64_t id_of_type(int type, const std::byte* bytes) {
  switch (type) {
    case 1:
      return value_at<uint8_t>(bytes);
    case 2:
      return value_at<int8_t>(bytes);
    case 3:
      return value_at<int16_t>(bytes);
    case 8:
      return value_at<uint16_t>(bytes);
    case 4:
      return value_at<int32_t>(bytes);
    case 9:
      return value_at<uint32_t>(bytes);
    default:
      return value_at<int64_t>(bytes);
  }
}

void put(std::ofstream& out, const void* bytes, size_t count) {
  out.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(count));
}

}  // namespace

FairseqFile::FairseqFile(const fs::path& stem)
    : idx_path_(with_ending(stem, ".idx")),
      bin_path_(with_ending(stem, ".bin")),
      idx_(mapped(idx_path_)),
      bin_(mapped(bin_path_)) {
  const std::string_view start(reinterpret_cast<const char*>(idx_.bytes().data()),
                               std::min<size_t>(idx_.bytes().size(), 9));
  if (start == kMagic) {
    open_mapped();
  } else if (start.substr(0, 8) == kLegacyMagic) {
    open_legacy();
  } else {
    damaged(idx_path_, "it does not begin as fairseq's index files do");
  }
}

void FairseqFile::damaged(const fs::path& file, const std::string& what) const {
  user_error("'{}' is damaged: {}; binarise it again", file.string(), what);
}

uint64_t FairseqFile::word(uint64_t at) const {
  return value_at<uint64_t>(idx_.bytes().data() + at);
}

void FairseqFile::open_mapped() {
  const uint64_t size = idx_.bytes().size();
  if (size < 26) damaged(idx_path_, "it is shorter than its header");
  if (word(9) != 1) damaged(idx_path_, fmt::format("its version is {} and should be 1", word(9)));
  type_ = static_cast<int>(idx_.bytes()[17]);
  id_bytes_ = bytes_of_type(type_);
  if (id_bytes_ == 0) damaged(idx_path_, fmt::format("{} is not a type of ids", type_));
  const uint64_t count = word(18);
  if (count > size / 12 || size != 26 + 12 * count)
    damaged(idx_path_, fmt::format("{} bytes are not those of {} sentences", size, count));
  num_sentences_ = static_cast<int64_t>(count);
  sizes_at_ = 26;
  begins_at_ = 26 + 4 * count;
}

// 8 magic, then words: version, type, bytes of an id, N, S, begins[N + 1] of sizes (all one apart),
// begins[N + 1] in ids, sizes[S].
void FairseqFile::open_legacy() {
  is_legacy_ = true;
  const uint64_t size = idx_.bytes().size();
  if (size < 48) damaged(idx_path_, "it is shorter than its header");
  type_ = static_cast<int>(std::min<uint64_t>(word(16), 255));
  id_bytes_ = bytes_of_type(type_);
  if (id_bytes_ == 0 || word(24) != id_bytes_)
    damaged(idx_path_, fmt::format("{} is not a type of ids", word(16)));
  const uint64_t count = word(32), num_sizes = word(40);
  if (count > size / 16 || num_sizes != count || size != 48 + 16 * (count + 1) + 8 * num_sizes)
    damaged(idx_path_, "its length is not what its header says");
  num_sentences_ = static_cast<int64_t>(count);
  begins_at_ = 48 + 8 * (count + 1);
  sizes_at_ = begins_at_ + 8 * (count + 1);
}

std::vector<int64_t> FairseqFile::sentence(int64_t i) const {
  check(i >= 0 && i < num_sentences_, "a sentence of a file is asked by its index");
  const auto at = static_cast<uint64_t>(i);
  uint64_t count = 0, begin = word(begins_at_ + 8 * at);
  if (is_legacy_) {
    count = word(sizes_at_ + 8 * at);
    begin = begin > bin_.bytes().size() ? begin : begin * id_bytes_;
  } else {
    const auto size = value_at<int32_t>(idx_.bytes().data() + sizes_at_ + 4 * at);
    if (size < 0) damaged(idx_path_, fmt::format("sentence {} has a negative length", i));
    count = static_cast<uint64_t>(size);
  }
  const uint64_t room = bin_.bytes().size();
  if (begin > room || count > (room - begin) / id_bytes_) {
    damaged(bin_path_, fmt::format("sentence {} lies outside of its {} bytes", i, room));
  }
  std::vector<int64_t> out(count);
  for (uint64_t k = 0; k < count; ++k)
    out[k] = id_of_type(type_, bin_.bytes().data() + begin + k * id_bytes_) - (is_legacy_ ? 1 : 0);
  if (!out.empty() && out.back() == kEnd) out.pop_back();
  return out;
}

FairseqWriter::FairseqWriter(const fs::path& stem, int64_t vocabulary_size)
    : stem_(stem),
      bin_(with_ending(stem, ".bin"), std::ios::binary | std::ios::trunc),
      is_narrow_(vocabulary_size < 65500) {}

void FairseqWriter::add(std::span<const int32_t> ids) {
  sizes_.push_back(static_cast<int32_t>(ids.size()) + 1);
  if (is_narrow_) {
    narrow_ids_.assign(ids.begin(), ids.end());
    narrow_ids_.push_back(kEnd);
    return put(bin_, narrow_ids_.data(), narrow_ids_.size() * 2);
  }
  put(bin_, ids.data(), ids.size_bytes());
  put(bin_, &kEnd, sizeof kEnd);
}

void FairseqWriter::finish() {
  std::ofstream idx(with_ending(stem_, ".idx"), std::ios::binary | std::ios::trunc);
  const uint64_t version = 1, count = sizes_.size();
  const uint8_t type = is_narrow_ ? 8 : 9;
  put(idx, kMagic.data(), kMagic.size());
  put(idx, &version, sizeof version);
  put(idx, &type, sizeof type);
  put(idx, &count, sizeof count);
  put(idx, sizes_.data(), sizes_.size() * sizeof sizes_[0]);
  int64_t begin = 0;
  for (const int32_t size : sizes_) {
    put(idx, &begin, sizeof begin);
    begin += size * (is_narrow_ ? 2 : 4);
  }
  idx.close();
  bin_.close();
  if (!idx || !bin_)
    machine_error("writing '{}' and .bin: {}", with_ending(stem_, ".idx").string(),
                  std::strerror(errno));
}

void FairseqDictionary::add(const std::string& symbol, int64_t count) {
  ids_[symbol] = size();
  symbols_.emplace_back(symbol, count);
}

FairseqDictionary FairseqDictionary::load(const fs::path& path) {
  constexpr std::string_view kOverwrite = " #fairseq:overwrite";
  FairseqDictionary out;
  TextLines lines(path, "one symbol and its count per line");
  while (!lines.at_end()) {
    std::string_view line = lines.next();
    lines.require_text(line);
    const bool overwrites = line.ends_with(kOverwrite);
    if (overwrites) line.remove_suffix(kOverwrite.size());
    const size_t space = line.rfind(' ');
    int64_t count = 0;
    const char* end = line.data() + line.size();
    const char* digits = space == std::string_view::npos ? end : line.data() + space + 1;
    const auto [stop, error] = std::from_chars(digits, end, count);
    if (digits == end || stop != end || error != std::errc() || space == 0) {
      lines.refuse(fmt::format("'{}' is not a symbol, a space and a count", line));
    }
    const std::string symbol(line.substr(0, space));
    if (out.ids_.contains(symbol) && !overwrites) {
      lines.refuse(fmt::format(
          "the symbol '{}' is there already; add #fairseq:overwrite to replace it", symbol));
    }
    out.add(symbol, count);
  }
  return out;
}

FairseqDictionary FairseqDictionary::of_counts(const std::map<std::string, int64_t>& counts,
                                               int64_t threshold, int64_t max_symbols,
                                               int64_t padding) {
  std::vector<std::pair<std::string, int64_t>> sorted;
  for (const auto& [symbol, count] : counts) {
    if (std::find(std::begin(kSpecial), std::end(kSpecial), symbol) == std::end(kSpecial))
      sorted.emplace_back(symbol, count);
  }
  // The map's order, by bytes, is that of code points, and a stable sort keeps it.
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::erase_if(sorted, [&](const auto& entry) { return entry.second < threshold; });
  if (max_symbols > 0 && sorted.size() > static_cast<size_t>(max_symbols))
    sorted.resize(static_cast<size_t>(max_symbols));
  FairseqDictionary out;
  for (const auto& [symbol, count] : sorted)
    out.add(symbol, count);
  for (int i = 0; padding > 1 && out.size() % padding != 0; ++i)
    out.add(fmt::format("madeupword{:04}", i), 0);
  return out;
}

int32_t FairseqDictionary::id(std::string_view symbol) const {
  const auto found = ids_.find(symbol);
  if (found != ids_.end()) return found->second;
  for (int32_t id = 0; id < kUnknown; ++id)
    if (symbol == kSpecial[id]) return id;
  return kUnknown;
}

const std::string& FairseqDictionary::symbol(int32_t id) const {
  static const std::vector<std::string> special(std::begin(kSpecial), std::end(kSpecial));
  check(id >= 0 && id < size(), "an id of a dictionary is below its size");
  return id < 4 ? special[static_cast<size_t>(id)] : symbols_[static_cast<size_t>(id - 4)].first;
}

std::string FairseqDictionary::text() const {
  std::string out;
  for (const auto& [symbol, count] : symbols_)
    out += fmt::format("{} {}\n", symbol, count);
  return out;
}

}  // namespace xp
