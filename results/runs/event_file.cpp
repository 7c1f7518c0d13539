// Records and the three messages in them.
#include "results/runs/event_file.h"

#include "results/runs/attempts.h"
#include "results/runs/workspace.h"

#include <boost/crc.hpp>
#include <fmt/format.h>

#include <bit>
#include <map>

namespace xp {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they are");

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

uint32_t masked_crc32c(std::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  const auto sum = static_cast<uint32_t>(crc.checksum());
  return ((sum >> 15) | (sum << 17)) + 0xa282ead8U;
}

std::string record(std::string_view bytes) {
  const std::string length = raw<uint64_t>(bytes.size());
  return length + raw(masked_crc32c(length)) + std::string(bytes) + raw(masked_crc32c(bytes));
}

std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7)
    out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}

// Wire types of protocol buffers.
enum Wire : uint32_t { kVarint = 0, kDouble = 1, kBytes = 2, kFloat = 5 };

std::string key(uint32_t field, Wire wire) {
  return varint(field << 3 | wire);
}
std::string bytes_field(uint32_t field, std::string_view bytes) {
  return key(field, kBytes) + varint(bytes.size()) + std::string(bytes);
}

std::string wall_time(double seconds) {
  return key(1, kDouble) + raw(seconds);
}

std::string event_of(const Scalar& scalar) {
  const std::string value =
      bytes_field(1, scalar.tag) + key(2, kFloat) + raw(static_cast<float>(scalar.value));
  return wall_time(scalar.seconds) + key(2, kVarint) +
         varint(static_cast<uint64_t>(scalar.update)) + bytes_field(5, bytes_field(1, value));
}

// When an attempt began, or 0.
double start_of(const fs::path& attempt) {
  const auto start = read_start(attempt);
  return start ? start->started_s : 0;
}

}  // namespace

std::string event_file(double started_s, const std::vector<Scalar>& scalars) {
  std::string out = record(wall_time(started_s) + bytes_field(3, "brain.Event:2"));
  for (const Scalar& scalar : scalars)
    out += record(event_of(scalar));
  return out;
}

std::vector<Scalar> scalars_of(const fs::path& run_folder) {
  std::map<std::pair<int64_t, std::string>, Scalar> found;
  for (int64_t number = 1; number <= last_attempt(run_folder); ++number) {
    const fs::path attempt = attempt_folder(run_folder, number);
    const double start = start_of(attempt);
    size_t offset = 0;
    for (const Event& event : read_events(attempt, offset)) {
      const bool is_validation = event.event == "validation";
      if (event.update < 0 || !event.values.is_object()) continue;
      if (!is_validation && event.event != "update") continue;
      for (const auto& [name, value] : event.values.items()) {
        if (!value.is_number()) continue;
        const std::string tag = (is_validation ? "validation/" : "training/") + name;
        found[{event.update, tag}] = {tag, event.update, start + event.seconds,
                                      value.get<double>()};
      }
    }
  }
  std::vector<Scalar> out;
  for (auto& [place, scalar] : found)
    out.push_back(std::move(scalar));
  return out;
}

size_t write_event_file(const fs::path& run_folder, const fs::path& folder) {
  const auto scalars = scalars_of(run_folder);
  if (scalars.empty()) return 0;
  const double started = start_of(attempt_folder(run_folder, 1));
  write_atomic(folder / fmt::format("events.out.tfevents.{:010.0f}.xp", started),
               event_file(started, scalars));
  return scalars.size();
}

}  // namespace xp
