// Figures of a page as inline SVG. Colours are classes of the page's style, so that they follow
// light and dark; lines differ by dashes and places by shapes, too.
#pragma once

#include "registry/renderer.h"

#include <string>

namespace xp {

/// Text as HTML and as an attribute of it.
std::string html_escaped(const std::string& text);

/// The first 12 curves; the rest is named in a sentence.
std::string svg_of(const Chart& chart);
std::string svg_of(const Tradeoff& tradeoff);
/// Bars; the second of two series is drawn hollow.
std::string svg_of(const Histogram& histogram);
/// An HTML table whose cells are tinted: it can be read aloud, and needs no legend.
std::string html_of(const HeatMap& map);

}  // namespace xp
