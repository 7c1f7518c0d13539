// Axes, lines, places and tints.
#include "plugins/renderer/svg.h"

#include "engine/base/json_text.h"
#include "plugins/renderer/labels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace xp {
namespace {

// Small enough for a phone to show the letters at a readable size.
constexpr double kWidth = 480, kHeight = 300, kLeft = 54, kRight = 14, kTop = 12, kBottom = 44;
constexpr size_t kNumColours = 6, kMaxNames = 12, kMaxPoints = 400;

/// What an axis spans, and how far apart its marks are.
struct Span {
  double low = std::numeric_limits<double>::infinity(), high = -low, step = 1;

  void take(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // Round marks, about six.
  void settle() {
    if (!(low <= high)) low = 0, high = 1;
    if (low == high) low -= 0.5, high += 0.5;
    const double margin = 0.05 * (high - low);
    low = low >= 0 && low - margin < 0 ? 0 : low - margin;
    high += margin;
    const double rough = (high - low) / 6, power = std::pow(10, std::floor(std::log10(rough)));
    for (const double factor : {1, 2, 5, 10}) {
      step = factor * power;
      if (step >= rough) break;
    }
  }
};

std::string short_number(double value) {
  const double size = std::abs(value);
  for (const auto& [limit, suffix] :
       {std::pair(1e12, "T"), std::pair(1e9, "G"), std::pair(1e6, "M"), std::pair(1e4, "k")}) {
    if (size < limit) continue;
    const double scale = limit == 1e4 ? 1e3 : limit;
    return fmt::format("{:.4g}{}", value / scale, suffix);
  }
  return fmt::format("{:.4g}", size < 1e-12 ? 0.0 : value);
}

/// Places on the paper.
struct Plane {
  Span x, y;
  bool marks_x = true;

  double across(double value) const {
    return kLeft + (value - x.low) / (x.high - x.low) * (kWidth - kLeft - kRight);
  }
  double down(double value) const {
    return kHeight - kBottom - (value - y.low) / (y.high - y.low) * (kHeight - kTop - kBottom);
  }

  std::string axes(const std::string& x_name, const std::string& y_name) const {
    const double bottom = kHeight - kBottom, right = kWidth - kRight;
    std::string out = "<g class=\"axis\">";
    for (double at = std::ceil(x.low / x.step) * x.step; marks_x && at <= x.high; at += x.step) {
      out += fmt::format(
          "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/><text x=\"{0:.1f}\" "
          "y=\"{3}\" text-anchor=\"middle\">{4}</text>",
          across(at), kTop, bottom, bottom + 16, short_number(at));
    }
    for (double at = std::ceil(y.low / y.step) * y.step; at <= y.high; at += y.step) {
      out += fmt::format(
          "<line x1=\"{1}\" x2=\"{2}\" y1=\"{0:.1f}\" y2=\"{0:.1f}\"/><text x=\"{3}\" "
          "y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>",
          down(at), kLeft, right, kLeft - 6, down(at) + 4, short_number(at));
    }
    return out + fmt::format(
                     "<text class=\"name\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>"
                     "<text class=\"name\" transform=\"translate(14 {}) rotate(-90)\" "
                     "text-anchor=\"middle\">{}</text></g>",
                     (kLeft + right) / 2, kHeight - 8, html_escaped(x_name), (kTop + bottom) / 2,
                     html_escaped(y_name));
  }
};

std::string opening(const char* kind, const std::string& title, const std::string& description) {
  return fmt::format(
      "<figure class=\"{4}\"><figcaption>{0}</figcaption><svg viewBox=\"0 0 {1} {2}\" role=\"img\" "
      "aria-label=\"{0}. {3}\">",
      html_escaped(title), kWidth, kHeight, html_escaped(description), kind);
}

// Every n-th point of a long curve and its last: a page cannot show more.
std::vector<CurvePoint> thinned(const Curve& curve) {
  const size_t every = 1 + curve.points.size() / kMaxPoints;
  std::vector<CurvePoint> out;
  for (size_t i = 0; i < curve.points.size(); ++i) {
    const bool kept = i % every == 0 || i + 1 == curve.points.size();
    if (kept && std::isfinite(curve.points[i].mean)) out.push_back(curve.points[i]);
  }
  return out;
}

bool is_drawn(const Curve& curve) {
  return curve.row < kMaxLooks && !curve.points.empty();
}

// The band forth along its upper limits and back along the lower ones, below the line.
std::string line_of(const Curve& curve, const Plane& plane) {
  const auto kept = thinned(curve);
  std::string upper, lower, line;
  bool has_band = false;
  for (const CurvePoint& point : kept) {
    const double x = plane.across(point.x);
    line += fmt::format("{:.1f},{:.1f} ", x, plane.down(point.mean));
    upper += fmt::format("{:.1f},{:.1f} ", x, plane.down(point.high));
    lower.insert(0, fmt::format("{:.1f},{:.1f} ", x, plane.down(point.low)));
    has_band |= point.low < point.high;
  }
  const std::string look = look_of_row(curve.row);
  const std::string band =
      has_band ? fmt::format("<polygon class=\"band {}\" points=\"{}{}\"/>", look, upper, lower)
               : "";
  return fmt::format(
      "<g data-row=\"{}\">{}<polyline class=\"{}\" points=\"{}\"><title>{}</title></polyline></g>",
      curve.row, band, look, line, html_escaped(curve.name));
}

// What the script needs to find values under the pointer.
std::string data_of(const Chart& chart, const Plane& plane) {
  Value curves = Value::array();
  for (const Curve& curve : chart.curves) {
    if (!is_drawn(curve)) continue;
    Value points = Value::array();
    for (const CurvePoint& point : thinned(curve))
      points.push_back({point.x, point.mean, point.low, point.high});
    curves.push_back({{"name", curve.name}, {"row", curve.row}, {"points", std::move(points)}});
  }
  return script_json({{"x", chart.x},
                      {"from", plane.x.low},
                      {"to", plane.x.high},
                      {"width", kWidth},
                      {"left", kLeft},
                      {"right", kWidth - kRight},
                      {"curves", std::move(curves)}});
}

const char* position_class(Tradeoff::Position position) {
  if (position == Tradeoff::Position::kFront) return "front";
  return position == Tradeoff::Position::kNear ? "near" : "beaten";
}

// A cross of both margins, cut off at the frame, then a disc on the front, a ring near it, a dot
// behind it.
std::string place_of(const Tradeoff::Place& place, const Plane& plane) {
  const double x = plane.across(place.cost), y = plane.down(place.quality);
  const char* kind = position_class(place.position);
  const auto across = [&](double value) {
    return plane.across(std::clamp(value, plane.x.low, plane.x.high));
  };
  const auto down = [&](double value) {
    return plane.down(std::clamp(value, plane.y.low, plane.y.high));
  };
  return fmt::format(
      "<g class=\"{} {}\" data-row=\"{}\"><path d=\"M{:.1f} {:.1f}H{:.1f}M{:.1f} {:.1f}V{:.1f}\"/>"
      "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\"><title>{}: {}, {} ({})</title></circle></g>",
      kind, look_of_row(place.row), place.row, across(place.cost - place.cost_margin), y,
      across(place.cost + place.cost_margin), x, down(place.quality - place.quality_margin),
      down(place.quality + place.quality_margin), x, y,
      place.position == Tradeoff::Position::kBeaten ? 3.5 : 5.5, html_escaped(place.name),
      short_number(place.cost), short_number(place.quality), html_escaped(place.standing));
}

// Those of the front first: they matter most.
std::string names_of(const Tradeoff& tradeoff, const Plane& plane, size_t on_front) {
  LabelPlaces places(kLeft, kWidth - 2, kTop - 8, kHeight - kBottom);
  for (const auto& place : tradeoff.places)
    places.keep_free(plane.across(place.cost), plane.down(place.quality));
  std::string out;
  for (const bool front : {true, false}) {
    const size_t count = front ? on_front : tradeoff.places.size();
    for (const auto& place : tradeoff.places) {
      if ((place.position == Tradeoff::Position::kFront) != front || count > kMaxNames) continue;
      const auto label =
          places.place(plane.across(place.cost), plane.down(place.quality), place.name);
      if (!label) continue;
      out += fmt::format(
          "<text class=\"label\" data-row=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" "
          "text-anchor=\"{}\">{}</text>",
          place.row, label->x, label->y, label->is_left ? "end" : "start",
          html_escaped(label->text));
    }
  }
  return out;
}

// Below their bars, as many as fit; long ones aslant.
std::string class_names(const Histogram& histogram, const Plane& plane) {
  size_t longest = 1;
  for (const auto& name : histogram.classes)
    longest = std::max(longest, name.size());
  const size_t classes = histogram.classes.size();
  const bool is_slanted = longest > 4;
  const size_t most = is_slanted ? 40 : 16, every = (classes + most - 1) / most;
  std::string out = "<g class=\"axis\">";
  for (size_t i = 0; i < classes; i += every) {
    const double x = plane.across(static_cast<double>(i) + 0.5), y = kHeight - kBottom + 14;
    const std::string place =
        is_slanted ? fmt::format(
                         "transform=\"translate({:.1f} {}) rotate(-35)\" "
                         "text-anchor=\"end\"",
                         x + 3, y - 4)
                   : fmt::format("x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\"", x, y);
    out += fmt::format("<text {}>{}</text>", place, html_escaped(histogram.classes[i]));
  }
  return out + "</g>";
}

}  // namespace

std::string html_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string script_json(const Value& value) {
  // A script element ends at "</", which JSON can write otherwise.
  std::string out = json_text(value);
  for (size_t at = out.find('<'); at != std::string::npos; at = out.find('<', at))
    out.replace(at, 1, "\\u003c");
  return out;
}

std::string look_of_row(size_t row) {
  if (row >= kMaxLooks) return "rest";
  return fmt::format("l{} d{}", row % kNumColours, row / kNumColours);
}

std::string svg_of(const Chart& chart) {
  Plane plane;
  size_t count = 0;
  for (const Curve& curve : chart.curves) {
    if (!is_drawn(curve)) continue;
    ++count;
    for (const CurvePoint& point : curve.points) {
      plane.x.take(point.x);
      plane.y.take(point.low);
      plane.y.take(point.high);
    }
  }
  plane.x.settle();
  plane.y.settle();
  std::string out = opening(
      "chart", chart.title,
      fmt::format("{} over {}, {} lines; the table has their ends", chart.y, chart.x, count));
  out += plane.axes(chart.x, chart.y);
  out += fmt::format("<line class=\"cross\" y1=\"{}\" y2=\"{}\" visibility=\"hidden\"/>", kTop,
                     kHeight - kBottom);
  for (const Curve& curve : chart.curves) {
    if (is_drawn(curve)) out += line_of(curve, plane);
  }
  out += "</svg><script type=\"application/json\">" + data_of(chart, plane) + "</script>";
  if (count < chart.curves.size())
    out += fmt::format("<p class=\"note\">{} more are not drawn.</p>", chart.curves.size() - count);
  return out + "</figure>";
}

std::string svg_of(const Tradeoff& tradeoff) {
  Plane plane;
  std::string front;
  size_t on_front = 0;
  // The means decide what is shown: one wide interval would press them together.
  for (const auto& place : tradeoff.places) {
    plane.x.take(place.cost);
    plane.y.take(place.quality);
  }
  plane.x.settle();
  plane.y.settle();
  for (const auto& place : tradeoff.places) {
    if (place.position != Tradeoff::Position::kFront) continue;
    front += fmt::format("{:.1f},{:.1f} ", plane.across(place.cost), plane.down(place.quality));
    ++on_front;
  }
  std::string out =
      opening("tradeoff", tradeoff.title,
              fmt::format("{} against {}: {} of {} are on the front", tradeoff.quality,
                          tradeoff.cost, on_front, tradeoff.places.size()));
  out += plane.axes(tradeoff.cost, tradeoff.quality) +
         fmt::format("<polyline class=\"frontline\" points=\"{}\"/>", front);
  for (const auto& place : tradeoff.places)
    out += place_of(place, plane);
  return out + names_of(tradeoff, plane, on_front) +
         "</svg><p class=\"note\">● on the front &nbsp; ○ beaten, but by less than the 95 % "
         "intervals (crosses) &nbsp; · beaten</p></figure>";
}

std::string html_of(const BarChart& chart) {
  double most = 0;
  for (const auto& bar : chart.bars)
    most = std::max(most, bar.value);
  std::string out = fmt::format("<figure class=\"bars\"><figcaption>{}</figcaption><ul>",
                                html_escaped(chart.title));
  for (const auto& bar : chart.bars) {
    const double share = most > 0 ? std::max(bar.value, 0.0) / most : 0;
    const std::string spread = bar.spread > 0 ? fmt::format(" ± {:.2g}", bar.spread) : "";
    out += fmt::format(
        "<li data-row=\"{}\"><span class=\"name\">{}</span><span class=\"track\"><span "
        "class=\"fill {}\" style=\"width:{:.1f}%\"></span></span><span class=\"value\">{}{} "
        "{}</span></li>",
        bar.row, html_escaped(bar.name), look_of_row(bar.row), 100 * share, short_number(bar.value),
        spread, html_escaped(chart.unit));
  }
  return out + "</ul></figure>";
}

std::string html_of(const StackChart& chart) {
  double most = 0;
  for (const auto& bar : chart.bars) {
    for (const auto& track : bar.tracks)
      most = std::max(most, std::accumulate(track.begin(), track.end(), 0.0));
  }
  std::string out = fmt::format("<figure class=\"bars stacks\"><figcaption>{}</figcaption><ul>",
                                html_escaped(chart.title));
  for (const auto& bar : chart.bars) {
    std::string tracks, values;
    for (size_t i = 0; i < bar.tracks.size(); ++i) {
      tracks += "<span class=\"track\">";
      for (size_t part = 0; part < bar.tracks[i].size(); ++part) {
        const double value = std::max(bar.tracks[i][part], 0.0);
        const std::string text = fmt::format("{} {} {}", html_escaped(chart.parts.at(i).at(part)),
                                             short_number(value), html_escaped(chart.unit));
        tracks +=
            fmt::format("<span class=\"part p{}{}\" style=\"width:{:.1f}%\" title=\"{}\"></span>",
                        i, part, most > 0 ? 100 * value / most : 0, text);
        values += (values.empty() ? "" : ", ") + text;
      }
      tracks += "</span>";
    }
    const double sum =
        bar.tracks.empty() ? 0 : std::accumulate(bar.tracks[0].begin(), bar.tracks[0].end(), 0.0);
    out += fmt::format(
        "<li data-row=\"{}\"><span class=\"name\">{}</span><span class=\"tracks\" role=\"img\" "
        "aria-label=\"{}\">{}</span><span class=\"value\">{} {}</span></li>",
        bar.row, html_escaped(bar.name), values, tracks, short_number(sum),
        html_escaped(chart.unit));
  }
  out += "</ul><ul class=\"legend\">";
  for (size_t i = 0; i < chart.parts.size(); ++i) {
    for (size_t part = 0; part < chart.parts[i].size(); ++part) {
      out += fmt::format("<li><span class=\"part p{}{}\" aria-hidden=\"true\"></span>{}</li>", i,
                         part, html_escaped(chart.parts[i][part]));
    }
  }
  return out + "</ul></figure>";
}

std::string svg_of(const Histogram& histogram) {
  Plane plane;
  const size_t classes = histogram.classes.size(), count = histogram.series.size();
  plane.y.take(0);
  for (const auto& [name, counts] : histogram.series) {
    for (const double value : counts)
      plane.y.take(value);
  }
  plane.x.low = 0;
  plane.x.high = static_cast<double>(std::max<size_t>(1, classes));
  plane.marks_x = false;  // classes have names
  plane.y.settle();
  std::string out = opening("histogram", histogram.title,
                            fmt::format("{} by {}, {} classes", histogram.y, histogram.x, classes));
  out += plane.axes(histogram.x, histogram.y) + class_names(histogram, plane);
  for (size_t i = 0; i < count; ++i) {
    const auto& [name, counts] = histogram.series[i];
    const double width = 0.8 / static_cast<double>(count);
    for (size_t at = 0; at < classes; ++at) {
      const double left = static_cast<double>(at) + 0.1 + static_cast<double>(i) * width;
      out += fmt::format(
          "<rect class=\"bar l{}{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\">"
          "<title>{} {}: {} {}</title></rect>",
          i % kNumColours, i % 2 == 0 ? "" : " hollow", plane.across(left), plane.down(counts[at]),
          plane.across(left + width) - plane.across(left), plane.down(0) - plane.down(counts[at]),
          html_escaped(histogram.x), html_escaped(histogram.classes[at]), short_number(counts[at]),
          html_escaped(name));
    }
  }
  out += "</svg><ul class=\"legend\">";
  for (size_t i = 0; i < count && count > 1; ++i) {
    out += fmt::format(
        "<li><svg viewBox=\"0 0 28 8\" aria-hidden=\"true\"><rect class=\"bar l{}{}\" x=\"1\" "
        "y=\"0\" "
        "width=\"26\" height=\"8\"/></svg>{}</li>",
        i % kNumColours, i % 2 == 0 ? "" : " hollow", html_escaped(histogram.series[i].first));
  }
  return out + "</ul></figure>";
}

std::string html_of(const HeatMap& map) {
  std::vector<Span> spans(map.is_by_column ? map.columns.size() : 1);
  const bool has_own = map.is_by_column && !map.range;
  const auto span_of = [&](size_t column) -> Span& { return spans[has_own ? column : 0]; };
  for (const auto& row : map.values) {
    for (size_t column = 0; column < row.size(); ++column)
      span_of(column).take(row[column]);
  }
  if (map.range) spans = {{map.range->first, map.range->second}};
  std::string out = fmt::format(
      "<p class=\"caption\" aria-hidden=\"true\">{0}</p><div class=\"scroll\" tabindex=\"0\" "
      "role=\"region\" aria-label=\"{0}\"><table class=\"heat\" aria-label=\"{0}\"><thead><tr>"
      "<th scope=\"col\">{1} \\ {2}</th>",
      html_escaped(map.title), html_escaped(map.row_name), html_escaped(map.column_name));
  for (const auto& name : map.columns)
    out += "<th scope=\"col\">" + html_escaped(name) + "</th>";
  out += "</tr></thead><tbody>";
  for (size_t row = 0; row < map.rows.size(); ++row) {
    out += "<tr><th scope=\"row\">" + html_escaped(map.rows[row]) + "</th>";
    for (size_t column = 0; column < map.values[row].size(); ++column) {
      const double value = map.values[row][column];
      if (!std::isfinite(value)) {
        out += "<td>–</td>";
        continue;
      }
      const Span& span = span_of(column);
      const double width = span.high > span.low ? span.high - span.low : 1;
      const double heat = std::clamp((value - span.low) / width, 0.0, 1.0);
      out +=
          fmt::format("<td style=\"--heat:{:.0f}%\">{:.{}f}</td>", 100 * heat, value, map.decimals);
    }
    out += "</tr>";
  }
  return out + "</tbody></table></div>";
}

}  // namespace xp
