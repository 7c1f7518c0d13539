// The first of a few places that is free.
#include "plugins/renderer/labels.h"

#include "engine/base/text.h"

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

// Of the page's 11 px text: widths are those of wide letters, so that no name is wider.
constexpr double kLetterWidth = 6.4, kAscent = 10, kDescent = 3, kGap = 8, kMarker = 5;

// The first `count` characters of UTF-8.
std::string beginning(const std::string& text, size_t count) {
  size_t at = 0;
  for (; at < text.size() && count > 0; --count) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80)
      ++at;
  }
  return text.substr(0, at);
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
  const auto fits = [&](double width) {
    return static_cast<size_t>(std::max(0.0, width / kLetterWidth));
  };
  const size_t letters = display_width(name);
  const size_t to_right = fits(right_ - x - kGap), to_left = fits(x - kGap - left_);
  // Where the whole name has room; else where there is more.
  const bool prefers_left = letters > to_right && to_left > to_right;
  for (const bool is_left : {prefers_left, !prefers_left}) {
    const size_t room = is_left ? to_left : to_right;
    if (letters > room && is_left != prefers_left) continue;
    const std::string text =
        letters <= room ? name : beginning(name, room - std::min<size_t>(room, 1)) + "…";
    const double width = kLetterWidth * static_cast<double>(std::min(letters, room));
    const double start = is_left ? x - kGap - width : x + kGap;
    for (const double base : {y - 6, y + 14, y + 4, y - 18, y + 26}) {
      const Box box{start, start + width, base - kAscent, base + kDescent};
      if (!is_free(box)) continue;
      taken_.push_back(box);
      return Label{is_left ? x - kGap : x + kGap, base, is_left, text};
    }
  }
  return std::nullopt;
}

}  // namespace xp
