// Copies of workspaces: taken once, whole or not at all.
#include "results/runs/sync.h"

#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "results/runs/garbage.h"
#include "results/runs/workspace_fixture.h"
#include "results/store/store.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

namespace xp {
namespace {

using Catch::Matchers::Message;
using Words = std::vector<std::string>;

/// Somebody's cluster with two finished runs, and a laptop.
struct Both {
  FilledWorkspace cluster, laptop;

  Both() {
    cluster.fill();
    cluster.put("trainings/aaaa/attempts/1/events.jsonl",
                "{\"event\":\"end\",\"update\":20,\"seconds\":1,\"values\":{}}\n");
    cluster.put("evaluations/cccc/scores.json", "{\"schema\": 1, \"scores\": []}");
  }
  SyncResult sync(bool checkpoints = false) const {
    return sync_from(cluster.folder.path(), laptop.workspace, checkpoints);
  }
  std::string path(const std::string& rest) const {
    return (cluster.folder.path() / rest).string();
  }
};

TEST_CASE("a copied workspace is taken in once") {
  const Both both;
  const SyncResult first = both.sync();
  CHECK(first.taken == 4);
  CHECK(first.problems == Words{});
  Store ours = Store::in_memory(), theirs = Store::in_memory();
  ours.fold_in(both.laptop.workspace);
  theirs.fold_in(both.cluster.workspace);
  CHECK(ours.dump() == theirs.dump());
  const SyncResult again = both.sync();
  CHECK(again.taken == 0);
  CHECK(again.known == 4);
}

TEST_CASE("changes of the code come along") {
  Both both;
  both.cluster.put("sources/" + sha256("x") + ".diff", "x");
  both.sync();
  CHECK(both.sync().taken == 0);
  CHECK(read_file(both.laptop.workspace.source(sha256("x"))) == "x");
}

TEST_CASE("checkpoints come along when asked") {
  Both both;
  both.cluster.put("trainings/aaaa/checkpoints/best.safetensors", "x");
  both.sync();
  CHECK_FALSE(fs::exists(both.laptop.workspace.training("aaaa") / "checkpoints"));
  fs::remove_all(both.laptop.workspace.training("aaaa"));
  both.sync(true);
  CHECK(fs::exists(both.laptop.workspace.training("aaaa") / "checkpoints/best.safetensors"));
}

TEST_CASE("half-copied folders are left alone until they are whole") {
  Both both;
  const std::string events = both.path("trainings/aaaa/attempts/1/events.jsonl");
  const std::string whole = read_file(events);
  both.cluster.put("trainings/aaaa/attempts/1/events.jsonl", whole.substr(0, 20));
  fs::remove(both.path("evaluations/bbbb/scores.json"));
  fs::remove(both.path("evaluations/cccc/status.json"));
  both.cluster.put("trainings/dddd/status.json", "{\"schema\": 1, \"sta");
  both.cluster.status("trainings", "eeee", State::kRunning);
  both.cluster.status("trainings", "ffff", State::kDone);
  fs::remove(both.path("experiments/quick/plan.json"));
  const SyncResult result = both.sync();
  CHECK(result.taken == 0);
  CHECK(result.problems ==
        Words{"'" + both.path("trainings/aaaa") +
                  "' is half copied: 'attempts/1/events.jsonl' has no end",
              "'" + both.path("trainings/dddd/status.json") +
                  "' is damaged; delete the file to run this again",
              "'" + both.path("trainings/eeee") + "' is not finished",
              "'" + both.path("trainings/ffff") + "' is half copied: 'spec.toml' is missing",
              "'" + both.path("evaluations/bbbb") + "' is half copied: 'scores.json' is missing",
              "'" + both.path("evaluations/cccc") + "' is half copied: no status.json",
              "'" + both.path("experiments/quick") + "' is half copied: no plan.json"});
  CHECK_FALSE(fs::exists(both.laptop.workspace.training("aaaa")));
  both.cluster.put("trainings/aaaa/attempts/1/events.jsonl", whole);
  CHECK(both.sync().taken == 1);
}

TEST_CASE("a finished run replaces our unfinished one, never a finished one") {
  Both both;
  both.laptop.status("trainings", "aaaa", State::kFailed);
  both.laptop.status("evaluations", "bbbb", State::kDone, {{"bleu", 1}});
  CHECK(both.sync().taken == 3);
  CHECK(read_status(both.laptop.workspace.training("aaaa")).state == State::kDone);
  CHECK(read_status(both.laptop.workspace.evaluation("bbbb")).summary.at("bleu") == 1);
}

TEST_CASE("an origin that is cut off is half copied, too") {
  Both both;
  both.cluster.put("trainings/aaaa/provenance.json", "{\"host\": \"bo");
  CHECK(both.sync().problems == Words{"'" + both.path("trainings/aaaa") +
                                      "' is half copied: 'provenance.json' is cut off"});
}

TEST_CASE("a full disk is said once, and with space the rest is taken in", "[slow]") {
  Both both;
  const TempFolder folder;
  const std::string disk = folder.path().string();
  if (run_program({"mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", disk}).exit_code != 0)
    SKIP("a small file system cannot be mounted here");
  both.cluster.put("evaluations/bbbb/hypotheses/test.en-fr.txt", std::string(300'000, 'x'));
  CHECK_THROWS_MATCHES(sync_from(both.cluster.folder.path(), {disk}, false), Error,
                       Message("no space is left on the disk of '" + disk + "' for '" +
                               both.path("evaluations/bbbb") +
                               "'; 1 runs and plans were taken in: free some and sync again"));
  run_program({"mount", "-o", "remount,size=8m", disk});
  const SyncResult rest = sync_from(both.cluster.folder.path(), {disk}, false);
  CHECK(rest.problems.empty());
  CHECK(rest.taken + rest.known == 4);
  run_program({"umount", disk});
}

TEST_CASE("what is no workspace, or this one, is refused") {
  const Both both;
  const TempFolder empty;
  CHECK_THROWS_MATCHES(sync_from(empty.path(), both.laptop.workspace, false), Error,
                       Message("'" + empty.path().string() +
                               "' has neither 'trainings' nor 'evaluations'; name a workspace or a "
                               "copy of one"));
  CHECK_THROWS_MATCHES(sync_from(both.cluster.folder.path(), both.cluster.workspace, false), Error,
                       Message("'" + both.cluster.folder.path().string() +
                               "' is this workspace; name the copy to import"));
}

Words names_of(const std::vector<Garbage>& garbage) {
  Words out;
  for (const Garbage& one : garbage)
    out.push_back(one.file.filename().string() + " " + std::to_string(one.bytes) + " " +
                  one.reason);
  return out;
}

TEST_CASE("checkpoints that an evaluation of a plan needs are kept") {
  FilledWorkspace place;
  place.fill();
  place.status("trainings", "aaaa", State::kDone, {{"updates", 20}, {"best_update", 10}});
  place.put("trainings/aaaa/checkpoints/update-00000010.safetensors", "12345");
  place.put("trainings/aaaa/checkpoints/update-00000020.safetensors", "123");
  place.status("trainings", "aaaa", State::kDone, {{"updates", 20}, {"best_update", 10}});
  fs::create_hard_link(place.workspace.training("aaaa") / "checkpoints/update-00000010.safetensors",
                       place.workspace.training("aaaa") / "checkpoints/best.safetensors");
  place.put("trainings/orphan/checkpoints/best.safetensors", "1234567");
  place.status("trainings", "orphan", State::kDone);
  place.put("trainings/young/checkpoints/update-00000020.safetensors", "123");
  place.status("trainings", "young", State::kRunning);
  // The evaluation does not say which it uses: both may be.
  CHECK(names_of(find_garbage(place.workspace)) ==
        Words{"best.safetensors 0 no evaluation of a plan uses it",
              "best.safetensors 7 no plan has its training"});
  place.put("evaluations/bbbb/spec.toml", "[eval]\ncheckpoint = \"last\"\n");
  const auto found = find_garbage(place.workspace);
  CHECK(names_of(found) == Words{"best.safetensors 0 no evaluation of a plan uses it",
                                 "update-00000010.safetensors 5 no evaluation of a plan uses it",
                                 "best.safetensors 7 no plan has its training"});
  CHECK(remove_garbage(found) == 12);
  CHECK(find_garbage(place.workspace).empty());
  CHECK(fs::exists(place.workspace.training("aaaa") / "checkpoints/update-00000020.safetensors"));
}

}  // namespace
}  // namespace xp
