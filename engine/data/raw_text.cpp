// A chunk is found by the number of bytes written before it.
#include "engine/data/raw_text.h"

#include "engine/base/error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace xp {
namespace {

// Large enough to pay for passing it to a thread; a multiple of 64, so that threads which mark
// pairs in a vector<bool> never share a word of it.
constexpr int64_t kChunkPairs = 4096;

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

}  // namespace

RawText::RawText(fs::path source, fs::path target)
    : source_path_(std::move(source)),
      target_path_(std::move(target)),
      source_out_(source_path_, std::ios::binary),
      target_out_(target_path_, std::ios::binary) {}

void RawText::add(std::string_view source, std::string_view target) {
  if (size_ % kChunkPairs == 0) chunks_.push_back({size_, source_bytes_, target_bytes_});
  source_out_ << source << '\n';
  target_out_ << target << '\n';
  for (const auto& [out, path] :
       {std::pair(&source_out_, &source_path_), std::pair(&target_out_, &target_path_)}) {
    if (!*out) machine_error("writing '{}': {}", path->string(), std::strerror(errno));
  }
  source_bytes_ += source.size() + 1;
  target_bytes_ += target.size() + 1;
  ++size_;
}

void RawText::finish() {
  source_out_.close();
  if (!source_out_) machine_error("writing '{}': {}", source_path_.string(), std::strerror(errno));
  target_out_.close();
  if (!target_out_) machine_error("writing '{}': {}", target_path_.string(), std::strerror(errno));
  source_.emplace(source_path_);
  target_.emplace(target_path_);
}

RawText::Cursor RawText::begin(size_t chunk) const {
  const Chunk& at = chunks_[chunk];
  const std::string_view source = text_of(*source_), target = text_of(*target_);
  if (source.size() != source_bytes_ || target.size() != target_bytes_)
    machine_error("'{}' was changed while it was in use", source_path_.string());
  return {source.substr(at.source_at), target.substr(at.target_at),
          std::min(size_, at.first + kChunkPairs)};
}

std::string_view RawText::next(std::string_view& rest) const {
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos)
    machine_error("'{}' was changed while it was in use", source_path_.string());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

}  // namespace xp
