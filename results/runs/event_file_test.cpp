// Event files byte by byte as TensorBoard's own writer makes them, and what of a run is in them.
#include "results/runs/event_file.h"

#include "results/runs/attempts.h"
#include "results/runs/workspace.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

std::string hex(const std::string& bytes) {
  std::string out;
  for (const char c : bytes)
    out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

// A training that was interrupted after update 20 and repeated it.
struct CurvesTest {
  TempFolder folder;

  void attempt(int64_t number, double started_s, const std::string& events) const {
    const fs::path attempt = attempt_folder(folder.path(), number);
    AttemptStart start;
    start.started_s = started_s;
    write_start(attempt, start);
    write_atomic(attempt / "events.jsonl", events);
  }
  CurvesTest() {
    attempt(1, 1000,
            R"({"event":"update","update":10,"seconds":1,"values":{"loss":9.5,"lr":null}})"
            "\n"
            R"({"event":"update","update":20,"seconds":2,"values":{"loss":9}})"
            "\n");
    attempt(2, 5000,
            R"({"event":"update","update":20,"seconds":4,"values":{"loss":8.5}})"
            "\n"
            R"({"event":"validation","update":20,"seconds":5,"values":{"bleu":1.5}})"
            "\n"
            R"({"event":"load","update":20,"seconds":5,"values":{"encoder.1":[50,50]}})"
            "\n");
  }
};

}  // namespace

TEST_CASE("an event file is what TensorBoard's own writer writes") {
  // tensorboard 2.21: RecordWriter, Event(wall_time=1.5, file_version="brain.Event:2"),
  // Event(wall_time=2.25, step=300, summary=Summary(value=[Value("training/loss", 5.5)])).
  CHECK(hex(event_file(1.5, {{"training/loss", 300, 2.25, 5.5}})) ==
        "1800000000000000a37f4b22"
        "09000000000000f83f1a0d627261696e2e4576656e743a32"
        "2a28646c"
        "2400000000000000422b804d"
        "09000000000000024010ac022a160a140a0d747261696e696e672f6c6f7373150000b040"
        "f15792a6");
}

TEST_CASE_METHOD(CurvesTest, "a curve has the values of the last attempt, at their times") {
  std::string found;
  for (const auto& [tag, update, seconds, value] : scalars_of(folder.path()))
    found += fmt::format("{} {} {} {}\n", tag, update, seconds, value);
  CHECK(found ==
        "training/loss 10 1001 9.5\n"
        "training/loss 20 5004 8.5\n"
        "validation/bleu 20 5005 1.5\n");
}

TEST_CASE_METHOD(CurvesTest, "the file of a run is replaced; one without figures gets none") {
  const fs::path out = folder.path() / "out";
  CHECK(write_event_file(folder.path(), out) == 3);
  CHECK(write_event_file(folder.path(), out) == 3);
  CHECK(fs::exists(out / "events.out.tfevents.0000001000.xp"));
  CHECK(std::distance(fs::directory_iterator(out), fs::directory_iterator()) == 1);
  const TempFolder empty;
  CHECK(write_event_file(empty.path(), empty.path() / "out") == 0);
  CHECK_FALSE(fs::exists(empty.path() / "out"));
}
