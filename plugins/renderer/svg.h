// Figures of a page as inline SVG and HTML. Colours are classes of the page's style, so that they
// follow light and dark; what belongs to a row of the table has its number as `data-row`, which the
// page's script shows and hides.
#pragma once

#include "registry/renderer.h"

#include <string>

namespace xp {

/// Rows that have a colour and a line of their own; figures show no lines of others.
constexpr size_t kMaxLooks = 12;

/// Text as HTML and as an attribute of it.
std::string html_escaped(const std::string& text);
/// A value as JSON that can stand in a script element.
std::string script_json(const Value& value);
/// The class of what belongs to a row: its colour and dashes.
std::string look_of_row(size_t row);

/// The curves of the first rows, with bands from their lowest to their highest run; its numbers
/// come along as JSON, for the page's script to show under the pointer.
std::string svg_of(const Chart& chart);
std::string svg_of(const Tradeoff& tradeoff);
std::string html_of(const BarChart& chart);
/// The parts of a track differ in their fill, and their values are read aloud.
std::string html_of(const StackChart& chart);
/// Bars; the second of two series is drawn hollow.
std::string svg_of(const Histogram& histogram);
/// An HTML table whose cells are tinted: it can be read aloud, and needs no legend.
std::string html_of(const HeatMap& map);

}  // namespace xp
