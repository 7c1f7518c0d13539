// Lines in, lines out.
#include "engine/cli/commands/translation_lines.h"

#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"

#include <fmt/format.h>

#include <algorithm>

namespace xp {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf", kReplacement = "\xef\xbf\xbd";
constexpr const char* kNotJson = "it is not a JSON object with a text \"source\"";

std::string valid_utf8(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const bool is_broken = next_code_point(text, at) >= kBrokenByte;
    out += is_broken ? kReplacement : text.substr(begin, at - begin);
  }
  return out;
}

// What a line of JSON says.
void read_object(SourceLine& line) {
  Value object = Value::parse(line.text, nullptr, /*allow_exceptions=*/false);
  const Value* source = object.is_object() ? find_path(object, "source") : nullptr;
  if (source == nullptr || !source->is_string()) {
    line.problem = kNotJson;
    return;
  }
  line.text = source->get<std::string>();
  std::replace(line.text.begin(), line.text.end(), '\n', ' ');
  for (const auto& [key, text] :
       {std::pair{"direction", &line.direction}, std::pair{"prefix", &line.prefix}}) {
    const auto found = object.find(key);
    if (found != object.end() && found->is_string()) *text = *found;
  }
  line.object = std::move(object);
}

void check_direction(SourceLine& line, const LineFormat& format) {
  if (line.direction.empty()) line.direction = format.direction;
  const auto& known = format.directions;
  if (line.direction.empty()) {
    line.problem =
        fmt::format("it has no \"direction\"; the model translates {}", join(known, ", "));
  } else if (std::find(known.begin(), known.end(), line.direction) == known.end()) {
    line.problem = unknown_name("direction", line.direction, known);
  }
}

Value object_of(const SourceLine& line, const TranslatedLine& translated,
                const LineFormat& format) {
  Value out = line.object;
  out["source"] = line.text;
  if (!line.direction.empty()) out["direction"] = line.direction;
  Value list = Value::array();
  for (const auto& one : translated.hypotheses) {
    Value& item = list.emplace_back(Value{{"text", one.text}, {"score", one.score}});
    if (!format.has_alignment) continue;
    item["pieces"] = one.pieces;
    item["alignment"] = one.alignment;
  }
  out["hypotheses"] = std::move(list);
  if (format.has_alignment) out["source_pieces"] = translated.source_pieces;
  if (!line.problem.empty()) out["problem"] = line.problem;
  return out;
}

std::string columns_of(const TranslatedLine& translated, const ScoredText& one) {
  std::vector<std::string> pairs;
  for (const auto& [source, target] : one.alignment)
    pairs.push_back(fmt::format("{}-{}", source, target));
  return fmt::format("\t{}\t{}\t{}", join(translated.source_pieces, " "), join(one.pieces, " "),
                     join(pairs, " "));
}

}  // namespace

bool SourceLine::is_translated() const {
  return problem.empty() && !trim(text).empty();
}

void SourceLines::add(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    const size_t room = kMaxBytes - std::min(kMaxBytes, open_.size());
    open_ += bytes.substr(0, std::min(end, room));
    is_cut_ = is_cut_ || end > room;
    has_open_ = true;
    if (end == bytes.size()) return;
    finish_line();
    bytes.remove_prefix(end + 1);
  }
}

void SourceLines::end() {
  if (has_open_) finish_line();
}

void SourceLines::finish_line() {
  SourceLine line;
  line.number = ++number_;
  std::string_view text = open_;
  if (number_ == 1 && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.ends_with('\r')) text.remove_suffix(1);
  line.text = valid_utf8(text);
  if (is_cut_) {
    line.problem = fmt::format("it has more than {}; split it into sentences",
                               human_bytes(static_cast<double>(kMaxBytes)));
  } else if (line.text != text) {
    line.note = "bytes that are not UTF-8 became U+FFFD";
  }
  if (line.is_translated() && format_.reads_json) read_object(line);
  if (line.prefix.empty()) line.prefix = format_.prefix;
  if (line.is_translated()) check_direction(line, format_);
  ready_.push_back(std::move(line));
  open_.clear();
  is_cut_ = has_open_ = false;
}

std::optional<SourceLine> SourceLines::next() {
  if (ready_.empty()) return std::nullopt;
  SourceLine line = std::move(ready_.front());
  ready_.pop_front();
  return line;
}

std::string output_text(const SourceLine& line, const TranslatedLine& translated,
                        const LineFormat& format) {
  if (format.writes_json) return json_text(object_of(line, translated, format)) + "\n";
  if (translated.hypotheses.empty()) {
    const std::string none = format.has_scores ? fmt::format("{}\t\t", line.number) : "";
    return none + (format.has_alignment ? "\t\t\t\n" : "\n");
  }
  std::string out;
  for (const auto& one : translated.hypotheses) {
    if (format.has_scores) out += fmt::format("{}\t{:.4f}\t", line.number, one.score);
    out += one.text;
    if (format.has_alignment) out += columns_of(translated, one);
    out += "\n";
    if (!format.has_scores) break;
  }
  return out;
}

}  // namespace xp
