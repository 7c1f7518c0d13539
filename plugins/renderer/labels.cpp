// Tries a few places around each point and takes the first free one.
#include "plugins/renderer/labels.h"

#include "engine/base/text.h"

#include <algorithm>
#include <string_view>

namespace xp {
namespace {

// Of the page's 11 px text. Labels keep a margin, so that neighbours do not read as one.
constexpr double kAscent = 10, kDescent = 3, kGap = 8, kMarker = 5, kMarginX = 5, kMarginY = 1;
constexpr std::string_view kDots = "…";

// Of the widest of the fonts that a page may be shown in (DejaVu Sans), in pixels.
double letter_width(std::string_view letter) {
  if (letter.size() > 1) return display_width(std::string(letter)) > 1 ? 11 : 7;
  if (letter.find_first_of("ijlI|.,:;'! -()[]") != std::string_view::npos) return 4.4;
  return letter.find_first_of("mwMW%@") != std::string_view::npos ? 10.8 : 7;
}

// The first character of UTF-8.
std::string_view first_letter(std::string_view text) {
  size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80)
    ++size;
  return text.substr(0, size);
}

double width_of(std::string_view text) {
  double out = 0;
  for (; !text.empty(); text.remove_prefix(first_letter(text).size()))
    out += letter_width(first_letter(text));
  return out;
}

// The text, or as much of its beginning and dots as fit.
std::string fitted(const std::string& text, double width) {
  if (width_of(text) <= width) return text;
  std::string out;
  double left = width - letter_width(kDots);
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view letter = first_letter(rest);
    left -= letter_width(letter);
    if (left < 0) break;
    out += letter;
    rest.remove_prefix(letter.size());
  }
  return out + std::string(kDots);
}

}  // namespace

void LabelPlaces::keep_free(double x, double y) {
  taken_.push_back({x - kMarker, x + kMarker, y - kMarker, y + kMarker});
}

bool LabelPlaces::is_free(const Box& box) const {
  if (box.top < top_ || box.bottom > bottom_) return false;
  return std::none_of(taken_.begin(), taken_.end(), [&](const Box& other) {
    return box.left < other.right && other.left < box.right && box.top < other.bottom &&
           other.top < box.bottom;
  });
}

std::optional<Label> LabelPlaces::place(double x, double y, const std::string& name) {
  const double whole = width_of(name);
  const double to_right = right_ - x - kGap, to_left = x - kGap - left_;
  // On the side that has room for the whole name, else on the wider one.
  const bool prefers_left = whole > to_right && to_left > to_right;
  for (const bool is_left : {prefers_left, !prefers_left}) {
    const double room = is_left ? to_left : to_right;
    if (whole > room && is_left != prefers_left) continue;
    const std::string text = fitted(name, room);
    const double width = width_of(text);
    const double start = is_left ? x - kGap - width : x + kGap;
    for (const double base : {y - 6, y + 14, y + 4, y - 18, y + 26}) {
      const Box box{start, start + width, base - kAscent, base + kDescent};
      if (!is_free(box)) continue;
      taken_.push_back(
          {box.left - kMarginX, box.right + kMarginX, box.top - kMarginY, box.bottom + kMarginY});
      return Label{is_left ? x - kGap : x + kGap, base, is_left, text};
    }
  }
  return std::nullopt;
}

}  // namespace xp
