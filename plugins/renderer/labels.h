// Where names stand beside the points of a figure, so that none covers another or leaves the paper.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace xp {

struct Label {
  double x = 0, y = 0;  ///< of the text's start, or of its end where `is_left`; its base line
  bool is_left = false;
  std::string text;  ///< the name, or its beginning and "…" where the paper is too narrow
};

/// Places names one after the other; those that come first have the choice.
class LabelPlaces {
 public:
  /// The paper between `left` and `right`, `top` and `bottom`.
  LabelPlaces(double left, double right, double top, double bottom)
      : left_(left), right_(right), top_(top), bottom_(bottom) {}

  /// No name may cover the marker at (x, y).
  void keep_free(double x, double y);

  /// Beside the marker at (x, y): above or below, to the right or the left. Nothing where every
  /// place is taken.
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
