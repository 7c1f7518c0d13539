// Every component of this tree keeps the laws of its kind, and laws that are broken are named.
#include "engine/laws/laws.h"

#include "engine/base/file.h"
#include "engine/base/text.h"
#include "registry/corpus.h"
#include "registry/exchange.h"
#include "registry/launcher.h"
#include "registry/metric.h"
#include "registry/optimizer.h"
#include "registry/renderer.h"
#include "registry/schedule.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

namespace xp {
namespace {

using Laws = std::vector<std::string>;

// Text for the corpora that read files, and what else some components need to be tried.
class Needs {
 public:
  Needs() {
    for (const char* subset : {"train", "valid", "test"}) {
      const fs::path stem = folder_.path() / subset;
      write_atomic(stem.string() + ".en", "a cat\ntwo dogs\n");
      write_atomic(stem.string() + ".fr", "un chat\ndeux chiens\n");
      write_atomic(stem.string() + ".tsv", "a cat\tun chat\ntwo dogs\tdeux chiens\n");
      write_atomic(stem.string() + ".tmx",
                   "<tmx version=\"1.4\"><body><tu><tuv xml:lang=\"en\"><seg>a cat</seg></tuv>"
                   "<tuv xml:lang=\"fr\"><seg>un chat</seg></tuv></tu></body></tmx>\n");
    }
  }
  Value of(const std::string& kind, const std::string& name) const {
    const Value path = {{"path", folder_.path().string()}};
    if (kind == "corpus") return name == "dummy" ? Value{{"train", 50}} : path_if(name, path);
    if (kind == "metric" && name == "command") {
      const char* const equal = "NR == FNR {r[FNR] = $0; next} {print ($0 == r[FNR])}";
      return {{"command", {"awk", equal, "{reference}", "{hypothesis}"}}};
    }
    if (kind == "tokenizer" && name == "sentencepiece") return {{"size", 40}};
    return Value::object();
  }

 private:
  static Value path_if(const std::string& name, const Value& path) {
    const bool reads_files =
        name == "moses" || name == "tsv" || name == "tmx" || name == "fairseq-bin";
    return reads_files ? path : Value::object();
  }
  TempFolder folder_;
};

TEST_CASE("every component of this tree keeps the laws of its kind") {
  const Needs needs;
  for (const AnyEntry* entry : entries()) {
    if (std::string_view(entry->kind) == "section") continue;
    INFO(entry->kind << " " << entry->name);
    CHECK(broken_laws(*entry, needs.of(entry->kind, entry->name)) == Laws{});
  }
}

TEST_CASE("a law is named once however often it is broken") {
  Trial trial;
  trial.expect(true, "holds");
  trial.expect(false, "does not hold");
  trial.expect(false, "does not hold");
  CHECK(trial.broken() == Laws{"does not hold"});
}

TEST_CASE("declarations that nobody could use are found") {
  Declaration part{"metric", "My Metric", "", "x.cpp", {}, Value::object(), Scope::kNone};
  part.settings = {{"n", Type::kInteger, 0, at_least(1), "a sentence", Scope::kInherit, ""},
                   {"n", Type::kInteger, 2, at_least(1), "", Scope::kInherit, ""}};
  part.presets = {{"large", {{"m", 1}}}};
  part.rules = {{"E040", "n >", "", {"n"}}};
  part.figures = {{"twice", "2 * n)"}};
  Trial trial;
  try_declaration(part, trial);
  CHECK(trial.broken() ==
        Laws{"the name has lower-case letters, digits, '-' and '+' only",
             "a sentence says what the component is",
             "the setting 'n' has a default within its limits", "the setting 'n' is declared once",
             "the setting 'n' has a sentence that says what it means",
             "presets give values to declared settings", "rules are expressions that can be read",
             "figures are expressions that can be read"});
}

struct Falling final : Schedule {
  double factor(int64_t update) const override { return 1 - static_cast<double>(update); }
};

TEST_CASE("a learning rate below 0 is found") {
  Trial trial;
  try_schedule(Falling(), trial);
  CHECK(trial.broken() == Laws{"factors are finite and not negative"});
}

/// The mean length of hypotheses: the longer the better, whatever the references say.
struct Length final : Metric {
  std::vector<Score> score(const Translations& texts) const override {
    double sum = 0;
    for (const auto& text : texts.hypotheses)
      sum += static_cast<double>(text.size());
    return {{"characters", 100 - sum, "", "", true}};
  }
};

TEST_CASE("a metric that does not want the references is found") {
  Trial trial;
  try_metric(Length(), "length", trial);
  CHECK(trial.broken() == Laws{"nothing is better than the references themselves",
                               "one score has the component's name"});
}

struct Loud final : Renderer {
  std::string render(const Table& table, bool) const override { return "\x1b[1m" + table.title; }
};

TEST_CASE("a renderer that colours what is no terminal is found") {
  Trial trial;
  try_renderer(Loud(), trial);
  CHECK(trial.broken() == Laws{"the text ends with a line end", "texts of cells are there",
                               "colours only where they are wanted"});
}

struct Blanks final : Corpus {
  std::vector<Direction> directions(const CorpusPlace&,
                                    const std::vector<std::string>&) const override {
    return {{"en", "fr"}};
  }
  CorpusInputs inputs(const CorpusPlace& place, const std::vector<Direction>&) const override {
    write_atomic(place.downloads / "touched", "");
    return {};
  }
  void read(const CorpusPlace&, const Direction&, const PairSink& sink,
            const DropSink&) const override {
    sink("test", "", "deux\nlignes");
  }
};

TEST_CASE("a corpus that writes while planning and hands over no lines is found") {
  Trial trial;
  try_corpus(Blanks(), {"en-fr"}, trial);
  CHECK(trial.broken() == Laws{"planning writes nothing", "sides are lines of UTF-8",
                               "only training text has blank sides"});
}

/// Starts nothing and says that all went well.
struct Idle final : Launcher {
  struct Nothing final : RunningJob {
    JobPlace nowhere;
    const JobPlace& place() const override { return nowhere; }
    std::optional<LaunchEnd> poll() override { return LaunchEnd{}; }
    void stop() override {}
  };
  std::unique_ptr<RunningJob> start(const LaunchJob&) const override {
    return std::make_unique<Nothing>();
  }
};

TEST_CASE("a launcher that starts nothing is found") {
  Trial trial;
  try_launcher(Idle(), trial);
  CHECK(trial.broken() == Laws{"every rank runs once, knows its place and has its log",
                               "the rank that failed is named with its exit code",
                               "the cause is one line with the last that the rank wrote",
                               "ranks can be stopped"});
}

/// Everything to the first expert, twice.
struct Crowd final : Router {
  Routing route(const RouteCall& call) const override {
    const int64_t T = call.logits_TE.size(0), E = call.logits_TE.size(1);
    call.draws->uniform({1}, {});
    Routing out;
    out.token_N = torch::arange(T, torch::kLong).repeat({2});
    out.weight_N = -torch::softmax(call.logits_TE, 1).select(1, 0).repeat({2});
    out.count_E = torch::zeros({E}, torch::kLong);
    out.count_E[0] = 2 * T;
    out.balance = torch::ones({});
    return out;
  }
};

TEST_CASE("a router that crowds one expert is found") {
  Trial trial;
  try_router(Crowd(), trial);
  CHECK(trial.broken() == Laws{"evaluation draws no random numbers", "weights are not negative",
                               "an expert gets a token once at most", "pads reach no expert"});
}

TEST_CASE("a router whose tokens reach more experts than it declares is found") {
  Trial trial;
  try_choices(Crowd(), 1, trial);
  CHECK(trial.broken() == Laws{"tokens reach no more experts than the figure 'choices' says"});
}

TEST_CASE("a component without the figures that planning asks for is found") {
  Trial trial;
  Declaration optimizer{"optimizer", "mine",          "a part",    "mine.cpp",
                        {},          Value::object(), Scope::kNone};
  try_figures(optimizer, Value::object(), trial);
  CHECK(trial.broken() ==
        Laws{"planning can ask for the figure 'state_values' (values kept for each "
             "parameter)"});
}

/// Rows come back in another order.
struct Shuffle final : Exchange {
  MoeResult forward(const MoeCall& call) const override { return {call.x_TD.flip({0}), {}, {}}; }
};

TEST_CASE("an exchange that mixes tokens up is found") {
  Trial trial;
  try_exchange(Shuffle(), trial);
  CHECK(trial.broken() == Laws{"what experts leave alone comes back where it was, unchanged"});
}

/// Scales by the norm of the buffer, so that it matters where the buffer is cut.
struct Norm final : Optimizer {
  double lr() const override { return 0.1; }
  std::vector<std::string> state_names() const override { return {}; }
  void apply(torch::Tensor& parameters, const torch::Tensor& gradient, OptimizerState&, int64_t,
             double lr) const override {
    parameters -= lr * gradient / gradient.norm();
  }
};

TEST_CASE("an optimizer that is not elementwise is found") {
  Trial trial;
  try_optimizer(Norm(), trial);
  CHECK(trial.broken() == Laws{"a buffer may be cut anywhere"});
}

}  // namespace
}  // namespace xp
