// Axes, lines, places and tints.
#include "plugins/renderer/svg.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace xp {
namespace {

constexpr double kWidth = 640, kHeight = 320, kLeft = 64, kRight = 16, kTop = 12, kBottom = 44;
constexpr size_t kMostCurves = 12, kNumLooks = 6, kMostNames = 12, kMostPoints = 400;

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
    const double margin = 0.04 * (high - low);
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

  double across(double value) const {
    return kLeft + (value - x.low) / (x.high - x.low) * (kWidth - kLeft - kRight);
  }
  double down(double value) const {
    return kHeight - kBottom - (value - y.low) / (y.high - y.low) * (kHeight - kTop - kBottom);
  }

  std::string axes(const std::string& x_name, const std::string& y_name) const {
    const double bottom = kHeight - kBottom, right = kWidth - kRight;
    std::string out = "<g class=\"axis\">";
    for (double at = std::ceil(x.low / x.step) * x.step; at <= x.high; at += x.step) {
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

std::string opening(const std::string& title, const std::string& description) {
  return fmt::format(
      "<figure><figcaption>{0}</figcaption><svg viewBox=\"0 0 {1} {2}\" role=\"img\" "
      "aria-label=\"{0}. {3}\">",
      html_escaped(title), kWidth, kHeight, html_escaped(description));
}

// Every n-th point of a long curve and its last: a page cannot show more.
std::vector<std::pair<double, double>> thinned(const Curve& curve) {
  const size_t every = 1 + curve.points.size() / kMostPoints;
  std::vector<std::pair<double, double>> out;
  for (size_t i = 0; i < curve.points.size(); ++i) {
    const bool kept = i % every == 0 || i + 1 == curve.points.size();
    if (kept && std::isfinite(curve.points[i].second)) out.push_back(curve.points[i]);
  }
  return out;
}

std::string line_of(const Curve& curve, const Plane& plane, size_t look) {
  std::string points;
  for (const auto& [x, y] : thinned(curve))
    points += fmt::format("{:.1f},{:.1f} ", plane.across(x), plane.down(y));
  return fmt::format("<polyline class=\"l{} d{}\" points=\"{}\"><title>{}</title></polyline>",
                     look % kNumLooks, look / kNumLooks, points, html_escaped(curve.name));
}

std::string legend_of(const Chart& chart, size_t count) {
  std::string out = "<ul class=\"legend\">";
  for (size_t i = 0; i < count; ++i) {
    out += fmt::format(
        "<li><svg viewBox=\"0 0 28 8\" aria-hidden=\"true\"><polyline class=\"l{} d{}\" "
        "points=\"0,4 28,4\"/></svg>{}</li>",
        i % kNumLooks, i / kNumLooks, html_escaped(chart.curves[i].name));
  }
  out += "</ul>";
  if (count < chart.curves.size())
    out += fmt::format("<p class=\"note\">{} more are not drawn.</p>", chart.curves.size() - count);
  return out;
}

const char* standing_class(const std::string& standing) {
  if (standing == "front") return "front";
  return standing == "near" ? "near" : "beaten";
}

// A cross of both margins, then a disc on the front, a ring near it, a dot behind it.
std::string place_of(const Tradeoff::Place& place, const Plane& plane, bool named) {
  const double x = plane.across(place.cost), y = plane.down(place.quality);
  const std::string kind = standing_class(place.standing);
  std::string out = fmt::format(
      "<g class=\"{}\"><path d=\"M{:.1f} {:.1f}H{:.1f}M{:.1f} {:.1f}V{:.1f}\"/>"
      "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\"><title>{}: {}, {} ({})</title></circle>",
      kind, plane.across(place.cost - place.cost_margin), y,
      plane.across(place.cost + place.cost_margin), x,
      plane.down(place.quality - place.quality_margin),
      plane.down(place.quality + place.quality_margin), x, y, kind == "beaten" ? 3 : 5,
      html_escaped(place.name), short_number(place.cost), short_number(place.quality),
      html_escaped(place.standing));
  if (named) {
    const bool left = x > kWidth * 0.75;
    out +=
        fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>",
                    x + (left ? -9 : 9), y - 7, left ? "end" : "start", html_escaped(place.name));
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

std::string svg_of(const Chart& chart) {
  Plane plane;
  const size_t count = std::min(kMostCurves, chart.curves.size());
  for (size_t i = 0; i < count; ++i) {
    for (const auto& [x, y] : chart.curves[i].points) {
      plane.x.take(x);
      plane.y.take(y);
    }
  }
  plane.x.settle();
  plane.y.settle();
  std::string out = opening(
      chart.title,
      fmt::format("{} over {}, {} lines; the table has their ends", chart.y, chart.x, count));
  out += plane.axes(chart.x, chart.y);
  for (size_t i = 0; i < count; ++i)
    out += line_of(chart.curves[i], plane, i);
  return out + "</svg>" + legend_of(chart, count) + "</figure>";
}

std::string svg_of(const Tradeoff& tradeoff) {
  Plane plane;
  std::string front;
  size_t on_front = 0;
  for (const auto& place : tradeoff.places) {
    plane.x.take(place.cost - place.cost_margin);
    plane.x.take(place.cost + place.cost_margin);
    plane.y.take(place.quality - place.quality_margin);
    plane.y.take(place.quality + place.quality_margin);
  }
  plane.x.settle();
  plane.y.settle();
  for (const auto& place : tradeoff.places) {
    if (place.standing != "front") continue;
    front += fmt::format("{:.1f},{:.1f} ", plane.across(place.cost), plane.down(place.quality));
    ++on_front;
  }
  std::string out = opening(
      tradeoff.title, fmt::format("{} against {}: {} of {} are on the front", tradeoff.quality,
                                  tradeoff.cost, on_front, tradeoff.places.size()));
  out += plane.axes(tradeoff.cost, tradeoff.quality) +
         fmt::format("<polyline class=\"frontline\" points=\"{}\"/>", front);
  for (const auto& place : tradeoff.places) {
    const bool few = tradeoff.places.size() <= kMostNames;
    out += place_of(place, plane, few || (place.standing == "front" && on_front <= kMostNames));
  }
  return out +
         "</svg><p class=\"note\">● on the front &nbsp; ○ beaten, but by less than the 95 % "
         "intervals (crosses) &nbsp; · beaten</p></figure>";
}

std::string html_of(const HeatMap& map) {
  std::vector<Span> spans(map.is_by_column ? map.columns.size() : 1);
  const auto span_of = [&](size_t column) -> Span& { return spans[map.is_by_column ? column : 0]; };
  for (const auto& row : map.values) {
    for (size_t column = 0; column < row.size(); ++column)
      span_of(column).take(row[column]);
  }
  std::string out = fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table "
      "class=\"heat\"><caption>{0}</caption><thead><tr><th scope=\"col\">{1} \\ {2}</th>",
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
      out += fmt::format("<td style=\"--heat:{:.0f}%\">{:.{}f}</td>",
                         100 * (value - span.low) / width, value, map.decimals);
    }
    out += "</tr>";
  }
  return out + "</tbody></table></div>";
}

}  // namespace xp
