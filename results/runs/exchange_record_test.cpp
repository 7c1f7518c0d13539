// Records of exchanges: what is written is what is read, and damage is left out.
#include "results/runs/exchange_record.h"

#include "results/runs/attempts.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

ExchangeRecord sample() {
  ExchangeRecord out;
  out.nodes = 2;
  out.updates = 10;
  out.calls = 20;
  out.layers["encoder.1"]["global"] = {8, 4, {5, 6}, {{1, 2}, {3, 4}}, {{0, 2}, {3, 0}}};
  out.layers["encoder.1"]["layer"] = {8, 4, {7, 9}, {}, {}};
  return out;
}

TEST_CASE("a record is the sum of the samples of all attempts") {
  const TempFolder run;
  CHECK_FALSE(read_exchange(run.path()).has_value());
  append_exchange(next_attempt(run.path()), 10, sample());
  const fs::path second = next_attempt(run.path());
  append_exchange(second, 20, sample());
  append_file(second / "exchange.jsonl", "{\"update\":30,\"upda");
  const auto record = read_exchange(run.path());
  REQUIRE(record.has_value());
  CHECK(record->nodes == 2);
  CHECK(record->ranks() == 2);
  CHECK(record->updates == 20);
  CHECK(record->calls == 40);
  const PartRecord& global = record->layers.at("encoder.1").at("global");
  CHECK(global.width == 8);
  CHECK(global.tokens == std::vector<double>{10, 12});
  CHECK(global.rows == std::vector<std::vector<double>>{{2, 4}, {6, 8}});
  CHECK(global.crossing == std::vector<std::vector<double>>{{0, 4}, {6, 0}});
  CHECK(record->layers.at("encoder.1").at("layer").rows.empty());
}

TEST_CASE("samples that are damaged, or of another layout or size, are left out") {
  const TempFolder run;
  const fs::path attempt = next_attempt(run.path());
  for (const char* line :
       {"", "[]", "{}", "{\"nodes\":2}", "3",
        R"({"nodes":2,"ranks_per_node":1,"updates":1,"calls":1,"layers":3})",
        R"({"nodes":-1,"ranks_per_node":1,"updates":1,"calls":1,"layers":{}})",
        R"({"nodes":2,"ranks_per_node":1,"updates":1,"calls":1,"layers":{"a":{"b":{"width":1,)"
        R"("value_bytes":4,"tokens":[1],"rows":[[1]]}}}})",
        R"({"nodes":1,"ranks_per_node":1,"updates":1,"calls":1,"layers":{"a":{"b":{"width":1,)"
        R"("value_bytes":4,"tokens":[1],"rows":[[-1]]}}}})"})
    append_file(attempt / "exchange.jsonl", std::string(line) + "\n");
  CHECK_FALSE(read_exchange(run.path()).has_value());
  append_exchange(attempt, 10, sample());
  ExchangeRecord other = sample();
  other.nodes = 1;
  other.ranks_per_node = 2;
  other.layers["encoder.1"]["global"].crossing.clear();
  append_exchange(attempt, 20, other);
  other = sample();
  other.layers["encoder.1"]["global"].rows = {{1, 2, 3}, {3, 4, 5}};
  append_exchange(attempt, 30, other);
  CHECK(read_exchange(run.path())->updates == 10);
}

}  // namespace
}  // namespace xp
