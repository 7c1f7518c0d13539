// Reads the files of evaluations and of their corpora.
#include "engine/cli/commands/translated_text.h"

#include "engine/base/text.h"
#include "engine/cli/parser/exit_code.h"
#include "engine/data/prepared_corpus.h"
#include "results/runs/sentences.h"

#include <algorithm>

namespace xp {
namespace {

std::string ids_of(const std::vector<RunFolder>& evaluations) {
  std::vector<std::string> ids;
  for (const auto& run : evaluations)
    ids.push_back(run.id);
  return join(ids, ", ");
}

void require_done(const RunFolder& evaluation) {
  const State state = read_status(evaluation.folder).state;
  if (state == State::kDone) return;
  usage_error("evaluation {} is not done ({}); `xp run` finishes it", evaluation.id,
              state_name(state));
}

std::vector<std::string> hypotheses_of(const RunFolder& evaluation, const TranslatedText& text) {
  const fs::path file = hypotheses_file(evaluation.folder, text.subset, text.direction);
  auto lines = split(read_file(file), '\n');
  lines.pop_back();  // behind the last line end
  if (lines.size() != text.references.size()) {
    machine_error(
        "'{}' is damaged: it has {} lines, the text {}; delete the evaluation's folder and run it "
        "again",
        file.string(), lines.size(), text.references.size());
  }
  return lines;
}

TranslatedText text_of(const PreparedCorpus& corpus, const std::string& subset,
                       const Direction& direction) {
  return {subset, direction.name(), corpus.text(subset, direction, Side::kSource),
          corpus.references(subset, direction),
          corpus.tokens(subset, direction, Side::kSource).lengths()};
}

// Corpora that differ in their vocabulary may have the same text.
void require_same_text(const PreparedCorpus& corpus, const TranslatedText& text,
                       const std::string& first, const std::string& other) {
  const Direction direction = parse_direction(text.direction);
  if (corpus.has(text.subset, direction) &&
      corpus.text(text.subset, direction, Side::kSource) == text.sources &&
      corpus.references(text.subset, direction) == text.references)
    return;
  usage_error("evaluations {} and {} translated different texts as '{}' of {}", first, other,
              text.subset, text.direction);
}

}  // namespace

std::vector<TranslatedText> translated_texts(const Workspace& workspace,
                                             const std::vector<RunFolder>& evaluations,
                                             const std::string& subset,
                                             const std::string& direction) {
  std::vector<PreparedCorpus> corpora;
  for (const auto& run : evaluations) {
    require_done(run);
    corpora.push_back(open_corpus(workspace.corpus(run.spec.at("corpus_id"))));
  }
  const auto have_all = [&](const std::string& of, const Direction& in) {
    return std::all_of(evaluations.begin(), evaluations.end(), [&](const RunFolder& run) {
      return fs::exists(hypotheses_file(run.folder, of, in.name()));
    });
  };
  std::vector<TranslatedText> out;
  for (const auto& name : evaluations.front().spec.at("eval").at("subsets")) {
    if (!subset.empty() && name != subset) continue;
    for (const auto& one : corpora.front().directions()) {
      const bool is_wanted = direction.empty() || one.name() == direction;
      if (is_wanted && have_all(name, one)) out.push_back(text_of(corpora.front(), name, one));
    }
  }
  if (out.empty()) {
    usage_error("there are no translations{}{} that all have: {}",
                subset.empty() ? "" : fmt::format(" of subset '{}'", subset),
                direction.empty() ? "" : fmt::format(" from {}", direction), ids_of(evaluations));
  }
  for (auto& text : out) {
    for (size_t i = 0; i < evaluations.size(); ++i) {
      if (evaluations[i].spec.at("corpus_id") != evaluations[0].spec.at("corpus_id"))
        require_same_text(corpora[i], text, evaluations[0].id, evaluations[i].id);
      text.hypotheses.push_back(hypotheses_of(evaluations[i], text));
    }
  }
  return out;
}

}  // namespace xp
