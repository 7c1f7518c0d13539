// XML is expat's part; what its elements mean is here.
#include "engine/data/tmx.h"

#include "engine/base/error.h"
#include "engine/base/file.h"

#include <algorithm>
#include <expat.h>
#include <memory>

namespace xp {
namespace {

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    c = static_cast<char>(c == '_' ? '-' : c >= 'A' && c <= 'Z' ? c + 32 : c);
  return out;
}

class Reader {
 public:
  Reader(const std::string& source, const std::string& target,
         const std::function<void(std::string_view, std::string_view)>& take)
      : languages_{lowered(source), lowered(target)}, take_(take) {}

  void begin(std::string_view name, const char** attributes) {
    if (depth_++ == 0 && name != "tmx") wrong_root_ = std::string(name);
    if (name == "tu") {
      for (auto& text : texts_)
        text.clear();
    } else if (name == "tuv") {
      side_ = side_of(attributes);
    } else if (name == "seg") {
      in_segment_ = side_ >= 0 && texts_[side_].empty();
    } else if (in_segment_ && name != "hi") {
      ++skipped_;
    }
  }

  void end(std::string_view name) {
    --depth_;
    if (name == "seg") {
      in_segment_ = false;
    } else if (name == "tuv") {
      side_ = -1;
    } else if (name == "tu") {
      for (auto& text : texts_)
        if (!text.empty() && text.back() == ' ') text.pop_back();
      if (!texts_[0].empty() && !texts_[1].empty()) take_(texts_[0], texts_[1]);
    } else if (in_segment_ && name != "hi") {
      --skipped_;
    }
  }

  void text(std::string_view piece) {
    if (!in_segment_ || side_ < 0 || skipped_ > 0) return;
    std::string& out = texts_[side_];
    for (const char c : piece) {
      const bool is_space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
      if (is_space && (out.empty() || out.back() == ' ')) continue;
      out += is_space ? ' ' : c;
    }
  }

  const std::string& wrong_root() const { return wrong_root_; }

 private:
  // 0, 1, or -1 for another language. An exact name is not better than a longer one: files use one.
  int side_of(const char** attributes) const {
    for (; *attributes != nullptr; attributes += 2) {
      const std::string_view key = attributes[0];
      if (key != "xml:lang" && key != "lang") continue;
      const std::string value = lowered(attributes[1]);
      for (int side = 0; side < 2; ++side) {
        const std::string& wanted = languages_[side];
        if (value == wanted || value.starts_with(wanted + "-")) return side;
      }
    }
    return -1;
  }

  std::string languages_[2], texts_[2], wrong_root_;
  const std::function<void(std::string_view, std::string_view)>& take_;
  int side_ = -1, skipped_ = 0, depth_ = 0;
  bool in_segment_ = false;
};

// An error must not fly through expat's own frames.
struct State {
  Reader reader;
  std::exception_ptr failure;
  XML_Parser parser;

  void guarded(const auto& call) {
    if (failure) return;
    try {
      call();
    } catch (...) {
      failure = std::current_exception();
      XML_StopParser(parser, XML_FALSE);
    }
  }
};

}  // namespace

void read_tmx(const fs::path& file, const std::string& source, const std::string& target,
              const std::function<void(std::string_view, std::string_view)>& take) {
  const std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> parser(XML_ParserCreate(nullptr),
                                                                       &XML_ParserFree);
  check(parser != nullptr, "expat makes a parser");
  State state{Reader(source, target, take), nullptr, parser.get()};
  XML_SetUserData(parser.get(), &state);
  XML_SetElementHandler(
      parser.get(),
      [](void* data, const char* name, const char** attributes) {
        auto& to = *static_cast<State*>(data);
        to.guarded([&] { to.reader.begin(name, attributes); });
      },
      [](void* data, const char* name) {
        auto& to = *static_cast<State*>(data);
        to.guarded([&] { to.reader.end(name); });
      });
  XML_SetCharacterDataHandler(parser.get(), [](void* data, const char* text, int size) {
    auto& to = *static_cast<State*>(data);
    to.guarded([&] { to.reader.text({text, static_cast<size_t>(size)}); });
  });
  const MappedFile mapped(file);
  auto bytes = mapped.bytes();
  while (true) {
    const size_t count = std::min<size_t>(bytes.size(), 1 << 20);
    const auto status = XML_Parse(parser.get(), reinterpret_cast<const char*>(bytes.data()),
                                  static_cast<int>(count), bytes.size() == count);
    if (state.failure) std::rethrow_exception(state.failure);
    if (status != XML_STATUS_OK) {
      user_error("{}:{}: {}; this is no well-formed TMX", file.string(),
                 XML_GetCurrentLineNumber(parser.get()),
                 XML_ErrorString(XML_GetErrorCode(parser.get())));
    }
    if (!state.reader.wrong_root().empty()) {
      user_error("{}:1: the outermost element is <{}> and should be <tmx>", file.string(),
                 state.reader.wrong_root());
    }
    bytes = bytes.subspan(count);
    if (bytes.empty()) return;
  }
}

}  // namespace xp
