// Conditions over settings: `width >= 512 and exchange != 'gshard'`. They cannot run code.
//
//   or, and, not; == != < <= > >= in, not in; + - * / %; unary -; ( ), [lists];
//   numbers, 'texts' or "texts", true, false; names are keys or their tails (`moe.experts`);
//   min(a, b, ...), max(a, b, ...), floor(a), ceil(a), round(a), count(list),
//   if(condition, then, otherwise).
//
// A name without a value is null: arithmetic with null is null, null equals only null, and an order
// comparison with null is false.
#pragma once

#include "engine/base/value.h"

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace xp {

/// An error in an expression, and the byte that it is at.
struct ExpressionError : std::runtime_error {
  ExpressionError(const std::string& message, size_t at)
      : std::runtime_error(message), offset(at) {}
  size_t offset;
};

class Expression {
 public:
  /// A name in the expression, with its place.
  struct Name {
    std::string text;
    size_t offset = 0;
    size_t index = 0;  ///< in `names()`
  };

  /// Raises ExpressionError.
  static Expression parse(const std::string& text);

  const std::vector<Name>& names() const { return names_; }

  /// The value, if `look(i)` is the value of the i-th of `names()`. Raises ExpressionError if types
  /// do not fit (a text plus a number).
  Value evaluate(const std::function<Value(size_t)>& look) const;

  /// Whether the value is true. Raises ExpressionError if it is neither true nor false.
  bool holds(const std::function<Value(size_t)>& look) const;

 private:
  friend class ExpressionParser;
  enum class Kind {
    kValue,
    kName,
    kList,
    kIf,
    kExtreme,
    kRounded,
    kCount,
    kNot,
    kMinus,
    kAnd,
    kOr,
    kEqual,
    kUnequal,
    kIn,
    kOrder,
    kArithmetic
  };
  struct Node {
    std::string op;  ///< "value", "name", "list", "not", "-1", a function or an operator
    size_t offset = 0;
    Value value;
    size_t name = 0;
    std::vector<Node> children;
    Kind kind = Kind::kValue;  ///< of `op`, found once after parsing
  };
  static void classify(Node& node);
  static Value run(const Node& node, const std::function<Value(size_t)>& look);
  Node root_;
  std::vector<Name> names_;
};

}  // namespace xp
