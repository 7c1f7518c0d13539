// Scripts and normalization through ICU.
#include "engine/data/cleaning.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"

#include <algorithm>
#include <array>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uscript.h>

namespace xp {
namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

struct Writing {
  std::array<UScriptCode, 3> scripts;
  std::string_view languages;  ///< each with a space on both sides
};

constexpr UScriptCode kNone = USCRIPT_INVALID_CODE;

// Languages that are written in several scripts (sr, uz, ku ...) are left out.
constexpr Writing kWritings[] = {
    {{USCRIPT_LATIN, kNone, kNone},
     " af br ca cs cy da de en eo es et eu fi fr fy ga gd gl hr hu id is it li lt lv mg ms mt nb nl"
     " nn no oc pl pt ro rw se sk sl sq sv tr vi wa xh yo zu "},
    {{USCRIPT_CYRILLIC, kNone, kNone}, " be bg kk ky mk mn ru tg tt uk "},
    {{USCRIPT_ARABIC, kNone, kNone}, " ar fa ps ug ur "},
    {{USCRIPT_GREEK, kNone, kNone}, " el "},
    {{USCRIPT_HEBREW, kNone, kNone}, " he yi "},
    {{USCRIPT_DEVANAGARI, kNone, kNone}, " hi mr ne "},
    {{USCRIPT_BENGALI, kNone, kNone}, " as bn "},
    {{USCRIPT_GUJARATI, kNone, kNone}, " gu "},
    {{USCRIPT_GURMUKHI, kNone, kNone}, " pa "},
    {{USCRIPT_ORIYA, kNone, kNone}, " or "},
    {{USCRIPT_TAMIL, kNone, kNone}, " ta "},
    {{USCRIPT_TELUGU, kNone, kNone}, " te "},
    {{USCRIPT_KANNADA, kNone, kNone}, " kn "},
    {{USCRIPT_MALAYALAM, kNone, kNone}, " ml "},
    {{USCRIPT_SINHALA, kNone, kNone}, " si "},
    {{USCRIPT_THAI, kNone, kNone}, " th "},
    {{USCRIPT_KHMER, kNone, kNone}, " km "},
    {{USCRIPT_MYANMAR, kNone, kNone}, " my "},
    {{USCRIPT_TIBETAN, kNone, kNone}, " dz "},
    {{USCRIPT_GEORGIAN, kNone, kNone}, " ka "},
    {{USCRIPT_ARMENIAN, kNone, kNone}, " hy "},
    {{USCRIPT_ETHIOPIC, kNone, kNone}, " am "},
    {{USCRIPT_HAN, kNone, kNone}, " zh "},
    {{USCRIPT_HAN, USCRIPT_HIRAGANA, USCRIPT_KATAKANA}, " ja "},
    {{USCRIPT_HANGUL, USCRIPT_HAN, kNone}, " ko "},
};

const Writing* writing_of(std::string_view language) {
  const std::string key = fmt::format(" {} ", language.substr(0, language.find_first_of("_-")));
  for (const auto& writing : kWritings)
    if (writing.languages.find(key) != std::string_view::npos) return &writing;
  return nullptr;
}

}  // namespace

std::string_view composed(std::string_view text, std::string& room) {
  if (is_ascii(text)) return text;
  UErrorCode code = U_ZERO_ERROR;
  const auto* nfc = icu::Normalizer2::getNFCInstance(code);
  check(U_SUCCESS(code), "ICU has the tables of NFC");
  const icu::StringPiece piece(text.data(), static_cast<int32_t>(text.size()));
  if (nfc->isNormalizedUTF8(piece, code)) return text;
  room.clear();
  icu::StringByteSink<std::string> sink(&room);
  nfc->normalizeUTF8(0, piece, sink, nullptr, code);
  check(U_SUCCESS(code), "text that is UTF-8 can be composed");
  return room;
}

bool has_control_character(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7F) return true;
    const auto after = [&](size_t at) {
      return i + at < text.size() ? static_cast<unsigned char>(text[i + at]) : 0;
    };
    if (byte == 0xC2 && after(1) < 0xA0) return true;
    if (byte == 0xEF && after(1) == 0xBF && after(2) == 0xBD) return true;
  }
  return false;
}

bool is_in_script_of(std::string_view language, std::string_view text) {
  const Writing* writing = writing_of(language);
  if (writing == nullptr) return true;
  int64_t letters = 0, fitting = 0;
  const bool is_latin = writing->scripts[0] == USCRIPT_LATIN;
  if (is_latin && is_ascii(text)) return true;
  for (size_t at = 0; at < text.size();) {
    const uint32_t character = next_code_point(text, at);
    if (character < 0x80) {
      const uint32_t small = character | 0x20;
      const bool is_letter = small >= 'a' && small <= 'z';
      letters += is_letter;
      fitting += is_letter && is_latin;
      continue;
    }
    UErrorCode code = U_ZERO_ERROR;
    const UScriptCode script = uscript_getScript(static_cast<UChar32>(character), &code);
    if (script == USCRIPT_COMMON || script == USCRIPT_INHERITED || script == USCRIPT_UNKNOWN)
      continue;
    ++letters;
    fitting += std::find(writing->scripts.begin(), writing->scripts.end(), script) !=
               writing->scripts.end();
  }
  return 2 * fitting >= letters;
}

const char* flaw_of_pair(const CleaningSection& rule, const Direction& direction,
                         std::string_view source, std::string_view target) {
  if (trim(source).empty() || trim(target).empty()) return "blank";
  if (rule.control && (has_control_character(source) || has_control_character(target)))
    return "control characters";
  if (rule.script &&
      (!is_in_script_of(direction.source, source) || !is_in_script_of(direction.target, target)))
    return "wrong script";
  return nullptr;
}

}  // namespace xp
