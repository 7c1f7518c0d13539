// The time of an update before any run: predicted from the figures of a point and what a probe
// measured of its machines.
//
// Source: a roofline of compute, the links of a rank inside its node, the port of a node, and the
// processors, which compute and links share: if ranks have fewer than they have threads, what
// links need of them makes the step longer. In the forward pass rows cross while the experts
// compute what stays, or while another micro-batch is computed. Whenever the rows leave the port
// free, sums of the gradients of shared parameters cross, too: one half of each in the backward
// pass, the other in the next forward pass.
#pragma once

#include "engine/plan/assessment.h"
#include "results/runs/workspace.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace xp {

struct LinkSpeed {
  double latency_s = 0;    ///< of an all-to-all without rows
  double bytes_per_s = 0;  ///< in each direction
};

/// What `xp probe` measured while all ranks of a layout did the same at once.
struct Probe {
  LinkSpeed in_node;     ///< of each rank; no rate: one rank a node
  LinkSpeed inter_node;  ///< of a node's port; no rate: one node
  /// Of a full update's forward and backward pass on one rank: without experts, and with as many
  /// experts for each row as the router picks, all of them on the rank.
  double dense_s = 0, full_s = 0;
  double optimizer_s = 0;  ///< of the optimizer on the parameters without experts
  /// Of processors, for each byte that a rank sends: what rows for experts of other ranks, and sums
  /// of gradients, take more than a rank alone does.
  double rows_processor_s_per_byte = 0, sums_processor_s_per_byte = 0;
  /// Of processors, to pack and unpack what takes a byte packed, of fp32 and of bfloat16.
  double packing_s_per_byte = 0, bf16_packing_s_per_byte = 0;
  /// Processors that a rank gets while all threads of all ranks compute (0: unknown), and those
  /// that a pass with experts keeps busy. Links need some, too.
  double processors = 0, busy_processors = 0;
  Figures figures;         ///< of the point that the probe computed
  std::string machine;     ///< its processor
  double other_load = -1;  ///< share of the processors that other programs kept busy; < 0: unknown
};

/// Why a probe is not to be trusted, "" if it is: one sentence.
std::string distrust(const Probe& probe);

enum class Resource { kCompute, kInNode, kInterNode };
std::string_view resource_name(Resource resource);  ///< "compute", "in-node", "inter-node"

/// Milliseconds of an update.
struct StepPrediction {
  double compute_ms = 0;     ///< of a rank
  double in_node_ms = 0;     ///< on the links inside a node, rows and gradients
  double inter_node_ms = 0;  ///< on the port of a node, rows and gradients
  double exposed_ms = 0;     ///< what nothing hides of these two, or processors are busy with them
  double step_ms() const { return compute_ms + exposed_ms; }
  /// What the step would still take if all else were hidden behind it.
  Resource bound = Resource::kCompute;
  /// The exchange's global share, and the one below which the port is no longer the bound
  /// (gamma*); nothing without experts, with one node, or if processors need longer than all.
  std::optional<double> share, least_share;
  /// A smaller share would buy nothing.
  bool is_beyond() const { return share && least_share && *share < *least_share; }
};

/// The parts of a step and what binds, as commands print them: "compute_ms", ..., "bound".
Value json_of(const StepPrediction& step);

/// Nothing if the point lacks a figure, or the probe a link, that it depends on. [launch.links]
/// takes the place of what the probe measured.
std::optional<StepPrediction> predict_step(const Figures& figures, const Settings& settings,
                                           const Probe& probe);

/// Bytes per second of "100mbit"; 0 for a text that is no rate.
double rate_of(std::string_view text);

/// A probe whose links are as fast as [launch.links] says, where it says so.
Probe with_links(Probe probe, const Settings& settings);

/// Where a probe of this machine lies for points with these [launch] settings: points that differ
/// in what no speed of links or processors depends on share it.
fs::path probe_file(const Workspace& workspace, const Value& launch);

/// The speeds and times in the JSON of a probe, or of the ranks that measured them. Raises
/// Value::exception if one is missing.
Probe times_of_probe(const Value& value);

/// Raises kMachine if the file is damaged.
std::optional<Probe> read_probe(const fs::path& file);
void write_probe(const fs::path& file, const Probe& probe);

/// The probes of a workspace, each read once.
class Probes {
 public:
  explicit Probes(const Workspace& workspace) : workspace_(workspace) {}
  /// Null if there is none for these settings.
  const Probe* of(const Settings& settings);

 private:
  const Workspace& workspace_;
  std::map<const SharedSection*, std::optional<Probe>> known_;  // by [launch]
};

}  // namespace xp
