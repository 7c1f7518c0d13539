// Who computes when, and what failures do.
#include "engine/base/turns.h"

#include "engine/base/error.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <array>
#include <string>

namespace xp {
namespace {

using Catch::Matchers::Message;

// What both did, in order: "A" and "B" are steps, "/" a change.
std::string steps_of(int of_first, int of_second) {
  std::string out;
  const auto work = [&out](char name, int steps) {
    return [&out, name, steps] {
      for (int i = 0; i < steps; ++i) {
        if (i > 0) give_turn();
        out += name;
      }
    };
  };
  take_turns(work('A', of_first), work('B', of_second), [&out] { out += '/'; });
  return out;
}

// Deep enough for the second stack to matter; volatile, so that it is not optimised away.
int depth_of(int levels) {
  volatile char used[4096];
  used[0] = static_cast<char>(levels);
  return levels == 0 ? used[0] : 1 + depth_of(levels - 1) + (used[0] - used[0]);
}

}  // namespace

TEST_CASE("turns: two works go on in turn, and one alone to its end") {
  CHECK(steps_of(3, 3) == "A/B/A/B/A/B/");
  CHECK(steps_of(1, 3) == "A/BBB/");
  CHECK(steps_of(4, 2) == "A/B/A/B/AA");
  CHECK(steps_of(1, 0) == "A//");
}

TEST_CASE("turns: whose turn it is can be asked, and outside nobody waits") {
  CHECK_FALSE(is_taking_turns());
  CHECK(give_turn() == 0);
  std::array<size_t, 3> own{};
  take_turns(
      [&] {
        CHECK(is_taking_turns());
        own[0] = own_turn();
        give_turn();
        own[2] = own_turn();
      },
      [&] { own[1] = own_turn(); }, [] {});
  CHECK(own == std::array<size_t, 3>{0, 1, 0});
  CHECK_FALSE(is_taking_turns());
}

TEST_CASE("turns: the state of the thread is swapped at each change") {
  int state = 10, other = 20;
  std::string seen;
  const auto look = [&] { seen += std::to_string(state) + " "; };
  take_turns(
      [&] {
        look();
        state = 11;
        give_turn();
        look();
      },
      [&] {
        look();
        state = 21;
        give_turn();
        look();
      },
      [&] { std::swap(state, other); });
  CHECK(seen == "10 20 11 21 ");
}

TEST_CASE("turns: a failure of one work ends both, and what they hold is released") {
  for (const bool is_second : {false, true}) {
    INFO((is_second ? "the second fails" : "the first fails"));
    std::string seen;
    const auto good = [&seen] {
      struct Held {
        std::string& seen;
        ~Held() { seen += "released "; }
      } held{seen};
      give_turn();
      give_turn();
      seen += "continued ";
    };
    const auto bad = [] {
      give_turn();
      user_error("this one fails");
    };
    const auto both = [&] {
      if (is_second)
        take_turns(good, bad, [] {});
      else
        take_turns(bad, good, [] {});
    };
    CHECK_THROWS_MATCHES(both(), Error, Message("this one fails"));
    CHECK(seen == "released ");
    CHECK_FALSE(is_taking_turns());
  }
}

TEST_CASE("turns: a work that fails at once leaves the other one unbegun") {
  bool has_begun = false;
  CHECK_THROWS_AS(take_turns([] { user_error("at once"); }, [&] { has_begun = true; }, [] {}),
                  Error);
  CHECK_FALSE(has_begun);
}

TEST_CASE("turns: the second stack is deep, and exceptions cross its frames a thousand times") {
  int deep = 0, caught = 0;
  take_turns([] { give_turn(); },
             [&] {
               deep = depth_of(1000);
               for (int i = 0; i < 1000; ++i) {
                 try {
                   user_error("{}", i);
                 } catch (const Error&) {
                   ++caught;
                 }
               }
             },
             [] {});
  CHECK(deep == 1000);
  CHECK(caught == 1000);
}

}  // namespace xp
