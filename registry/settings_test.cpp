// Claims about typed settings: one declaration, many readers.
#include "registry/settings.h"

#include "registry/registry.h"
#include "registry/schedule.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

struct Inner {
  int64_t experts = 8;
  Value router;
  void describe(auto& field) {
    field("experts", experts, "experts of a layer", at_least(1));
    field.component("router", "router", router, "top2", "who sees a token");
  }
};

struct Outer {
  double alpha = 0.2;
  bool normalize = true;
  std::string gate = "softmax";
  std::vector<double> betas = {0.9, 0.98};
  std::optional<double> beta;
  Inner moe;
  void describe(auto& field) {
    field("alpha", alpha, "share", fraction());
    field("normalize", normalize, "whether");
    field("gate", gate, "kind of gate", one_of({"softmax", "sigmoid"}));
    field("betas", betas, "decays", between(0, 1));
    field("beta", beta, "default depends", fraction(), Scope::kEval);
    field.table("moe", moe);
  }
};

std::string wrong(const char* name, const Value& value) {
  for (const auto& setting : settings_of<Outer>()) {
    if (setting.name == name) return objection(setting, value);
  }
  return "no such setting";
}

struct Flat final : Schedule {
  struct Config {
    void describe(auto&) {}
  };
  explicit Flat(const Config&) {}
  double factor(int64_t) const override { return 1; }
};
XP_REGISTER(Schedule, Flat, "test-flat", "always the peak");

}  // namespace

TEST_CASE("a declaration lists names, types and defaults, tables by dotted names") {
  const auto settings = settings_of<Outer>();
  std::vector<std::string> names;
  for (const auto& setting : settings)
    names.push_back(setting.name);
  CHECK(names == std::vector<std::string>{"alpha", "normalize", "gate", "betas", "beta",
                                          "moe.experts", "moe.router"});
  CHECK(settings[0].fallback == 0.2);
  CHECK(settings[4].fallback.is_null());
  CHECK(settings[4].scope == Scope::kEval);
  CHECK(settings[6].component == "router");
}

TEST_CASE("numbers are finite unless the setting takes inf as no limit") {
  const double infinity = std::numeric_limits<double>::infinity();
  const Setting finite{"power", Type::kNumber, 1.0, any(), "", Scope::kInherit, ""};
  CHECK(objection(finite, infinity) == "is inf; must be finite");
  CHECK(objection(finite, -infinity) == "is -inf; must be finite");
  Setting limit{"hours", Type::kNumber,   0.0, at_least(0, "hours").or_infinite(),
                "",      Scope::kInherit, ""};
  CHECK(objection(limit, infinity).empty());
  CHECK(objection(limit, -infinity) == "is -inf; must be at least 0 hours");
  CHECK(objection(setting_from_json(to_json(limit)), infinity).empty());
  limit.type = Type::kInteger;
  CHECK(objection(limit, infinity) == "must be an integer, not inf");
}

TEST_CASE("a declaration survives JSON") {
  for (const auto& setting : settings_of<Outer>()) {
    CHECK(to_json(setting_from_json(to_json(setting))) == to_json(setting));
  }
}

TEST_CASE("binding takes what a table holds and keeps defaults otherwise") {
  const auto bound = bind_settings<Outer>(
      {{"alpha", 1}, {"moe", {{"experts", 4}, {"router", {{"use", "top1"}, {"fp32", false}}}}}});
  CHECK(bound.alpha == 1.0);
  CHECK(bound.normalize);
  CHECK_FALSE(bound.beta);
  CHECK(bound.moe.experts == 4);
  CHECK(bound.moe.router == Value{{"use", "top1"}, {"fp32", false}});
  CHECK(bind_settings<Outer>(Value::object()).moe.router == Value{{"use", "top2"}});
}

TEST_CASE("objections say what is and what should be") {
  CHECK(wrong("alpha", 0.5).empty());
  CHECK(wrong("alpha", 1).empty());
  CHECK(wrong("alpha", 1.5) == "is 1.5; must be at most 1");
  CHECK(wrong("alpha", "x") == "must be a number, not \"x\"");
  CHECK(wrong("alpha", true) == "must be a number, not true");
  CHECK(wrong("normalize", 1) == "must be true or false, not 1");
  CHECK(wrong("gate", "soft") == "is \"soft\"; must be one of softmax, sigmoid");
  CHECK(wrong("betas", Value::array({0.5, 2})) == "is 2; must be at most 1");
  CHECK(wrong("moe.experts", 2.5) == "must be an integer, not 2.5");
  CHECK(wrong("moe.experts", 0) == "is 0; must be at least 1");
  CHECK(wrong("alpha", std::numeric_limits<double>::quiet_NaN()) == "is nan; must be a number");
}

TEST_CASE("a registered part is found by name, an unknown one with what is near") {
  CHECK(make_part<Schedule>({{"use", "test-flat"}})->factor(7) == 1);
  try {
    find_entry("schedule", "test-flatt");
    FAIL("found what is not there");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) ==
          "no schedule named 'test-flatt', did you mean 'test-flat'? known: test-flat");
  }
}

TEST_CASE("a text of a given form is described in words, in JSON too") {
  Setting setting;
  setting.name = "time";
  setting.limit = matching("[0-9]+:[0-5][0-9]", "HH:MM");
  CHECK(objection(setting, "12:30") == "");
  CHECK(objection(setting, "12:30 ") == "is \"12:30 \"; must be HH:MM");
  CHECK(objection(setting_from_json(to_json(setting)), "noon") == "is \"noon\"; must be HH:MM");
}
