// Figures from made-up events.
#include "engine/run/run_progress.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

struct Events {
  void add(const std::string& lines) { append_file(folder.path() / "events.jsonl", lines); }
  TempFolder folder;
  RunProgress progress{folder.path()};
};

}  // namespace

TEST_CASE("rate and time left count from if an attempt took up the work") {
  Events events;
  events.progress.refresh();
  CHECK_FALSE(events.progress.has_begun());
  CHECK(events.progress.rate() == 0);
  events.add(R"({"event":"start","update":100,"seconds":10,"values":{"max_updates":1000}})"
             "\n");
  events.progress.refresh();
  CHECK(events.progress.has_begun());
  CHECK(events.progress.first() == 100);
  CHECK_FALSE(events.progress.left_s());
  events.add(R"({"event":"update","update":200,"seconds":60,"values":{"loss":4.2}})"
             "\n"
             R"({"event":"validation","update":200,"seconds":60,"values":{"bleu":12.34}})"
             "\n"
             R"({"event":"checkpoint","update":200,"seconds":60,"values":{}})"
             "\n");
  events.progress.refresh();
  CHECK(events.progress.update() == 200);
  CHECK(events.progress.total() == 1000);
  CHECK(events.progress.checkpoint() == 200);
  CHECK(events.progress.rate() == 2.0);
  CHECK(events.progress.left_s() == 400.0);
  CHECK(events.progress.note() == "loss 4.20  bleu 12.3");
}

TEST_CASE("a share of the work done tells the total, and values may be missing") {
  Events events;
  events.add(
      R"({"event":"start","update":0,"seconds":0,"values":{}})"
      "\n"
      R"({"event":"update","update":50,"seconds":5,"values":{"share_done":0.25,"loss":null}})"
      "\n"
      R"({"event":"update","update":60,"seconds":6,"values":7})"
      "\n");
  events.progress.refresh();
  CHECK(events.progress.total() == 200);
  CHECK(events.progress.update() == 50);
  CHECK(events.progress.note().empty());
}
