// Sections that differ in the values of axes only.
#include "engine/plan/settings.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

std::shared_ptr<const SectionPattern> train() {
  Section section;
  section.table = {{"optimizer", {{"lr", 0.5}, {"use", "adam"}}}, {"seed", 1}};
  section.training = {
      {"train.optimizer.lr", 0.5}, {"train.optimizer.use", "adam@2"}, {"train.seed", 1}};
  return std::make_shared<const SectionPattern>(
      section, std::vector<std::string>{"train.seed", "train.optimizer.lr"});
}

std::string hash_of_training(const SharedSection& section) {
  Sha256 hash;
  section.add(section.pattern().training, hash);
  return hash.hex();
}

TEST_CASE("a section with other values of axes reads as one that was written out") {
  const SharedSection section(train(), {7, 0.25});
  CHECK(*section.find("seed") == 7);
  CHECK(*section.find("optimizer.lr") == 0.25);
  CHECK(*section.find("optimizer.use") == "adam");
  CHECK(*section.find("optimizer") == Value{{"lr", 0.25}, {"use", "adam"}});
  CHECK(section.find("optimizer.lr.low") == nullptr);
  CHECK(section.find("schedule") == nullptr);
  CHECK(section.table() == Value{{"optimizer", {{"lr", 0.25}, {"use", "adam"}}}, {"seed", 7}});
  CHECK(hash_of_training(section) ==
        sha256(R"("train.optimizer.lr":0.25,"train.optimizer.use":"adam@2","train.seed":7)"));
}

TEST_CASE("an axis without another value keeps that of the pattern") {
  const SharedSection section(train(), {7, Value()});
  CHECK(section.table() == Value{{"optimizer", {{"lr", 0.5}, {"use", "adam"}}}, {"seed", 7}});
  CHECK(section.values() == std::vector<std::string>{"7", "0.5"});
  CHECK(hash_of_training(SharedSection(train())) ==
        sha256(R"("train.optimizer.lr":0.5,"train.optimizer.use":"adam@2","train.seed":1)"));
}

TEST_CASE("texts without settings add nothing to an id") {
  CHECK(train()->corpus.pieces.empty());
  Sha256 hash;
  SharedSection(train()).add(train()->evaluation, hash);
  CHECK(hash.hex() == sha256(""));
}

}  // namespace
}  // namespace xp
