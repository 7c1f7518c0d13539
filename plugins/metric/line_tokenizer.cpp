// Rules on bytes if no rule looks inside a character, else on code points.
#include "plugins/metric/line_tokenizer.h"

#include "engine/base/error.h"
#include "engine/base/ngrams.h"
#include "engine/base/replace_all.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "plugins/metric/mecab.h"

#include <sentencepiece_processor.h>

#include <array>
#include <memory>
#include <unicode/bytestream.h>
#include <unicode/casemap.h>

namespace xp {
namespace {

bool is_digit(uint32_t c) {
  return c >= '0' && c <= '9';
}

bool is_stop(uint32_t c) {
  return c == '.' || c == ',';
}

// ASCII punctuation but - ' . and , which depend on what is beside them.
bool is_separate(char c) {
  return (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') || c == '/' || (c >= ':' && c <= '@') ||
         (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

// Replaces each pair that `matches`, from the left and without overlap, by the pair with spaces
// where `gaps` has them: before, between, after.
template <class Text, class Matches>
void space_pairs(Text& text, Matches&& matches, std::array<bool, 3> gaps) {
  Text out;
  out.reserve(text.size() + text.size() / 4);
  const auto put_gap = [&](bool wanted) {
    if (wanted) out.push_back(' ');
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size() && matches(text[i], text[i + 1])) {
      put_gap(gaps[0]);
      out.push_back(text[i]);
      put_gap(gaps[1]);
      out.push_back(text[++i]);
      put_gap(gaps[2]);
    } else {
      out.push_back(text[i]);
    }
  }
  text = std::move(out);
}

std::string_view stripped(std::string_view line) {
  const auto parts = words(line);
  if (parts.empty()) return {};
  return {parts.front().data(), parts.back().data() + parts.back().size()};
}

// The part of 13a that zh shares: punctuation apart from words, but not inside numbers.
std::string western(std::string_view text) {
  std::string out;
  out.reserve(2 * text.size());
  for (const char c : text) {
    if (is_separate(c))
      out.append(1, ' ').append(1, c).append(1, ' ');
    else
      out += c;
  }
  const auto byte = [](char c) { return static_cast<uint32_t>(static_cast<unsigned char>(c)); };
  space_pairs(out, [&](char a, char b) { return !is_digit(byte(a)) && is_stop(byte(b)); },
              {false, true, true});
  space_pairs(out, [&](char a, char b) { return is_stop(byte(a)) && !is_digit(byte(b)); },
              {true, true, false});
  space_pairs(out, [&](char a, char b) { return is_digit(byte(a)) && b == '-'; },
              {false, true, true});
  return out;
}

std::string as_13a(std::string_view line) {
  std::string text = " ";
  const auto parts = words(line);
  // sacreBLEU strips at the end only, and before it joins lines at "-\n".
  if (!parts.empty()) text.append(line.data(), parts.back().data() + parts.back().size());
  replace_all(text, "<skipped>", "");
  replace_all(text, "-\n", "");
  replace_all(text, "\n", " ");
  if (text.find('&') != std::string::npos) {
    replace_all(text, "&quot;", "\"");
    replace_all(text, "&amp;", "&");
    replace_all(text, "&lt;", "<");
    replace_all(text, "&gt;", ">");
  }
  return western(text + " ");
}

void append(std::string& out, uint32_t point) {
  if (point >= kBrokenByte) {
    out += static_cast<char>(point - kBrokenByte);
    return;
  }
  std::array<char, 4> bytes{};
  size_t size = 0;
  U8_APPEND_UNSAFE(bytes.data(), size, point);
  out.append(bytes.data(), size);
}

bool is_of(uint32_t point, uint32_t categories) {
  return point < kBrokenByte && (U_GET_GC_MASK(static_cast<UChar32>(point)) & categories) != 0;
}

std::string as_intl(std::string_view line) {
  const auto is_number = [](uint32_t c) { return is_of(c, U_GC_N_MASK); };
  const auto is_punctuation = [](uint32_t c) { return is_of(c, U_GC_P_MASK); };
  auto points = code_points(line);
  space_pairs(points, [&](uint32_t a, uint32_t b) { return !is_number(a) && is_punctuation(b); },
              {false, true, true});
  space_pairs(points, [&](uint32_t a, uint32_t b) { return is_punctuation(a) && !is_number(b); },
              {true, true, false});
  std::string out;
  for (const uint32_t point : points) {
    const bool is_symbol = is_of(point, U_GC_S_MASK);
    if (is_symbol) out += ' ';
    append(out, point);
    if (is_symbol) out += ' ';
  }
  return out;
}

std::string as_characters(std::string_view line) {
  std::string out;
  for (size_t at = 0; at < line.size();) {
    append(out, next_code_point(line, at));
    out += ' ';
  }
  return out;
}

// As sacreBLEU means them, but for two ranges of five hexadecimal digits that Python reads as a
// character of four and a digit: 2001 to 2A6D and 2F81 to 2FA1.
bool is_chinese(uint32_t point) {
  constexpr std::array<std::array<uint32_t, 2>, 22> kRanges = {
      {{0x3400, 0x4DB5}, {0x4E00, 0x9FA5}, {0x9FA6, 0x9FBB}, {0xF900, 0xFA2D}, {0xFA30, 0xFA6A},
       {0xFA70, 0xFAD9}, {0x2001, 0x2A6D}, {0x2F81, 0x2FA1}, {0xFF00, 0xFFEF}, {0x2E80, 0x2EFF},
       {0x3000, 0x303F}, {0x31C0, 0x31EF}, {0x2F00, 0x2FDF}, {0x2FF0, 0x2FFF}, {0x3100, 0x312F},
       {0x31A0, 0x31BF}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE4F}, {0x2600, 0x26FF}, {0x2700, 0x27BF},
       {0x3200, 0x32FF}, {0x3300, 0x33FF}}};
  for (const auto& [first, last] : kRanges)
    if (point >= first && point <= last) return true;
  return false;
}

std::string as_zh(std::string_view line) {
  line = stripped(line);
  std::string text;
  for (size_t at = 0; at < line.size();) {
    const size_t begin = at;
    const bool is_apart = is_chinese(next_code_point(line, at));
    if (is_apart) text += ' ';
    text += line.substr(begin, at - begin);
    if (is_apart) text += ' ';
  }
  return western(text);
}

LineTokenizer of_pieces(const std::string& name, const std::string& model) {
  if (model.empty())
    user_error("tokenizer '{}' needs its SentencePiece model; name the file", name);
  auto processor = std::make_shared<sentencepiece::SentencePieceProcessor>();
  const auto status = processor->Load(model);
  if (!status.ok()) user_error("'{}' is not a SentencePiece model: {}", model, status.ToString());
  return {
      name, [processor](std::string_view line) {
        std::vector<std::string> pieces;
        if (const auto done = processor->Encode({line.data(), line.size()}, &pieces); !done.ok())
          machine_error("SentencePiece cannot encode '{}': {}", line, done.ToString());
        return join(pieces, " ");
      }};
}

}  // namespace

const std::vector<std::string>& line_tokenizer_names() {
  static const std::vector<std::string> names = {
      "13a", "intl", "char", "zh", "none", "ja-mecab", "ko-mecab", "flores101", "flores200"};
  return names;
}

LineTokenizer make_line_tokenizer(const std::string& name, const std::string& model) {
  if (name == "13a") return {name, as_13a};
  if (name == "intl") return {name, as_intl};
  if (name == "char") return {name, as_characters};
  if (name == "zh") return {name, as_zh};
  if (name == "none") return {name, [](std::string_view line) { return std::string(line); }};
  if (name == "ja-mecab" || name == "ko-mecab") {
    const bool is_japanese = name == "ja-mecab";
    auto mecab = std::make_shared<Mecab>(is_japanese ? Mecab::japanese() : Mecab::korean(model));
    return {fmt::format("{}-{}-{}", name, mecab->version(), is_japanese ? "IPA" : "KO"),
            [mecab](std::string_view line) { return mecab->words(stripped(line)); }};
  }
  if (name == "flores101" || name == "flores200") return of_pieces(name, model);
  user_error("{}", unknown_name("tokenizer of BLEU", name, line_tokenizer_names()));
}

std::string lower_case(std::string_view text) {
  UErrorCode code = U_ZERO_ERROR;
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  icu::CaseMap::utf8ToLower("", 0, {text.data(), static_cast<int32_t>(text.size())}, sink, nullptr,
                            code);
  check(U_SUCCESS(code), "ICU lowers the case of any text");
  return out;
}

}  // namespace xp
