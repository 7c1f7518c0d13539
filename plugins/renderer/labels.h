// Places labels beside the points of a figure so that none overlaps another or leaves the frame.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace xp {

struct Label {
  double x = 0, y = 0;  ///< of the text's start, or of its end if `is_left`; its base line
  bool is_left = false;
  std::string text;  ///< the name, or its beginning and "…" if the frame is too narrow
};

/// Places labels one after the other; the first ones get the best places.
class LabelPlaces {
 public:
  /// The frame between `left` and `right`, `top` and `bottom`.
  LabelPlaces(double left, double right, double top, double bottom)
      : left_(left), right_(right), top_(top), bottom_(bottom) {}

  /// No name may cover the marker at (x, y).
  void keep_free(double x, double y);

  /// Beside the marker at (x, y): above or below, to the right or the left. Nothing if every place
  /// is taken.
  std::optional<Label> place(double x, double y, const std::string& name);

 private:
  struct Box {
    double left, right, top, bottom;
  };
  bool is_free(const Box& box) const;

  double left_, right_, top_, bottom_;
  std::vector<Box> taken_;
};

}  // namespace xp
