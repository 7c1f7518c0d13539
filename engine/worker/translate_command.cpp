// One rank of `xp translate`: rank 0 speaks with `xp` and passes every request on to the others.
#include "engine/base/error.h"
#include "engine/base/json_text.h"
#include "engine/comm/gather.h"
#include "engine/launch/channel.h"
#include "engine/worker/evaluated_model.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace xp {
namespace {

using std::chrono::milliseconds;

// While nobody types, the ranks meet so often: far below the timeout of their collectives.
milliseconds meeting_interval(const Rendezvous& rendezvous) {
  return std::min(milliseconds(10'000), milliseconds(rendezvous.timeout_s * 1000 / 3));
}

/// The requests of `xp`, the same on all ranks. Collective.
class Requests {
 public:
  Requests(const Rendezvous& rendezvous, Group& world, int channel)
      : world_(world), interval_(meeting_interval(rendezvous)) {
    if (world.rank() == 0) channel_.emplace(Descriptor(channel));
  }

  /// Nothing if `xp` has ended.
  std::optional<Value> next() {
    while (true) {
      const Value told = Value::parse(gather_texts(world_, told_here()).front());
      if (told == kEnd) return std::nullopt;
      if (told != kNothing) return told;
    }
  }

  /// On rank 0 only.
  void answer(const Value& message) {
    if (channel_) channel_->send(message);
  }

 private:
  static constexpr const char *kEnd = "end", *kNothing = "nothing";

  // What rank 0 has received, as JSON.
  std::string told_here() {
    if (!channel_) return "";
    const auto request = channel_->receive(interval_);
    if (request) return json_text(*request);
    return json_text(channel_->has_ended() ? kEnd : kNothing);
  }

  Group& world_;
  milliseconds interval_;
  std::optional<Channel> channel_;
};

/// Text to text.
class TextTranslator {
 public:
  TextTranslator(const PreparedCorpus& corpus, EvaluatedModel model, Group& world)
      : corpus_(corpus),
        model_(std::move(model)),
        world_(world),
        encoder_(corpus.vocabulary(Side::kSource).encoder()) {}

  /// Collective. The message that answers a request.
  Value answer(const Value& request, const DecodeProgress& progress) {
    const Value& sentences = request.at("sentences");
    Value out = Value::array();
    std::vector<SearchSource> sources;
    std::vector<size_t> places;
    for (const auto& sentence : sentences) {
      Value& answer = out.emplace_back(Value{{"hypotheses", Value::array()}});
      Pieces pieces;
      encoder_->encode(sentence.at("text").get_ref<const std::string&>(), pieces);
      if (pieces.empty()) continue;  // blank, or of characters that the vocabulary drops
      SearchSource source =
          search_source(corpus_, parse_direction(sentence.at("direction")), pieces);
      const auto length = static_cast<int64_t>(source.pieces.size());
      if (length > model_.rule.max_tokens) {
        answer = {{"problem", fmt::format("{} pieces, more than the {} of 'max_tokens' in [eval]",
                                          length, model_.rule.max_tokens)}};
        continue;
      }
      places.push_back(out.size() - 1);
      sources.push_back(std::move(source));
    }
    DecodeRule rule = model_.rule;
    rule.search.num_best = request.value("best", int64_t{1});
    const auto best = translate(*model_.model, sources, rule, world_, progress);
    for (size_t i = 0; i < places.size(); ++i)
      out[places[i]]["hypotheses"] = texts_of(best[i]);
    return {{"translations", std::move(out)}};
  }

 private:
  Value texts_of(const std::vector<Hypothesis>& best) const {
    Value out = Value::array();
    for (const auto& one : best) {
      out.push_back(
          {{"text", corpus_.vocabulary(Side::kTarget).decode(one.pieces)}, {"score", one.score}});
    }
    return out;
  }

  const PreparedCorpus& corpus_;
  EvaluatedModel model_;
  Group& world_;
  std::unique_ptr<Encoder> encoder_;
};

}  // namespace

int translate_command(const WorkerArguments& arguments) {
  check_device(arguments.device);
  const Groups groups = join_groups(arguments);
  Group& world = *groups.world;
  Requests requests(rendezvous_from_environment(), world, arguments.channel);
  const Value settings = load_run_settings(arguments);
  const PreparedCorpus corpus = open_corpus(arguments.corpus, settings.at("corpus"));
  TextTranslator translator(corpus, load_evaluated(arguments, settings, corpus, groups), world);
  requests.answer({{"ready", true}});
  while (const auto request = requests.next()) {
    const auto progress = [&](int64_t done, int64_t) { requests.answer({{"finished", done}}); };
    requests.answer(translator.answer(*request, progress));
  }
  return 0;
}

}  // namespace xp
