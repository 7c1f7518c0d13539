// Decodes sentences with a model of first values, the target length pinned.
//
// usage: decode SETTINGS FOLDER     SETTINGS: JSON with `model` (the table [model]), `vocabulary`,
// `threads`, `precision`, `beam`, `length` (pieces of each translation, </s> included), `repeats`
// and `export` (write the weights). Reads FOLDER/sources.txt, a line of ids for each sentence;
// prints a line of JSON for each repeat: CPU and wall seconds without the making of the model;
// writes FOLDER/found.txt, a line of ids for each translation, and FOLDER/weights.json and
// weights.bin.
#include "engine/base/file.h"
#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "engine/base/value.h"
#include "engine/eval/decode.h"

#include <ATen/Parallel.h>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <chrono>
#include <ctime>
#include <fstream>

namespace xp {
namespace {

double cpu_s() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::vector<SearchSource> sources_of(const fs::path& file) {
  std::vector<SearchSource> out;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    auto& source = out.emplace_back();
    for (const auto& word : split(line, ' '))
      source.pieces.push_back(std::stoi(word));
    source.pieces.push_back(Special::kEnd);
  }
  return out;
}

void write_weights(TranslationModel& model, const fs::path& folder) {
  Value shapes = Value::array();
  std::ofstream bytes(folder / "weights.bin", std::ios::binary);
  for (const auto& parameter : model.parameter_list()) {
    const auto tensor = parameter.tensor.detach().contiguous();
    shapes.push_back({parameter.name, tensor.sizes().vec()});
    bytes.write(static_cast<const char*>(tensor.data_ptr()),
                static_cast<std::streamsize>(tensor.nbytes()));
  }
  std::ofstream(folder / "weights.json") << json_text(shapes);
}

int run(const Value& settings, const fs::path& folder) {
  at::set_num_threads(settings.at("threads").get<int>());
  const Groups one = alone();
  ModelContext context;
  context.source_vocabulary = context.target_vocabulary = settings.at("vocabulary").get<int64_t>();
  context.groups = one;
  context.precision = precision_of(settings.at("precision").get<std::string>());
  const auto model = make_part<Model>(settings.at("model"))->build(context);
  model->eval();
  if (settings.at("export").get<bool>()) write_weights(*model, folder);
  const auto sources = sources_of(folder / "sources.txt");
  DecodeRule rule;
  rule.search.beam = settings.at("beam").get<int64_t>();
  const auto length = settings.at("length").get<double>() - 1;  // without </s>
  rule.search.min_length_b = rule.search.max_length_b = length;
  rule.search.max_length_a = 0;
  const std::vector<SearchSource> few(sources.begin(), sources.begin() + 8);
  translate(*model, few, rule, *one.world);  // copies the weights
  for (int64_t i = 0; i < settings.at("repeats").get<int64_t>(); ++i) {
    const double cpu = cpu_s();
    const auto start = std::chrono::steady_clock::now();
    const auto found = translate(*model, sources, rule, *one.world);
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
    fmt::print("{}\n", json_text(Value{{"cpu_s", cpu_s() - cpu}, {"wall_s", wall.count()}}));
    std::ofstream out(folder / "found.txt");
    for (const auto& best : found)
      out << fmt::format("{}\n", fmt::join(best.front().pieces, " "));
  }
  return 0;
}

}  // namespace
}  // namespace xp

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: decode SETTINGS FOLDER\n");
    return 2;
  }
  return xp::run(xp::Value::parse(argv[1]), argv[2]);
}
