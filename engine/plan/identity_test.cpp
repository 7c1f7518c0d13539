// Ids are of what is meant: the order of keys, comments, files and defaults written out change
// nothing.
#include "engine/base/to_integer.h"
#include "engine/experiment/catalog_fixture.h"
#include "engine/plan/plan_fixture.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <random>

namespace xp {
namespace {

constexpr const char* kHead = "name = \"t\"\ncorpus.use = \"dummy\"\n";

// The one point of a file, with ids. Rules may be broken: this is about ids.
Point point_of(const fs::path& file, const std::string& text) {
  static const Catalog catalog = fixture_catalog();
  write_atomic(file, text);
  Problems problems;
  const Spec spec = load_spec(file.string(), {}, catalog, problems);
  problems.raise();
  Plan plan = make_plan(spec, catalog, problems);
  identify(plan, [](const Value& corpus) {
    return CorpusIdentity{corpus["sentences"].dump(), ""};
  });
  return plan.points.at(0);
}

std::string ids(const Point& point) {
  return point.ids->corpus + " " + point.ids->training + " " + point.ids->evaluation;
}

using Lines = std::vector<std::string>;

std::string file_text(const Lines& lines, const std::string& head = kHead) {
  std::string out = head;
  for (const auto& line : lines)
    out += line + "\n";
  return out;
}

// Settings of an experiment drawn at random, one `path = value` each.
class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed) {}

  Lines settings(double share) {
    static const Catalog catalog = fixture_catalog();
    const Schema schema(catalog, {});
    Lines out;
    for (const auto& path : schema.paths()) {
      const bool is_left_out = path.starts_with("report.") || path.ends_with(".use") ||
                               path == "corpus.path" || path.starts_with("model.preset");
      if (is_left_out || !chance(share)) continue;
      const Value value = legal(*schema.find(path)->front());
      if (!value.is_null()) out.push_back(path + " = " + show(value));
    }
    return out;
  }
  void shuffle(Lines& lines) { std::shuffle(lines.begin(), lines.end(), random_); }
  bool chance(double share) { return std::uniform_real_distribution<>(0, 1)(random_) < share; }

 private:
  Value legal(const Setting& setting) {
    const double low = std::max(setting.limit.low, 0.0), high = std::min(setting.limit.high, 1e3);
    const double number = std::uniform_real_distribution<>(low, high)(random_);
    switch (setting.type) {
      case Type::kBool:
        return chance(0.5);
      case Type::kInteger:
        return to_integer(std::ceil(number));
      case Type::kNumber:
        return chance(0.3) && high >= 1 ? Value(to_integer(std::ceil(number))) : Value(number);
      case Type::kText:
        if (setting.limit.choices.empty()) return {};
        return setting.limit.choices[random_() % setting.limit.choices.size()];
      default:
        return {};
    }
  }
  std::mt19937_64 random_;
};

TEST_CASE("an experiment written otherwise has the same ids") {
  const TempFolder folder;
  const fs::path file = folder.path() / "x.toml";
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Draw draw(seed);
    Lines lines = draw.settings(0.3);
    const Point point = point_of(file, file_text(lines));
    INFO(file_text(lines));
    REQUIRE(point.ids->training.size() == 16);

    draw.shuffle(lines);
    for (auto& line : lines)
      line += draw.chance(0.5) ? "  # a remark" : "";
    CHECK(ids(point_of(file, file_text(lines))) == ids(point));

    const auto middle = lines.begin() + static_cast<std::ptrdiff_t>(lines.size() / 2);
    write_atomic(folder.path() / "base.toml", file_text({lines.begin(), middle}, "# base\n"));
    CHECK(ids(point_of(file, file_text({middle, lines.end()},
                                       std::string("extends = \"base.toml\"\n") + kHead))) ==
          ids(point));
  }
}

TEST_CASE("the canonical dump of a point, every default written out, has its ids") {
  const TempFolder folder;
  const fs::path file = folder.path() / "x.toml";
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const Lines lines = Draw(seed).settings(0.3);
    const Point point = point_of(file, file_text(lines));
    const Value dump = point.settings().whole();
    INFO(file_text(lines));
    const Point again = point_of(file, "name = \"t\"\n" + to_toml(dump));
    CHECK(ids(again) == ids(point));
    CHECK(again.settings().whole() == point.settings().whole());
  }
}

// A new setting of a section changes them all, and everybody's finished work with them: better that
// it is seen here.
TEST_CASE("ids do not change from one xp to the next") {
  const TempFolder folder;
  const auto id = [&](const Lines& lines) {
    return ids(point_of(folder.path() / "x.toml", file_text(lines)));
  };
  CHECK(id({}) == "100 78c3bec1de36537b 19e6716c9ebbeb97");
  CHECK(id({"model.preset = \"tiny\"", "train.seed = 7", "launch.nodes = 2"}) ==
        "100 b214f7ee4f2f1409 7d451de2779add05");
  CHECK(id({"model.moe.exchange.use = \"scomoe-seq\"", "model.moe.exchange.alpha = 0.25",
            "eval.beam = 1"}) == "100 2543221066aecfa3 d20479b1a396ef96");
}

}  // namespace
}  // namespace xp
