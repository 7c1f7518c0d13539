// Expat parses XML, ICU converts encodings; what the elements mean is here.
#include "engine/data/tmx.h"

#include "engine/base/error.h"
#include "engine/base/file.h"

#include <algorithm>
#include <array>
#include <expat.h>
#include <memory>
#include <unicode/ucnv.h>

namespace xp {
namespace {

using TakePair = std::function<void(std::string_view, std::string_view)>;

constexpr size_t kTmxPieceBytes = 1 << 20, kMaxLanguages = 100;
constexpr const char* kLacksSide = "no text in one of the languages";
constexpr const char* kUnknownEntity = "entity that no DTD declares";
constexpr const char* kFurtherVariant = "further variant of a language";

std::string normalized_language(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    c = static_cast<char>(c == '_' ? '-' : c >= 'A' && c <= 'Z' ? c + 32 : c);
  return out;
}

// How well a variant's language fits a wanted one: 0 = not, more is better.
size_t fit(const std::string& language, const std::string& wanted) {
  if (language == wanted) return SIZE_MAX;
  return language.starts_with(wanted + "-") ? wanted.size() : 0;
}

bool is_code(std::string_view element) {
  for (const char* code : {"bpt", "ept", "it", "ph", "ut", "sub"})
    if (element == code) return true;
  return false;
}

// Elements of a file become units.
class UnitReader {
 public:
  UnitReader(const std::string& source, const std::string& target, const TakePair& take)
      : wanted_{normalized_language(source), normalized_language(target)}, take_(take) {}

  void begin(std::string_view name, const char** attributes) {
    if (depth_++ == 0 && name != "tmx") wrong_root_ = std::string(name);
    if (name == "tu") {
      sides_ = {};
      has_unknown_entity_ = false;
    } else if (name == "tuv") {
      begin_variant(attributes);
    } else if (name == "seg") {
      in_segment_ = side_ >= 0;
      text_.clear();
    } else if (in_segment_ && is_code(name)) {
      ++code_depth_;
    }
  }

  void end(std::string_view name) {
    --depth_;
    if (name == "seg" && in_segment_) {
      end_segment();
    } else if (name == "tuv") {
      side_ = -1;
    } else if (name == "tu") {
      end_unit();
    } else if (in_segment_ && is_code(name)) {
      --code_depth_;
    }
  }

  void text(std::string_view piece) {
    if (!in_segment_ || code_depth_ > 0) return;
    for (const char c : piece) {
      const bool is_space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
      if (is_space && (text_.empty() || text_.back() == ' ')) continue;
      text_ += is_space ? ' ' : c;
    }
  }

  void unknown_entity() {
    has_unknown_entity_ = has_unknown_entity_ || (in_segment_ && code_depth_ == 0);
  }

  const std::string& wrong_root() const { return wrong_root_; }
  TmxContent& content() { return content_; }

 private:
  struct Side {
    std::string text;
    size_t fit = 0;
  };

  void begin_variant(const char** attributes) {
    side_ = -1;
    fit_ = 0;
    const char* language = nullptr;
    for (; *attributes != nullptr; attributes += 2) {
      const std::string_view key = attributes[0];
      if (key == "xml:lang" || (key == "lang" && language == nullptr)) language = attributes[1];
    }
    if (language == nullptr) return;
    auto& languages = content_.languages;
    if (languages.size() < kMaxLanguages || languages.contains(language)) ++languages[language];
    const std::string normalized = normalized_language(language);
    for (int side = 0; side < 2; ++side) {
      const size_t found = fit(normalized, wanted_[side]);
      if (found <= fit_) continue;
      side_ = side;
      fit_ = found;
    }
  }

  void end_segment() {
    in_segment_ = false;
    code_depth_ = 0;
    if (text_.ends_with(' ')) text_.pop_back();
    Side& side = sides_[static_cast<size_t>(side_)];
    if (text_.empty()) return;
    if (!side.text.empty()) ++content_.dropped[kFurtherVariant];
    if (side.text.empty() || fit_ > side.fit) side = {text_, fit_};
  }

  void end_unit() {
    if (sides_[0].text.empty() || sides_[1].text.empty()) {
      ++content_.dropped[kLacksSide];
    } else if (has_unknown_entity_) {
      ++content_.dropped[kUnknownEntity];
    } else {
      ++content_.num_pairs;
      take_(sides_[0].text, sides_[1].text);
    }
    sides_ = {};
  }

  std::array<std::string, 2> wanted_;
  const TakePair& take_;
  TmxContent content_;
  std::array<Side, 2> sides_;
  std::string text_, wrong_root_;
  int side_ = -1, code_depth_ = 0, depth_ = 0;
  size_t fit_ = 0;
  bool in_segment_ = false, has_unknown_entity_ = false;
};

// Converts the bytes of an encoding to UTF-8.
class Converter {
 public:
  Converter(const fs::path& file, const std::string& encoding)
      : file_(file), encoding_(encoding), from_(open(encoding)), to_(open("UTF-8")) {
    if (from_ == nullptr)
      user_error("{}:1: the encoding '{}' is not known; convert the file to UTF-8 (iconv)",
                 file.string(), encoding);
    UErrorCode code = U_ZERO_ERROR;
    ucnv_setToUCallBack(from_.get(), UCNV_TO_U_CALLBACK_STOP, nullptr, nullptr, nullptr, &code);
    check(to_ != nullptr && U_SUCCESS(code), "ICU converts to UTF-8");
  }

  /// Calls `parse(text, is_last)` with pieces of the text. Raises kUser if a byte is not in the
  /// encoding.
  template <class Parse>
  void convert(std::span<const std::byte> bytes, Parse&& parse) {
    const char* at = reinterpret_cast<const char*>(bytes.data());
    const char* const end = at + bytes.size();
    std::string out(kTmxPieceBytes, '\0');
    std::array<UChar, 4096> pivot{};
    UChar *pivot_source = pivot.data(), *pivot_target = pivot.data();
    for (bool is_first = true, is_done = false; !is_done; is_first = false) {
      UErrorCode code = U_ZERO_ERROR;
      char* to = out.data();
      ucnv_convertEx(to_.get(), from_.get(), &to, to + out.size(), &at, end, pivot.data(),
                     &pivot_source, &pivot_target, pivot.data() + pivot.size(), is_first,
                     /*flush=*/true, &code);
      is_done = code != U_BUFFER_OVERFLOW_ERROR;
      if (is_done && U_FAILURE(code)) {
        user_error("'{}' says that it is {} and has bytes that are not; convert it to UTF-8",
                   file_.string(), encoding_);
      }
      parse(std::string_view(out.data(), static_cast<size_t>(to - out.data())), is_done);
    }
  }

 private:
  using Handle = std::unique_ptr<UConverter, void (*)(UConverter*)>;
  static Handle open(const std::string& name) {
    UErrorCode code = U_ZERO_ERROR;
    UConverter* made = ucnv_open(name.c_str(), &code);
    return {U_FAILURE(code) ? nullptr : made, &ucnv_close};
  }

  const fs::path& file_;
  const std::string& encoding_;
  Handle from_, to_;
};

// One pass over a file. An error must not fly through expat's own frames.
class Parse {
 public:
  /// `encoding` is null for what the file says.
  Parse(const fs::path& file, const char* encoding, UnitReader reader)
      : file_(file),
        reader_(std::move(reader)),
        parser_(XML_ParserCreate(encoding), &XML_ParserFree) {
    check(parser_ != nullptr, "expat makes a parser");
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(
        parser_.get(),
        [](void* self, const char* name, const char** attributes) {
          of(self).guarded([&](UnitReader& to) { to.begin(name, attributes); });
        },
        [](void* self, const char* name) {
          of(self).guarded([&](UnitReader& to) { to.end(name); });
        });
    XML_SetCharacterDataHandler(parser_.get(), [](void* self, const char* text, int size) {
      of(self).guarded([&](UnitReader& to) { to.text({text, static_cast<size_t>(size)}); });
    });
    XML_SetSkippedEntityHandler(parser_.get(), [](void* self, const char*, int is_parameter) {
      if (is_parameter == 0) of(self).guarded([](UnitReader& to) { to.unknown_entity(); });
    });
    // Expat gives this handler the parser as user data; the text of other files is not fetched.
    XML_SetExternalEntityRefHandler(
        parser_.get(), [](XML_Parser parser, const char*, const char*, const char*, const char*) {
          of(XML_GetUserData(parser)).guarded([](UnitReader& to) { to.unknown_entity(); });
          return static_cast<int>(XML_STATUS_OK);
        });
    XML_SetUnknownEncodingHandler(
        parser_.get(),
        [](void* self, const char* name, XML_Encoding*) {
          of(self).unknown_encoding_ = name;
          return static_cast<int>(XML_STATUS_ERROR);
        },
        this);
  }
  Parse(const Parse&) = delete;
  Parse& operator=(const Parse&) = delete;

  /// Returns false if the file is in an encoding that expat does not know. Raises kUser.
  bool parse(std::string_view text, bool is_last) {
    const auto status =
        XML_Parse(parser_.get(), text.data(), static_cast<int>(text.size()), is_last);
    if (failure_) std::rethrow_exception(failure_);
    if (status != XML_STATUS_OK) {
      const auto code = XML_GetErrorCode(parser_.get());
      if (code == XML_ERROR_UNKNOWN_ENCODING && !unknown_encoding_.empty()) return false;
      user_error("{}:{}: {}; this is not well-formed TMX", file_.string(),
                 XML_GetCurrentLineNumber(parser_.get()), XML_ErrorString(code));
    }
    if (!reader_.wrong_root().empty()) {
      user_error("{}:1: the outermost element is <{}> and should be <tmx>", file_.string(),
                 reader_.wrong_root());
    }
    return true;
  }

  const std::string& unknown_encoding() const { return unknown_encoding_; }
  TmxContent& content() { return reader_.content(); }

 private:
  static Parse& of(void* self) { return *static_cast<Parse*>(self); }

  void guarded(const auto& call) {
    if (failure_) return;
    try {
      call(reader_);
    } catch (...) {
      failure_ = std::current_exception();
      XML_StopParser(parser_.get(), XML_FALSE);
    }
  }

  const fs::path& file_;
  UnitReader reader_;
  std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> parser_;
  std::exception_ptr failure_;
  std::string unknown_encoding_;
};

}  // namespace

TmxContent read_tmx(const fs::path& file, const std::string& source, const std::string& target,
                    const TakePair& take) {
  const MappedFile mapped(file);
  const UnitReader reader(source, target, take);
  Parse as_declared(file, nullptr, reader);
  std::string_view text(reinterpret_cast<const char*>(mapped.bytes().data()),
                        mapped.bytes().size());
  while (as_declared.parse(text.substr(0, kTmxPieceBytes), text.size() <= kTmxPieceBytes)) {
    if (text.size() <= kTmxPieceBytes) return std::move(as_declared.content());
    text.remove_prefix(kTmxPieceBytes);
  }
  Parse converted(file, "UTF-8", reader);
  Converter(file, as_declared.unknown_encoding())
      .convert(mapped.bytes(),
               [&](std::string_view piece, bool is_last) { converted.parse(piece, is_last); });
  return std::move(converted.content());
}

}  // namespace xp
