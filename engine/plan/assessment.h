// Evaluates the rules and figures that the components of a point declare.
#pragma once

#include "engine/plan/settings.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace xp {

/// The figures of the model that a plan shows, by the names in registry/relations.h; those that the
/// model does not declare, or that need a setting without value, are missing.
using Figures = std::map<std::string, double>;

/// A rule that a point breaks.
struct Breach {
  std::string code, message;
  std::vector<std::string> paths;  ///< full paths of the settings it is about
  bool is_note = false;
};

struct Assessment {
  std::vector<Breach> breaches;
  Figures figures;
  /// What cannot be predicted or checked, and why: one sentence for each cause.
  std::vector<std::string> unpredicted;
};

/// Figures of a table [corpus] that only the corpus itself knows: name -> number, or null if it is
/// not known yet.
using CorpusFigures = std::function<Value(const Value& corpus)>;

class Wiring;

/// Assesses points. Points with equal values in all settings that are read are assessed once.
class Assessor {
 public:
  /// `corpus_figures` is asked once for each [corpus] and may be empty.
  explicit Assessor(const Catalog& catalog, CorpusFigures corpus_figures = {})
      : catalog_(catalog), corpus_figures_(std::move(corpus_figures)) {}

  /// Raises kUser if a component's expression cannot be parsed or a figure depends on itself.
  std::shared_ptr<const Assessment> assess(const Settings& settings);

 private:
  friend class Evaluation;
  friend class Wiring;
  using Key = std::array<size_t, kPointSections.size() + 1>;  // the sections, figures of the corpus
  Key key(const Settings& settings);
  size_t projection(const SharedSection* section, size_t index);
  const Value& corpus_figures(const Settings& settings);

  const Catalog& catalog_;
  CorpusFigures corpus_figures_;
  std::map<const SharedSection*, Value> known_corpora_;
  std::map<std::string, Expression> expressions_;
  std::map<std::vector<const Declaration*>, std::shared_ptr<Wiring>> wirings_;  // by components
  std::set<std::string> read_;                 // paths of all settings that an assessment has read
  std::map<const void*, size_t> projections_;  // by section or its pattern
  std::map<std::string, size_t> texts_;
  std::map<Key, std::shared_ptr<const Assessment>> known_;
};

}  // namespace xp
