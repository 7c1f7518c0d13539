// Inflates member after member.
#include "engine/data/gzip_reader.h"

#include "engine/base/error.h"

#include <algorithm>
#include <zlib.h>

namespace xp {
namespace {

constexpr size_t kGzipPieceBytes = 1 << 16, kMaxInput = 1 << 30;  // zlib counts input in 32 bits
constexpr int kGzipOnly = 16 + MAX_WBITS;

bool starts_as_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

}  // namespace

struct GzipReader::Inflater {
  z_stream stream{};
  Inflater() { check(::inflateInit2(&stream, kGzipOnly) == Z_OK, "zlib has memory to inflate"); }
  ~Inflater() { ::inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

GzipReader::GzipReader(const fs::path& file)
    : file_(file), inflater_(std::make_unique<Inflater>()), piece_(kGzipPieceBytes, '\0') {}

GzipReader::~GzipReader() = default;

bool GzipReader::is_gzip() const {
  return starts_as_gzip(file_.bytes());
}

// Whether a member begins here; otherwise the content ends, or the file is damaged.
bool GzipReader::begin_member() {
  const auto rest = file_.bytes().subspan(at_);
  if (starts_as_gzip(rest)) {
    ::inflateReset(&inflater_->stream);
    ++num_members_;
    return is_inside_ = true;
  }
  const bool is_padding = num_members_ > 0 && std::all_of(rest.begin(), rest.end(), [](auto byte) {
                            return byte == std::byte{0};
                          });
  if (!is_padding) {
    damage_ = num_members_ == 0
                  ? "it does not begin like gzip"
                  : fmt::format("{} bytes after member {} are not gzip", rest.size(), num_members_);
  }
  at_ = file_.bytes().size();
  return false;
}

std::string_view GzipReader::next() {
  while (damage_.empty() && (is_inside_ || begin_member())) {
    z_stream& stream = inflater_->stream;
    const auto rest = file_.bytes().subspan(at_);
    const size_t given = std::min(rest.size(), kMaxInput);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(rest.data()));
    stream.avail_in = static_cast<uInt>(given);
    stream.next_out = reinterpret_cast<Bytef*>(piece_.data());
    stream.avail_out = static_cast<uInt>(piece_.size());
    const int code = ::inflate(&stream, Z_NO_FLUSH);
    at_ += given - stream.avail_in;
    const size_t size = piece_.size() - stream.avail_out;
    if (code == Z_STREAM_END) {
      is_inside_ = false;
    } else if (code == Z_BUF_ERROR && rest.empty()) {
      damage_ = "unexpected end of file";
    } else if (code != Z_OK) {
      damage_ = stream.msg == nullptr ? "unexpected end of file" : stream.msg;
    }
    if (size > 0) return std::string_view(piece_).substr(0, size);
  }
  return {};
}

}  // namespace xp
