// Rules for messages, found by looking at the catalogs of common packages.
#include "engine/data/message_text.h"

#include "engine/base/replace_all.h"
#include "engine/base/text.h"
#include "engine/data/leakage.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace xp {
namespace {

using std::string;
using std::string_view;

bool is_alnum(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}
bool is_ascii_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}
// A letter, or any byte of a character beyond ASCII.
bool is_word(char c) {
  return is_alnum(c) || static_cast<unsigned char>(c) >= 0x80;
}

// "<b>", "</span>", "<a href='x'>", "<br/>", but not "<file>", which stands for something.
bool is_tag(string_view inside) {
  static constexpr std::array<string_view, 30> kNames = {
      "a",  "b",  "big",   "body", "br",     "center", "code", "div",  "em",     "font",
      "h1", "h2", "h3",    "html", "i",      "img",    "li",   "link", "markup", "ol",
      "p",  "s",  "small", "span", "strong", "sub",    "sup",  "tt",   "u",      "ul"};
  if (inside.empty()) return false;
  if (inside[0] == '/' || inside.back() == '/') return true;
  const string_view name = inside.substr(0, inside.find_first_of(" \t\n"));
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         (inside.size() > name.size() && inside.find("=\"") != string_view::npos);
}

// Tags between blocks part words, those inside a line do not.
bool parts_words(string_view inside) {
  const size_t at = inside.find_first_not_of("/ ");
  if (at == string_view::npos) return false;
  const string_view name = inside.substr(at, inside.find_first_of(" /", at) - at);
  return name == "br" || name == "p" || name == "li" || name == "div" || name == "ul" ||
         name == "h1" || name == "h2" || name == "h3";
}

string without_tags(string_view text) {
  string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t end = text[i] == '<' ? text.find_first_of("<>", i + 1) : string_view::npos;
    if (end != string_view::npos && text[end] == '>' && is_tag(text.substr(i + 1, end - i - 1))) {
      if (parts_words(text.substr(i + 1, end - i - 1))) out += ' ';
      i = end;
    } else {
      out += text[i];
    }
  }
  return out;
}

// The length of the placeholder at `at`, or 0: %s, %-10.3f, %2$s, %(name)s, %qD, {name}, {}.
size_t placeholder_length(string_view text, size_t at) {
  if (text[at] == '{') {
    const size_t end = text.find_first_of(" {}", at + 1);
    return end != string_view::npos && text[end] == '}' ? end + 1 - at : 0;
  }
  if (text[at] != '%') return 0;
  size_t i = at + 1;
  if (i < text.size() && text[i] == '(') {
    const size_t end = text.find(')', i);
    if (end == string_view::npos) return 0;
    i = end + 1;
  }
  i = std::min(text.find_first_not_of("0123456789$.*-+#'qhlLzjt", i), text.size());
  return i < text.size() && is_ascii_letter(text[i]) ? i + 1 - at : 0;
}

struct Shape {
  int64_t placeholders = 0, letters = 0, others = 0, words = 0;
  bool has_control = false;
};

Shape shape_of(string_view text) {
  Shape out;
  bool in_word = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (const size_t length = placeholder_length(text, i); length > 0) {
      ++out.placeholders;
      i += length - 1;
      continue;
    }
    const auto byte = static_cast<unsigned char>(text[i]);
    out.has_control = out.has_control || byte < 0x20 || byte == 0x7F;
    const bool is_letter = is_ascii_letter(text[i]) || byte >= 0xC3;
    if (is_letter) ++out.letters;
    if (!is_word(text[i]) && byte != ' ') ++out.others;
    if (is_word(text[i]) && !in_word) ++out.words;
    in_word = is_word(text[i]) || byte == '\'';
  }
  return out;
}

string_view word_around(string_view text, size_t at) {
  size_t begin = at, end = at;
  while (begin > 0 && (is_word(text[begin - 1]) || text[begin - 1] == '_'))
    --begin;
  while (end < text.size() && (is_word(text[end]) || text[end] == '_'))
    ++end;
  return text.substr(begin, end - begin);
}

// Where a mark such as _ stands before a letter, once and only once; npos otherwise.
size_t accelerator(string_view text, char mark) {
  const size_t at = text.find(mark);
  if (at == string_view::npos || text.find(mark, at + 1) != string_view::npos) return string::npos;
  if (at + 1 >= text.size() || !is_word(text[at + 1])) return string::npos;
  const bool is_after_space = at == 0 || text[at - 1] == ' ' || text[at - 1] == '(';
  return mark == '_' || is_after_space || is_ascii_letter(text[at - 1]) ? at : string::npos;
}

// "E_xit" and "_Quitter" lose their mark; "size_t", the same on both sides, keeps it.
void strip_accelerators(string& source, string& target) {
  for (const char mark : {'_', '&', '~'}) {
    const size_t at = accelerator(source, mark);
    if (at == string::npos) continue;
    const size_t there = accelerator(target, mark);
    const bool is_name =
        at > 0 && is_word(source[at - 1]) &&
        (there == string::npos || word_around(source, at) == word_around(target, there));
    if (is_name) continue;
    source.erase(at, 1);
    if (there != string::npos) target.erase(there, 1);
  }
}

string plain(string_view text) {
  static constexpr std::array<std::pair<string_view, string_view>, 14> kReplacements = {
      {{"&lt;", "<"},
       {"&gt;", ">"},
       {"&quot;", "\""},
       {"&apos;", "'"},
       {"&#39;", "'"},
       {"&nbsp;", " "},
       {"&amp;", "&"},
       {"%<", "'"},
       {"%>", "'"},
       {"%'", "'"},
       {"%%", "%"},
       {"\xC2\xA0", " "},
       {"\xE2\x80\xAF", " "},
       {"\t", " "}}};
  string out = without_tags(text);
  for (const auto& [from, to] : kReplacements)
    replace_all(out, from, to);
  string joined;
  for (const char c : out) {
    if (c == '\n' || c == ' ') {
      if (!joined.empty() && joined.back() != ' ') joined += ' ';
    } else {
      joined += c;
    }
  }
  return string(trim(joined));
}

const char* objection(const string& source, const string& target) {
  const Shape a = shape_of(source), b = shape_of(target);
  if (a.has_control || b.has_control) return "control characters";
  if (a.letters < 3 || b.letters < 3) return "few letters";
  if (a.letters < 2 * a.others || b.letters < 2 * b.others) return "few letters";
  if (a.placeholders != b.placeholders || a.placeholders > 3) return "placeholders";
  if (a.words > 80 || b.words > 80) return "long";
  if (source.size() > 3 * target.size() + 12) return "length ratio";
  if (target.size() > 3 * source.size() + 12) return "length ratio";
  if (text_key(source) == text_key(target)) return "equal sides";
  return nullptr;
}

// Blank lines end a paragraph.
std::vector<string_view> paragraphs(string_view text) {
  std::vector<string_view> out;
  while (!text.empty()) {
    const size_t end = text.find("\n\n");
    if (const auto part = trim(text.substr(0, end)); !part.empty())
      out.push_back(text.substr(0, end));
    text.remove_prefix(end == string_view::npos ? text.size() : end + 2);
  }
  return out;
}

// Lines that are laid out: indented, or in columns.
bool is_table(string_view paragraph) {
  const auto lines = split(paragraph, '\n');
  if (lines.size() == 1) return paragraph.find("   ") != string_view::npos;
  return std::any_of(lines.begin(), lines.end(), [](const string& line) {
    return line.starts_with("  ") || line.starts_with("\t") || line.starts_with("-") ||
           line.find("   ") != string::npos || line.find('\t') != string::npos;
  });
}

std::vector<string> sentences(const string& text) {
  std::vector<string> out;
  size_t begin = 0;
  for (size_t i = 0; i + 2 < text.size(); ++i) {
    const bool is_end = (text[i] == '.' || text[i] == '!' || text[i] == '?') &&
                        text[i + 1] == ' ' &&
                        (std::isupper(static_cast<unsigned char>(text[i + 2])) != 0 ||
                         static_cast<unsigned char>(text[i + 2]) == 0xC3);
    if (!is_end || i < begin + 12) continue;
    out.push_back(text.substr(begin, i + 1 - begin));
    begin = i + 2;
  }
  out.push_back(text.substr(begin));
  return out;
}

// "Tools|Options" names where "Options" stands, unless the translation has the bar as well.
string_view without_bar(string_view id, string_view translation) {
  const size_t bar = id.rfind('|');
  const bool is_context = bar != string_view::npos && bar > 0 && bar + 1 < id.size() &&
                          translation.find('|') == string_view::npos;
  return is_context ? id.substr(bar + 1) : id;
}

}  // namespace

std::vector<std::pair<string, string>> message_pairs(string_view id, string_view translation,
                                                     DropCounts& dropped) {
  std::vector<std::pair<string, string>> out;
  const auto drop = [&](const char* reason) { ++dropped[reason]; };
  if (id.find('\0') != string_view::npos || translation.find('\0') != string_view::npos) {
    drop("plural");
    return out;
  }
  if (const size_t context = id.find('\x04'); context != string_view::npos)
    id.remove_prefix(context + 1);
  if (trim(translation).empty()) {
    drop("untranslated");
    return out;
  }
  if (!is_valid_utf8(id) || !is_valid_utf8(translation)) {
    drop("not UTF-8");
    return out;
  }
  id = without_bar(id, translation);
  const auto sources = paragraphs(id), targets = paragraphs(translation);
  if (sources.size() != targets.size()) {
    drop("paragraphs");
    return out;
  }
  for (size_t i = 0; i < sources.size(); ++i) {
    if (is_table(sources[i]) || is_table(targets[i])) {
      drop("table");
      continue;
    }
    string source = plain(sources[i]), target = plain(targets[i]);
    strip_accelerators(source, target);
    auto some = sentences(source), others = sentences(target);
    if (some.size() != others.size()) {
      some = {source};
      others = {target};
    }
    for (size_t k = 0; k < some.size(); ++k) {
      if (const char* reason = objection(some[k], others[k])) {
        drop(reason);
      } else {
        out.emplace_back(std::move(some[k]), std::move(others[k]));
      }
    }
  }
  return out;
}

}  // namespace xp
