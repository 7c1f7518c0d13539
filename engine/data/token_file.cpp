// Writes and maps token files.
#include "engine/data/token_file.h"

#include "engine/base/error.h"

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

namespace xp {
namespace {

static_assert(std::endian::native == std::endian::little, "token files are mapped as they are");

constexpr size_t kHeaderBytes = 64;
// A corpus of a hundred languages has hundreds of files: what each of them reads when it is opened
// adds up, for every rank.
constexpr uint64_t kVerifiedAtOnce = uint64_t{1} << 20;
constexpr uint64_t kChecksumStart = 0x9E3779B97F4A7C15u;

struct Header {
  std::array<char, 8> magic{'x', 'p', 't', 'o', 'k', 'e', 'n', 's'};
  uint32_t version = 1;
  uint32_t token_bytes = 2;
  uint64_t num_sentences = 0, num_tokens = 0, checksum = 0, vocabulary_size = 0, unused = 0;
  uint64_t header_checksum = 0;
};
static_assert(sizeof(Header) == kHeaderBytes);

uint64_t mixed(uint64_t sum, uint64_t word) {
  sum = (sum ^ word) * 0xD6E8FEB86659FD93u;
  return sum ^ (sum >> 32);
}

// Depends only on the bytes, not on how they are cut into calls: all calls but the last of a
// section pass whole words.
uint64_t summed(uint64_t sum, const std::byte* bytes, size_t count) {
  for (size_t i = 0; i + 8 <= count; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + i, 8);
    sum = mixed(sum, word);
  }
  if (count % 8 == 0) return sum;
  uint64_t word = 0;
  std::memcpy(&word, bytes + count / 8 * 8, count % 8);
  return mixed(sum, word);
}

size_t padded(size_t bytes) {
  return (bytes + 7) / 8 * 8;
}

uint64_t header_sum(const Header& header) {
  return summed(kChecksumStart, reinterpret_cast<const std::byte*>(&header), kHeaderBytes - 8);
}

}  // namespace

TokenFileWriter::TokenFileWriter(const fs::path& path, int64_t vocabulary_size)
    : path_(path),
      out_(path, std::ios::binary | std::ios::trunc),
      vocabulary_size_(vocabulary_size),
      wide_(vocabulary_size > 65536),
      checksum_(kChecksumStart) {
  const std::array<char, kHeaderBytes> room{};
  out_.write(room.data(), room.size());
}

void TokenFileWriter::put(const void* bytes, size_t count) {
  out_.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(count));
}

void TokenFileWriter::add(std::span<const int32_t> ids) {
  offsets_.push_back(offsets_.back() + ids.size());
  if (wide_) return put(ids.data(), ids.size_bytes());
  narrow_ids_.assign(ids.begin(), ids.end());
  put(narrow_ids_.data(), narrow_ids_.size() * 2);
}

void TokenFileWriter::finish() {
  const size_t token_bytes = wide_ ? 4 : 2;
  const size_t bytes = offsets_.back() * token_bytes;
  const std::array<char, 8> zeros{};
  put(zeros.data(), padded(bytes) - bytes);
  put(offsets_.data(), offsets_.size() * 8);
  out_.flush();
  if (!out_) machine_error("writing '{}': {}", path_.string(), std::strerror(errno));

  Header header;
  header.token_bytes = static_cast<uint32_t>(token_bytes);
  header.num_sentences = offsets_.size() - 1;
  header.num_tokens = offsets_.back();
  header.vocabulary_size = static_cast<uint64_t>(vocabulary_size_);
  {
    const MappedFile written(path_);
    header.checksum = summed(checksum_, written.bytes().data() + kHeaderBytes,
                             written.bytes().size() - kHeaderBytes);
  }
  header.header_checksum = header_sum(header);
  out_.seekp(0);
  put(&header, sizeof header);
  out_.close();
  if (!out_) machine_error("writing '{}': {}", path_.string(), std::strerror(errno));
}

TokenFile::TokenFile(const fs::path& path) : path_(path), file_(path) {
  const auto bytes = file_.bytes();
  Header header;
  if (bytes.size() < kHeaderBytes) damaged("shorter than its header");
  std::memcpy(&header, bytes.data(), kHeaderBytes);
  if (header.magic != Header().magic) damaged("no token file");
  if (header.header_checksum != header_sum(header))
    damaged("its header does not match its checksum");
  if (header.version != 1) {
    machine_error("token file '{}' has version {}; this xp reads version 1", path.string(),
                  header.version);
  }
  if (header.token_bytes != 2 && header.token_bytes != 4) damaged("its tokens have no known size");
  wide_ = header.token_bytes == 4;
  const uint64_t room = bytes.size() - kHeaderBytes;
  if (header.num_tokens > room || header.num_sentences >= room / 8 + 1 ||
      padded(header.num_tokens * header.token_bytes) + (header.num_sentences + 1) * 8 != room) {
    damaged("its size is not what its header says");
  }
  num_sentences_ = static_cast<int64_t>(header.num_sentences);
  num_tokens_ = static_cast<int64_t>(header.num_tokens);
  vocabulary_size_ = static_cast<int64_t>(header.vocabulary_size);
  tokens_ = bytes.data() + kHeaderBytes;
  offsets_ = tokens_ + padded(header.num_tokens * header.token_bytes);
  if (offset(0) != 0 || offset(num_sentences_) != header.num_tokens)
    damaged("its offsets are wrong");
  if (bytes.size() <= kVerifiedAtOnce) verify();
}

void TokenFile::verify() const {
  const auto bytes = file_.bytes();
  Header header;
  std::memcpy(&header, bytes.data(), kHeaderBytes);
  if (summed(kChecksumStart, bytes.data() + kHeaderBytes, bytes.size() - kHeaderBytes) !=
      header.checksum) {
    damaged("its content does not match its checksum");
  }
}

uint64_t TokenFile::offset(int64_t i) const {
  uint64_t value = 0;
  std::memcpy(&value, offsets_ + static_cast<size_t>(i) * 8, 8);
  return value;
}

std::pair<uint64_t, uint64_t> TokenFile::bounds(int64_t i) const {
  check(i >= 0 && i < num_sentences_, "a sentence of a token file is asked by its index");
  const uint64_t begin = offset(i), end = offset(i + 1);
  if (begin > end || end > static_cast<uint64_t>(num_tokens_)) damaged("its offsets are wrong");
  return {begin, end};
}

int32_t TokenFile::token(uint64_t at) const {
  uint16_t narrow = 0;
  int32_t value = 0;
  if (wide_) {
    std::memcpy(&value, tokens_ + at * 4, 4);
  } else {
    std::memcpy(&narrow, tokens_ + at * 2, 2);
    value = narrow;
  }
  if (value < 0 || value >= vocabulary_size_) damaged("it has tokens outside the vocabulary");
  return value;
}

uint32_t TokenFile::length(int64_t i) const {
  const auto [begin, end] = bounds(i);
  return static_cast<uint32_t>(end - begin);
}

std::vector<int32_t> TokenFile::sentence(int64_t i) const {
  const auto [begin, end] = bounds(i);
  std::vector<int32_t> out;
  out.reserve(end - begin);
  for (uint64_t at = begin; at < end; ++at)
    out.push_back(token(at));
  return out;
}

void TokenFile::damaged(std::string_view what) const {
  machine_error("token file '{}' is damaged: {}; delete its corpus folder and prepare it again",
                path_.string(), what);
}

}  // namespace xp
