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
    Value out = Value::array();
    std::vector<SearchSource> sources;
    std::vector<size_t> places;
    std::vector<Pieces> pieces;  // of the sources, without what the model adds to them
    for (const auto& sentence : request.at("sentences")) {
      Value& answer = out.emplace_back(Value{{"hypotheses", Value::array()}});
      Pieces own;
      encoder_->encode(sentence.at("text").get_ref<const std::string&>(), own);
      if (own.empty()) continue;  // blank, or of characters that the vocabulary drops
      SearchSource source = source_of(sentence, own);
      const auto length = static_cast<int64_t>(source.pieces.size());
      if (length > model_.rule.max_tokens) {
        answer = {{"problem", fmt::format("{} pieces, more than the {} of 'max_tokens' in [eval]",
                                          length, model_.rule.max_tokens)}};
        continue;
      }
      places.push_back(out.size() - 1);
      sources.push_back(std::move(source));
      pieces.push_back(std::move(own));
    }
    DecodeRule rule = model_.rule;
    rule.search.num_best = request.at("best");
    rule.search.is_aligning = request.at("alignment");
    const auto best = translate(*model_.model, sources, rule, world_, progress);
    for (size_t i = 0; i < places.size(); ++i) {
      Value& answer = out[places[i]];
      if (rule.search.is_aligning)
        answer["source_pieces"] = texts_of(corpus_.vocabulary(Side::kSource), pieces[i]);
      for (const auto& hypothesis : best[i]) {
        Value& item = answer["hypotheses"].emplace_back(text_of(hypothesis));
        if (rule.search.is_aligning) item.update(alignment_of(hypothesis, sources[i], pieces[i]));
      }
    }
    return {{"translations", std::move(out)}};
  }

 private:
  SearchSource source_of(const Value& sentence, const Pieces& pieces) const {
    SearchSource out = search_source(corpus_, parse_direction(sentence.at("direction")), pieces);
    const auto prefix = corpus_.vocabulary(Side::kTarget)
                            .encode(sentence.at("prefix").get_ref<const std::string&>());
    out.prefix.insert(out.prefix.end(), prefix.begin(), prefix.end());
    out.draw_number = sentence.at("number").get<uint64_t>();
    return out;
  }

  Value text_of(const Hypothesis& hypothesis) const {
    return {{"text", corpus_.vocabulary(Side::kTarget).decode(hypothesis.pieces)},
            {"score", hypothesis.score}};
  }

  // Pairs of places among the pieces of the text, without tags and the end.
  Value alignment_of(const Hypothesis& hypothesis, const SearchSource& source,
                     const Pieces& pieces) const {
    const auto num_tags = static_cast<int64_t>(source.pieces.size() - pieces.size()) - 1;
    Value pairs = Value::array();
    for (size_t i = 0; i < hypothesis.aligned.size(); ++i) {
      const int64_t place = hypothesis.aligned[i] - num_tags;
      if (place >= 0 && place < static_cast<int64_t>(pieces.size())) pairs.push_back({place, i});
    }
    return {{"pieces", texts_of(corpus_.vocabulary(Side::kTarget), hypothesis.pieces)},
            {"alignment", std::move(pairs)}};
  }

  static std::vector<std::string> texts_of(const Vocabulary& vocabulary, const Pieces& pieces) {
    std::vector<std::string> out;
    for (const int32_t piece : pieces)
      out.push_back(vocabulary.piece(piece));
    return out;
  }

  const PreparedCorpus& corpus_;
  EvaluatedModel model_;
  Group& world_;
  std::unique_ptr<Encoder> encoder_;
};

}  // namespace

int translate_command(const WorkerArguments& arguments) {
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
