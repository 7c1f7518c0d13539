// The exchanges of engine/moe, row by row: what goes where, how often, in which format.
#include "engine/plan/replay.h"

#include "engine/base/error.h"
#include "engine/base/packed_values.h"

#include <algorithm>
#include <numeric>

namespace xp {
namespace {

constexpr double kLegs = 4;                           // there and back, and the gradients of both
constexpr double kChoiceBytes = 12, kChoiceLegs = 2;  // weight, row and expert; and their gradients
constexpr double kCountBytes = 8, kCountNotes = 3;    // see engine/moe/counts.h
constexpr const char* kWhole = "layer";
constexpr const char* kNode = "node";
constexpr const char* kGlobal = "global";
constexpr const char* kCluster = "cluster";

using Row = std::vector<double>;

double sum_of(const Row& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

/// Which ranks act together, and where experts are.
class RankPlaces {
 public:
  explicit RankPlaces(const ReplayLayout& layout)
      : layout_(layout), group_(std::min(layout.ranks(), layout.experts)) {
    if (group_ < 1 || layout.ranks() % group_ != 0 || layout.experts % group_ != 0) {
      user_error("{} experts cannot be shared out equally to {} ranks", layout.experts,
                 layout.ranks());
    }
  }

  int64_t group() const { return group_; }
  int64_t on_rank() const { return layout_.experts / group_; }
  int64_t first_of(int64_t rank) const { return rank / group_ * group_; }
  int64_t rank_of(int64_t source, int64_t expert) const {
    return first_of(source) + expert / on_rank();
  }
  int64_t node_of(int64_t rank) const { return rank / layout_.ranks_per_node; }
  bool spans_nodes(int64_t rank) const {
    return node_of(first_of(rank)) != node_of(first_of(rank) + group_ - 1);
  }
  /// Whether a token crosses once for each node: ranks that act together are whole nodes.
  bool is_two_level() const {
    return group_ > layout_.ranks_per_node && group_ % layout_.ranks_per_node == 0;
  }

 private:
  const ReplayLayout& layout_;
  int64_t group_;
};

// Of a source's rows the tokens with two experts in the same node, if experts are chosen
// independently but never twice. `in_node`: its shares of rows there, by expert.
double both_in(const Row& rows, double tokens, const std::function<bool(size_t expert)>& is_in) {
  const double all = sum_of(rows);
  const double with_two = std::max(0.0, all - tokens);
  if (all <= 0 || with_two <= 0) return 0;
  double share = 0, squares_in = 0, squares = 0;
  for (size_t e = 0; e < rows.size(); ++e) {
    const double p = rows[e] / all;
    squares += p * p;
    if (!is_in(e)) continue;
    share += p;
    squares_in += p * p;
  }
  return squares < 1 ? with_two * (share * share - squares_in) / (1 - squares) : 0;
}

/// Bytes by rank and node, both directions.
class Load {
 public:
  Load(const ReplayLayout& layout, const RankPlaces& places)
      : places_(places),
        of_rank_(static_cast<size_t>(layout.ranks())),
        of_node_(static_cast<size_t>(layout.nodes)) {}

  /// As many bytes there as back; `far` of them if they cross nodes.
  void add(int64_t from, int64_t to, double bytes, ReplayedRows& out, double far = 1) {
    if (from == to) {
      out.local += bytes;
      return;
    }
    const int64_t a = places_.node_of(from), b = places_.node_of(to);
    if (a != b) bytes *= far;
    auto& loads = a == b ? of_rank_ : of_node_;
    (a == b ? out.in_node : out.inter_node) += bytes;
    loads[static_cast<size_t>(a == b ? from : a)] += bytes / 2;
    loads[static_cast<size_t>(a == b ? to : b)] += bytes / 2;
  }
  double busiest_rank() const { return *std::max_element(of_rank_.begin(), of_rank_.end()); }
  double busiest_port() const { return *std::max_element(of_node_.begin(), of_node_.end()); }

 private:
  const RankPlaces& places_;
  Row of_rank_, of_node_;
};

/// One record on one layout.
class Player {
 public:
  Player(const ExchangeRecord& record, const ReplayLayout& layout)
      : record_(record),
        layout_(layout),
        places_(layout),
        load_(layout, places_),
        is_same_(record.nodes == layout.nodes && record.ranks_per_node == layout.ranks_per_node) {
    for (const auto& [layer, parts] : record.layers) {
      for (const auto& [name, part] : parts) {
        for (const Row& rows : part.rows) {
          if (rows.size() > static_cast<size_t>(layout.experts))
            machine_error("the record of '{}' has {} experts; its model has {}", layer, rows.size(),
                          layout.experts);
        }
      }
    }
  }

  ReplayedRows run() {
    double most = 0, mean = 0;
    for (const auto& [layer, parts] : record_.layers) {
      Row computed(static_cast<size_t>(layout_.ranks()));
      for (const auto& [name, part] : parts)
        play(name, part, computed);
      add_own_rows(parts, computed);
      add_counts(parts);
      most += *std::max_element(computed.begin(), computed.end());
      mean += sum_of(computed) / static_cast<double>(computed.size());
    }
    out_.busiest_rank = load_.busiest_rank();
    out_.busiest_port = load_.busiest_port();
    for (double* bytes :
         {&out_.local, &out_.in_node, &out_.inter_node, &out_.busiest_rank, &out_.busiest_port})
      *bytes /= record_.updates;
    if (mean > 0) out_.imbalance = most / mean;
    return out_;
  }

 private:
  size_t recorded(int64_t rank) const {
    return static_cast<size_t>(rank * record_.ranks() / layout_.ranks());
  }

  void play(const std::string& name, const PartRecord& part, Row& computed) {
    if (part.rows.empty()) return;
    const double correction = is_same_ ? 1 : crossing_correction(part);
    for (int64_t r = 0; r < layout_.ranks(); ++r) {
      const Row& rows = part.rows[recorded(r)];
      const bool spans = name != kNode && places_.spans_nodes(r);
      const double value = layout_.is_bf16 && spans ? 2 : static_cast<double>(part.value_bytes);
      const double far = layout_.packs ? 1 - kPackedSaving / value : 1;
      const double crossing_bytes = kLegs * static_cast<double>(part.width) * value;
      // Two levels: only what crosses is in the format of the wire.
      const bool crosses_once = spans && name == kGlobal && places_.is_two_level();
      const double bytes = crosses_once || !spans
                               ? kLegs * static_cast<double>(part.width * part.value_bytes)
                               : crossing_bytes;
      Row to_node(static_cast<size_t>(layout_.nodes));
      for (size_t e = 0; e < rows.size(); ++e) {
        const int64_t to = places_.rank_of(r, static_cast<int64_t>(e));
        computed[static_cast<size_t>(to)] += rows[e];
        const int64_t node = places_.node_of(to);
        if (!crosses_once || node == places_.node_of(r)) {
          load_.add(r, to, rows[e] * bytes, out_, far);
          continue;
        }
        to_node[static_cast<size_t>(node)] += rows[e];
        load_.add(peer(r, node), to, rows[e] * bytes, out_);
      }
      for (int64_t node = 0; crosses_once && node < layout_.nodes; ++node) {
        const double choices = to_node[static_cast<size_t>(node)];
        if (choices == 0) continue;
        load_.add(r, peer(r, node),
                  crossing(part, r, node, choices, correction) * crossing_bytes * far +
                      choices * kChoiceBytes * kChoiceLegs,
                  out_);
      }
    }
  }

  // The rank with the place of `rank` in another node.
  int64_t peer(int64_t rank, int64_t node) const {
    return node * layout_.ranks_per_node + rank % layout_.ranks_per_node;
  }

  double crossing(const PartRecord& part, int64_t rank, int64_t node, double choices,
                  double correction) const {
    const size_t source = recorded(rank);
    if (is_same_ && !part.crossing.empty()) return part.crossing[source][static_cast<size_t>(node)];
    const double both = both_in(part.rows[source], part.tokens[source], [&](size_t expert) {
      return places_.node_of(places_.rank_of(rank, static_cast<int64_t>(expert))) == node;
    });
    return choices - std::min(choices / 2, correction * both);
  }

  // Recorded tokens with two experts in a remote node, of those that would be estimated.
  double crossing_correction(const PartRecord& part) const {
    if (part.crossing.empty()) return 1;
    ReplayLayout own = layout_;
    own.nodes = record_.nodes;
    own.ranks_per_node = record_.ranks_per_node;
    const RankPlaces places(own);
    double found = 0, estimated = 0;
    for (int64_t r = 0; r < record_.ranks(); ++r) {
      const auto source = static_cast<size_t>(r);
      for (int64_t node = 0; node < record_.nodes; ++node) {
        if (node == places.node_of(r)) continue;
        const auto is_in = [&](size_t expert) {
          return places.node_of(places.rank_of(r, static_cast<int64_t>(expert))) == node;
        };
        double choices = 0;
        for (size_t e = 0; e < part.rows[source].size(); ++e)
          choices += is_in(e) ? part.rows[source][e] : 0;
        found += choices - part.crossing[source][static_cast<size_t>(node)];
        estimated += both_in(part.rows[source], part.tokens[source], is_in);
      }
    }
    return estimated > 0 ? found / estimated : 1;
  }

  // Tokens of no part stay with the experts of their rank: one, or the best two of several.
  void add_own_rows(const std::map<std::string, PartRecord>& parts, Row& computed) {
    const auto whole = parts.find(kWhole);
    if (whole == parts.end()) return;
    const double experts = places_.on_rank() == 1 ? 1 : 2;
    for (int64_t r = 0; r < layout_.ranks(); ++r) {
      double own = whole->second.tokens[recorded(r)];
      for (const auto& [name, part] : parts)
        if (name != kWhole) own -= part.tokens[recorded(r)];
      if (own <= 0) continue;
      computed[static_cast<size_t>(r)] += own * experts;
      const auto& shape = whole->second;
      out_.local += own * experts * kLegs * static_cast<double>(shape.width * shape.value_bytes);
    }
  }

  // The counts before the rows: a message to every rank that acts together with a rank, in the
  // widest part; one more of a clustering layer.
  void add_counts(const std::map<std::string, PartRecord>& parts) {
    double columns = kCountNotes;
    bool is_wide = false, sends = false;
    for (const auto& [name, part] : parts) {
      if (part.rows.empty()) continue;
      sends = true;
      is_wide |= name != kNode;
      columns += static_cast<double>(places_.on_rank());
      if (name == kGlobal && places_.is_two_level()) columns += 2;
    }
    if (!sends) return;
    for (int64_t r = 0; r < layout_.ranks(); ++r) {
      const int64_t size = is_wide ? places_.group() : layout_.ranks_per_node;
      const int64_t first = r / size * size;
      for (int64_t to = first; to < first + size; ++to)
        if (to != r) load_.add(r, to, record_.calls * columns * kCountBytes, out_);
    }
  }

  const ExchangeRecord& record_;
  const ReplayLayout& layout_;
  RankPlaces places_;
  Load load_;
  bool is_same_;
  ReplayedRows out_;
};

// The step model reads figures of a point: of balanced batches as full as they may be. Here are
// those of the recorded rows, with links as busy as the busiest is.
Figures with_rows(Figures figures, const ReplayedRows& rows, const ReplayLayout& layout,
                  double fill) {
  const auto scale = [&](const char* name, double factor) {
    const auto found = figures.find(name);
    if (found != figures.end()) found->second *= factor;
  };
  for (const char* name : {"flops", "dense_flops", "expert_flops"})
    scale(name, fill);
  const auto experts = figures.find("expert_flops"), all = figures.find("flops");
  if (experts != figures.end() && all != figures.end()) {
    all->second += experts->second * (rows.imbalance - 1);
    experts->second *= rows.imbalance;
  }
  figures["local_bytes"] = rows.local;
  figures["in_node_bytes"] = rows.busiest_rank * static_cast<double>(layout.ranks());
  figures["inter_node_bytes"] = rows.busiest_port * static_cast<double>(layout.nodes);
  scale("fixed_inter_node_bytes", fill);
  return figures;
}

double figure(const Figures& figures, const char* name) {
  const auto found = figures.find(name);
  return found == figures.end() ? 0 : found->second;
}

double all_bytes(const Figures& figures) {
  return figure(figures, "local_bytes") + figure(figures, "in_node_bytes") +
         figure(figures, "inter_node_bytes");
}

// What an update has of the tokens of another: layouts may have as many micro-batches fewer as they
// have ranks more.
double tokens_ratio(const Figures& of, const Figures& to) {
  const double tokens = figure(to, "dense_flops");
  return tokens > 0 ? figure(of, "dense_flops") / tokens : 1;
}

void scale(ReplayedRows& rows, double factor) {
  for (double* bytes :
       {&rows.local, &rows.in_node, &rows.inter_node, &rows.busiest_rank, &rows.busiest_port})
    *bytes *= factor;
}

}  // namespace

ReplayLayout::ReplayLayout(const Settings& settings)
    : nodes(settings.value("launch.nodes", int64_t{1})),
      ranks_per_node(settings.value("launch.ranks_per_node", int64_t{1})),
      experts(settings.value("model.moe.experts", int64_t{1})),
      is_bf16(settings.value("model.moe.wire", "fp32") == "bf16"),
      packs(settings.value("launch.packing", false)) {}

ReplayedRows replay_rows(const ExchangeRecord& record, const ReplayLayout& layout) {
  return Player(record, layout).run();
}

bool can_replay(const ExchangeRecord& record, const ReplayLayout& layout) {
  for (const auto& [layer, parts] : record.layers) {
    const bool has_others = parts.contains(kNode) || parts.contains(kCluster);
    const bool is_same =
        record.nodes == layout.nodes && record.ranks_per_node == layout.ranks_per_node;
    if (has_others && !is_same) return false;
    for (const auto& [name, part] : parts) {
      if (!part.rows.empty() && part.rows[0].size() != static_cast<size_t>(layout.experts))
        return false;
    }
  }
  return true;
}

Replay::Replay(ExchangeRecord record, Side recorded)
    : record_(std::move(record)),
      own_(std::move(recorded)),
      layout_(own_.settings),
      own_rows_(replay_rows(record_, layout_)) {}

Replay::Result Replay::of(const Side& side, const Probe* probe) const {
  const ReplayLayout &own = layout_, layout(side.settings);
  const ReplayedRows& recorded = own_rows_;
  const double full = all_bytes(own_.figures);
  const double fill =
      full > 0 ? (recorded.local + recorded.in_node + recorded.inter_node) / full : 1;
  const auto exchange_of = [](const Side& one) {
    const Value* found = one.settings.find("model.moe.exchange");
    return found == nullptr ? Value() : *found;
  };
  Result out;
  ReplayedRows rows;
  out.is_as_recorded = exchange_of(side) == exchange_of(own_) && can_replay(record_, layout);
  if (out.is_as_recorded) {
    rows = replay_rows(record_, layout);
    scale(rows, tokens_ratio(side.figures, own_.figures));
  } else {
    // As the exchange declares it for balanced experts, and as full as was recorded; the busiest
    // links stand out as they did.
    rows.local = fill * figure(side.figures, "local_bytes");
    rows.in_node = fill * figure(side.figures, "in_node_bytes");
    rows.inter_node = fill * figure(side.figures, "inter_node_bytes");
    const auto peak = [](double busiest, double all, int64_t count) {
      return all > 0 ? busiest * static_cast<double>(count) / all : 1;
    };
    rows.busiest_rank = rows.in_node / static_cast<double>(layout.ranks()) *
                        peak(recorded.busiest_rank, recorded.in_node, own.ranks());
    rows.busiest_port = rows.inter_node / static_cast<double>(layout.nodes) *
                        peak(recorded.busiest_port, recorded.inter_node, own.nodes);
    rows.imbalance = recorded.imbalance;
  }
  out.in_node_bytes = rows.in_node;
  out.inter_node_bytes = rows.inter_node;
  out.gradient_inter_node_bytes = figure(side.figures, "gradient_inter_node_bytes");
  if (probe != nullptr)
    out.step = predict_step(with_rows(side.figures, rows, layout, fill), side.settings, *probe);
  return out;
}

}  // namespace xp
