// What every component of a kind promises (the headers of registry/ say it), tried out: one place
// for the tests of this tree and for the authors of plug-ins (`xp-engine laws`).
//
// A component is tried with small inputs of many shapes. Models, which need a corpus, and launchers
// with a queue, which need a cluster, only keep the laws of declarations here.
#pragma once

#include "registry/registry.h"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// What was found out about one component.
class Trial {
 public:
  /// A law that does not hold, once however often it is broken.
  void expect(bool holds, std::string_view law);
  const std::vector<std::string>& broken() const { return broken_; }

 private:
  std::vector<std::string> broken_;
};

/// The laws that the component breaks, made with `settings` (a table without `use`); {} if it
/// keeps all. A text that cannot be had here (a corpus that would have to be fetched) is not tried.
/// Raises kUser if the component cannot be made with these settings. Cost: a second or less.
std::vector<std::string> broken_laws(const AnyEntry& entry, const Value& settings);

/// Of declarations, whatever the kind: defaults are within their limits, rules and figures can be
/// read, nothing is declared twice, and all of it survives being written down.
void try_declaration(const Declaration& declaration, Trial& trial);

/// Of what planning asks for: the figures that components of the kind declare (kPlannedFigures).
void try_figures(const Declaration& declaration, const Value& settings, Trial& trial);

struct Schedule;
struct Metric;
struct Renderer;
struct Corpus;
struct Tokenizer;
struct Router;
struct Exchange;
struct Optimizer;
struct Launcher;

void try_schedule(const Schedule& schedule, Trial& trial);
/// `name` is the component's, which one of its scores has to have.
void try_metric(const Metric& metric, const std::string& name, Trial& trial);
void try_renderer(const Renderer& renderer, Trial& trial);
/// `pairs` as in [corpus].
void try_corpus(const Corpus& corpus, const std::vector<std::string>& pairs, Trial& trial);
void try_tokenizer(const Tokenizer& tokenizer, Trial& trial);
void try_router(const Router& router, Trial& trial);
/// `choices` is the value of the figure; null if it follows from more than the router's settings.
void try_choices(const Router& router, const Value& choices, Trial& trial);
/// On one rank and on 2 nodes of 2, which are threads.
void try_exchange(const Exchange& exchange, Trial& trial);
void try_optimizer(const Optimizer& optimizer, Trial& trial);
/// Starts shells.
void try_launcher(const Launcher& launcher, Trial& trial);

}  // namespace xp
