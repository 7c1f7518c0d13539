// A recursive-descent parser and a walk over its tree.
#include "engine/base/expression.h"

#include "engine/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

namespace xp {
namespace {

struct Function {
  std::string_view name;
  size_t min_values, max_values;
  const char* takes;
};
constexpr Function kFunctions[] = {{"min", 1, 1000, "1 or more"},
                                   {"max", 1, 1000, "1 or more"},
                                   {"floor", 1, 1, "1"},
                                   {"ceil", 1, 1, "1"},
                                   {"round", 1, 1, "1"},
                                   {"count", 1, 1, "1"},
                                   {"if", 3, 3, "3"}};

}  // namespace

class ExpressionParser {
 public:
  using Node = Expression::Node;
  ExpressionParser(const std::string& text, Expression& out) : text_(text), out_(out) {}

  Node whole() {
    if (text_.size() > kLongest) {
      at_ = kLongest;
      fail(fmt::format("this is longer than {} characters", kLongest));
    }
    Node node = alternatives();
    skip_space();
    if (at_ < text_.size()) fail(fmt::format("did not expect '{}' here", text_.substr(at_)));
    return node;
  }

 private:
  static constexpr size_t kLongest = 4000;  // 1 + 1 + 1 ... makes a tree as deep as it is long
  static constexpr int kDeepest = 100;      // far above any real condition, far below the stack

  [[noreturn]] void fail(const std::string& message) const { throw ExpressionError(message, at_); }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n'))
      ++at_;
  }

  static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }

  bool take(std::string_view token) {
    skip_space();
    if (text_.compare(at_, token.size(), token) != 0) return false;
    const size_t end = at_ + token.size();
    if (is_word(token.back()) && end < text_.size() && is_word(text_[end])) return false;
    at_ = end;
    return true;
  }

  static Node joined(std::string op, size_t offset, Node left, Node right) {
    Node node{std::move(op), offset, {}, 0, {}};
    node.children.push_back(std::move(left));
    node.children.push_back(std::move(right));
    return node;
  }
  static Node single(std::string op, size_t offset, Node inner) {
    Node node{std::move(op), offset, {}, 0, {}};
    node.children.push_back(std::move(inner));
    return node;
  }

  Node alternatives() {
    Node left = conjunction();
    while (true) {
      skip_space();
      const size_t offset = at_;
      if (!take("or")) return left;
      left = joined("or", offset, std::move(left), conjunction());
    }
  }

  Node conjunction() {
    Node left = negation();
    while (true) {
      skip_space();
      const size_t offset = at_;
      if (!take("and")) return left;
      left = joined("and", offset, std::move(left), negation());
    }
  }

  Node negation() {
    if (!take("not")) return comparison();
    if (++depth_ > kDeepest) fail("this is nested too deeply");
    Node node = single("not", at_, negation());
    --depth_;
    return node;
  }

  Node comparison() {
    Node left = sum();
    skip_space();
    const size_t offset = at_;
    for (const char* op : {"==", "!=", "<=", ">=", "<", ">", "in"}) {
      if (take(op)) return joined(op, offset, std::move(left), sum());
    }
    if (take("not")) {
      if (!take("in")) fail("expected 'in' after 'not'");
      return single("not", offset, joined("in", offset, std::move(left), sum()));
    }
    if (take("=")) {
      at_ = offset;
      fail("'=' does not compare; use '=='");
    }
    return left;
  }

  Node sum() {
    Node left = product();
    while (true) {
      skip_space();
      const size_t offset = at_;
      if (take("+")) {
        left = joined("+", offset, std::move(left), product());
      } else if (take("-")) {
        left = joined("-", offset, std::move(left), product());
      } else {
        return left;
      }
    }
  }

  Node product() {
    Node left = factor();
    while (true) {
      skip_space();
      const size_t offset = at_;
      if (take("*")) {
        left = joined("*", offset, std::move(left), factor());
      } else if (take("/")) {
        left = joined("/", offset, std::move(left), factor());
      } else if (take("%")) {
        left = joined("%", offset, std::move(left), factor());
      } else {
        return left;
      }
    }
  }

  Node factor() {
    if (++depth_ > kDeepest) fail("this is nested too deeply");
    Node node = take("-") ? single("-1", at_, factor()) : primary();
    --depth_;
    return node;
  }

  Node primary() {
    skip_space();
    if (at_ >= text_.size()) fail("expected a value, but the expression ends here");
    const char c = text_[at_];
    if (take("(")) {
      Node inner = alternatives();
      if (!take(")")) fail("expected ')'");
      return inner;
    }
    if (take("[")) return list();
    if (c == '\'' || c == '"') return quoted(c);
    if ((c >= '0' && c <= '9') || c == '.') return number();
    if (is_word(c)) return word();
    fail(fmt::format("did not expect '{}' here", c));
  }

  Node list() {
    Node node{"list", at_, {}, 0, {}};
    if (take("]")) return node;
    do {
      node.children.push_back(sum());
    } while (take(","));
    if (!take("]")) fail("expected ',' or ']'");
    return node;
  }

  Node quoted(char mark) {
    const size_t end = text_.find(mark, at_ + 1);
    if (end == std::string::npos) fail("this text has no end");
    Node node{"value", at_, text_.substr(at_ + 1, end - at_ - 1), 0, {}};
    at_ = end + 1;
    return node;
  }

  Node number() {
    const char* begin = text_.data() + at_;
    const char* end = text_.data() + text_.size();
    double value = 0;
    const auto [stop, error] = std::from_chars(begin, end, value);
    if (error != std::errc()) fail("this is not a number");
    const size_t offset = at_;
    at_ += static_cast<size_t>(stop - begin);
    return {"value", offset, value, 0, {}};
  }

  Node call(const std::string& name) {
    const auto known = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                    [&name](const Function& f) { return name == f.name; });
    if (known == std::end(kFunctions)) {
      at_ -= name.size();
      std::vector<std::string> names;
      for (const Function& function : kFunctions)
        names.emplace_back(function.name);
      fail(fmt::format("no function is named '{}'; known: {}", name, join(names, ", ")));
    }
    Node node{name, at_ - name.size(), {}, 0, {}};
    take("(");
    do {
      node.children.push_back(alternatives());
    } while (take(","));
    if (!take(")")) fail("expected ',' or ')'");
    if (node.children.size() < known->min_values || node.children.size() > known->max_values) {
      at_ = node.offset;
      fail(fmt::format("'{}' takes {}, not {} values", name, known->takes, node.children.size()));
    }
    return node;
  }

  Node word() {
    if (take("true")) return {"value", at_, true, 0, {}};
    if (take("false")) return {"value", at_, false, 0, {}};
    for (const char* reserved : {"and", "or", "in"}) {
      if (take(reserved)) {
        at_ -= std::string_view(reserved).size();
        fail(fmt::format("expected a value before '{}'", reserved));
      }
    }
    const size_t start = at_;
    while (at_ < text_.size() && (is_word(text_[at_]) || text_[at_] == '.'))
      ++at_;
    if (at_ < text_.size() && text_[at_] == '(') return call(text_.substr(start, at_ - start));
    const size_t index = out_.names_.size();
    out_.names_.push_back({text_.substr(start, at_ - start), start, index});
    return {"name", start, {}, index, {}};
  }

  const std::string& text_;
  Expression& out_;
  size_t at_ = 0;
  int depth_ = 0;
};

namespace {

constexpr double kHair = 1e-9;  // 0.3 / 0.1 is 3: conditions are about what the file says

Value calculated(const std::string& op, size_t offset, const Value& left, const Value& right) {
  if (left.is_null() || right.is_null()) return {};
  if (!left.is_number() || !right.is_number())
    throw ExpressionError(
        fmt::format("'{}' needs two numbers, not {} and {}", op, show(left), show(right)), offset);
  const double a = left.get<double>(), b = right.get<double>();
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (b == 0) throw ExpressionError("division by zero", offset);
  return op == "/" ? a / b : std::fmod(a, b);
}

Value rounded(const std::string& name, size_t offset, const Value& value) {
  if (value.is_null()) return {};
  if (!value.is_number())
    throw ExpressionError(fmt::format("'{}' needs a number, not {}", name, show(value)), offset);
  const double number = value;
  if (name == "round") return std::round(number);
  return name == "floor" ? std::floor(number + kHair) : std::ceil(number - kHair);
}

Value counted(size_t offset, const Value& list) {
  if (list.is_null()) return {};
  if (!list.is_array())
    throw ExpressionError(fmt::format("'count' needs a list, not {}", show(list)), offset);
  return list.size();
}

// Null if any of the values is.
Value extreme(const std::string& name, size_t offset, const std::vector<Value>& values) {
  Value best = calculated("+", offset, values.front(), 0);
  for (const auto& value : values) {
    const Value number = calculated("+", offset, value, 0);
    if (number.is_null() || best.is_null()) return {};
    if (name == "min" ? number < best : best < number) best = number;
  }
  return best;
}

bool equal(const Value& left, const Value& right) {
  if (!left.is_number() || !right.is_number()) return left == right;
  const double a = left.get<double>(), b = right.get<double>();
  return std::abs(a - b) <= kHair * std::max({1.0, std::abs(a), std::abs(b)});
}

bool ordered(const std::string& op, size_t offset, const Value& left, const Value& right) {
  if (left.is_null() || right.is_null()) return false;
  if (left.is_string() != right.is_string() || left.is_boolean() || right.is_boolean())
    throw ExpressionError(fmt::format("cannot compare {} with {}", show(left), show(right)),
                          offset);
  const bool same = equal(left, right);
  if (op == "<=") return same || left < right;
  if (op == ">=") return same || left > right;
  return !same && (op == "<" ? left < right : left > right);
}

bool truth(const Value& value, size_t offset) {
  if (!value.is_boolean())
    throw ExpressionError(fmt::format("{} is neither true nor false", show(value)), offset);
  return value.get<bool>();
}

bool contains(const Value& list, const Value& item, size_t offset) {
  if (!list.is_array()) throw ExpressionError("'in' needs a list on its right", offset);
  return std::any_of(list.begin(), list.end(), [&](const Value& v) { return equal(v, item); });
}

}  // namespace

Expression Expression::parse(const std::string& text) {
  Expression out;
  ExpressionParser parser(text, out);
  out.root_ = parser.whole();
  classify(out.root_);
  return out;
}

void Expression::classify(Node& node) {
  static const std::map<std::string, Kind> kinds = {
      {"value", Kind::kValue},   {"name", Kind::kName},    {"list", Kind::kList},
      {"if", Kind::kIf},         {"min", Kind::kExtreme},  {"max", Kind::kExtreme},
      {"floor", Kind::kRounded}, {"ceil", Kind::kRounded}, {"round", Kind::kRounded},
      {"count", Kind::kCount},   {"not", Kind::kNot},      {"-1", Kind::kMinus},
      {"and", Kind::kAnd},       {"or", Kind::kOr},        {"==", Kind::kEqual},
      {"!=", Kind::kUnequal},    {"in", Kind::kIn},        {"<", Kind::kOrder},
      {"<=", Kind::kOrder},      {">", Kind::kOrder},      {">=", Kind::kOrder},
      {"+", Kind::kArithmetic},  {"-", Kind::kArithmetic}, {"*", Kind::kArithmetic},
      {"/", Kind::kArithmetic},  {"%", Kind::kArithmetic}};
  node.kind = kinds.at(node.op);
  for (auto& child : node.children)
    classify(child);
}

Value Expression::run(const Node& node, const std::function<Value(size_t)>& look) {
  const auto child = [&](size_t i) { return run(node.children[i], look); };
  const auto children = [&] {
    std::vector<Value> out;
    for (const auto& item : node.children)
      out.push_back(run(item, look));
    return out;
  };
  switch (node.kind) {
    case Kind::kValue:
      return node.value;
    case Kind::kName:
      return look(node.name);
    case Kind::kList:
      return Value(children());
    case Kind::kIf:
      return truth(child(0), node.offset) ? child(1) : child(2);
    case Kind::kExtreme:
      return extreme(node.op, node.offset, children());
    case Kind::kRounded:
      return rounded(node.op, node.offset, child(0));
    case Kind::kCount:
      return counted(node.offset, child(0));
    case Kind::kNot:
      return !truth(child(0), node.offset);
    case Kind::kMinus:
      return calculated("-", node.offset, 0, child(0));
    case Kind::kAnd:
      return truth(child(0), node.offset) && truth(child(1), node.offset);
    case Kind::kOr:
      return truth(child(0), node.offset) || truth(child(1), node.offset);
    case Kind::kEqual:
      return equal(child(0), child(1));
    case Kind::kUnequal:
      return !equal(child(0), child(1));
    case Kind::kIn:
      return contains(child(1), child(0), node.offset);
    case Kind::kOrder:
      return ordered(node.op, node.offset, child(0), child(1));
    case Kind::kArithmetic:
      return calculated(node.op, node.offset, child(0), child(1));
  }
  return {};
}

Value Expression::evaluate(const std::function<Value(size_t)>& look) const {
  return run(root_, look);
}

bool Expression::holds(const std::function<Value(size_t)>& look) const {
  return truth(run(root_, look), 0);
}

}  // namespace xp
