// What people who come from fairseq-moe rely on: its training scripts as experiments, and the keys
// that the document about its flags names.
#include "engine/base/text.h"
#include "engine/testing/user.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <regex>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

// The points of an experiment of the predecessor, as `xp plan` sees them.
Value points_of(const User& user, const std::string& name) {
  const Finished plan =
      user.xp({"plan", fmt::format("experiments/predecessor/{}.toml", name), "--json"});
  INFO(plan.errors);
  REQUIRE(plan.exit_code == 0);
  return Value::parse(plan.output)["points"];
}

// The keys of sections that a document names in backquotes, with the value if it names one.
std::vector<std::pair<std::string, std::string>> keys_in(const std::string& text) {
  const std::regex key(
      R"re(`((?:corpus|model|train|eval|launch|report)\.[a-z_.]+)(?: = "([^"]+)")?`)re");
  std::vector<std::pair<std::string, std::string>> out;
  for (std::sregex_iterator at(text.begin(), text.end(), key), end; at != end; ++at)
    out.emplace_back((*at)[1], (*at)[2]);
  return out;
}

}  // namespace

TEST_CASE("each training script of the predecessor is planned without data") {
  struct Case {
    const char* name;
    // Of GShard; by hand from docs/predecessor.md 6.1: rows that crossed there, 77'309'411'328
    // bytes, x 55 / 62, since 7 of 31 second choices are in the node of the first.
    double parameters, inter_node_bytes;
  };
  const User user;
  for (const Case& one :
       {Case{"dummy_base", 114'715'648, 0}, Case{"dummy_large", 3'573'882'880, 68'580'929'404},
        Case{"wmt_base", 173'313'024, 0}, Case{"wmt_large", 3'557'498'880, 68'580'929'404},
        Case{"opus_base", 165'121'024, 0}, Case{"opus_large", 3'541'114'880, 68'580'929'404}}) {
    INFO(one.name);
    std::map<std::string, Value> figures;
    for (const auto& point : points_of(user, one.name))
      figures[point["axes"]["model.moe.exchange.use"]] = point["figures"];
    REQUIRE(figures.size() == 3);
    CHECK(figures.at("gshard")["parameters"] == one.parameters);
    const auto bytes = [&](const char* exchange) -> double {
      return figures.at(exchange)["inter_node_bytes"];
    };
    CHECK(bytes("gshard") == Catch::Approx(one.inter_node_bytes).epsilon(1e-10));
    // A clustering layer saves nothing of rows that go to two experts of a node.
    CHECK(bytes("scomoe-seq") <= 0.52 * bytes("gshard"));
    CHECK(bytes("scomoe-feat") <= 0.6 * bytes("gshard"));
  }
  CHECK_FALSE(fs::exists(user.workspace));
}

TEST_CASE("the predecessor's dummy base model runs here, scaled down as its header says",
          "[slow]") {
  const User user;
  std::vector<std::string> command = {"run", "experiments/predecessor/dummy_base.toml"};
  const std::string header = read_file(command[1]);
  const std::regex setting("--set ([^ \n]+)");
  for (std::sregex_iterator at(header.begin(), header.end(), setting), end; at != end; ++at)
    command.insert(command.end(), {"--set", (*at)[1]});
  REQUIRE(command.size() > 10);
  command.insert(command.end(), {"--set", "train.max_updates=3"});
  const Finished run = user.xp(command);
  INFO(run.errors);
  CHECK(run.exit_code == 0);
  CHECK(run.output.find("scomoe-feat") != std::string::npos);
}

TEST_CASE("every key that stands for a flag of the predecessor exists") {
  const User user;
  const Value schema = Value::parse(run_program({user.command({}).front(), "schema"}).output);
  const auto keys = keys_in(read_file("docs/from-fairseq-moe.md"));
  CHECK(keys.size() > 70);
  for (const auto& [key, value] : keys) {
    INFO(key << " = " << value);
    const Value* at = &schema;
    for (const auto& part : split(key, '.')) {
      at = find_path(*at, "properties." + part);
      REQUIRE(at != nullptr);
    }
    if (value.empty() || !at->contains("enum")) continue;
    const auto& choices = at->at("enum");
    CHECK(std::find(choices.begin(), choices.end(), value) != choices.end());
  }
}
