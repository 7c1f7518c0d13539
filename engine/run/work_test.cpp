// Work as a list in a file, and with parts of it left out.
#include "engine/run/work.h"

#include "engine/base/error.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

// Trainings "a" and "b" with an evaluation each.
std::vector<Work> two_trainings() {
  std::vector<Work> out(4);
  const char* names[] = {"a", "a1", "b", "b1"};
  for (size_t i = 0; i < out.size(); ++i) {
    out[i].name = out[i].title = names[i];
    out[i].folder = names[i];
    out[i].command = {"engine", "train", names[i]};
    out[i].spec = {{"launch", {{"use", "local"}}}};
    if (i % 2 == 1) out[i].training = i - 1;
  }
  return out;
}

}  // namespace

TEST_CASE("work that is written down comes back the same") {
  const auto back = work_from(to_json(two_trainings()));
  REQUIRE(back.size() == 4);
  CHECK_FALSE(back[0].training);
  CHECK(back[3].training == 2);
  CHECK(back[3].command == std::vector<std::string>{"engine", "train", "b1"});
  CHECK(back[1].launch() == Value{{"use", "local"}});
}

TEST_CASE("a damaged list of work is an error") {
  CHECK_THROWS_AS(work_from(Value::parse(R"([{"title": "x"}])")), Error);
  Value list = to_json(two_trainings());
  for (const Value& training : {Value(3), Value(1), Value(-1), Value(1e300), Value("0")}) {
    list[1]["training"] = training;
    CHECK_THROWS_AS(work_from(list), Error);
  }
}

TEST_CASE("what is left of a list keeps its links to trainings, and loses those to what is gone") {
  const auto all = two_trainings();
  const auto b = without(all, [](const Work& one) { return one.name.front() == 'a'; });
  REQUIRE(b.size() == 2);
  CHECK(b[1].training == 0);
  const auto evaluations = without(all, [](const Work& one) { return !one.training; });
  REQUIRE(evaluations.size() == 2);
  CHECK_FALSE(evaluations[0].training);
}
