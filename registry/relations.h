// Rules between settings, and figures computed from them, as components declare them. They are
// expressions (engine/experiment/expression.h), not code, so that `xp` can plan a component that
// only xp-engine can run.
//
//   static std::vector<Rule> rules() {
//     return {{"E042", "width % heads == 0", "'heads' is {heads}, which does not divide 'width' "
//              "{width}", {"heads", "width"}}};
//   }
//   static std::vector<Figure> figures() { return {{"inner", "2 * width"}}; }
//
// in the Config of a component or section. A name is looked up below the component's own table
// first, then from the root: `heads`, `moe.experts`, `launch.nodes`. A figure is addressed like a
// setting of its component's table: `inner`, `moe.exchange.inner`, `model.inner`. A name that
// nobody declares is null, and arithmetic with null is null.
//
// `xp plan` shows these figures of the component in [model] (per update unless said otherwise, for
// batches as full as `max_tokens` allows, forward and backward):
//   parameters, parameters_on_rank        all ranks together; of one rank
//   flops                                 of one rank's matrix products
//   local_bytes, in_node_bytes, inter_node_bytes
//                                         of all MoE layers' rows, all ranks: that stay on their
//                                         accelerator, change the rank in a node, leave a node
//   memory_bytes                          of one rank, about
//   checkpoint_bytes                      on disk
// and of the section [train]: tokens       per rank and update, on each side.
#pragma once

#include "engine/base/value.h"

#include <string>
#include <vector>

namespace xp {

/// A condition that every point of an experiment must fulfil before anything starts.
struct Rule {
  std::string code;             ///< stable: "E041"
  std::string holds;            ///< fulfilled if this is true or a name in it has no value
  std::string message;          ///< {expression} in it is replaced by its value
  std::vector<std::string> at;  ///< the settings concerned; the message has the place of the first
                                ///< one that is written in the file
  bool is_note = false;         ///< a note, not an error
};

/// A number computed from the settings.
struct Figure {
  std::string name, formula;
};

Value to_json(const Rule& rule);
Rule rule_from_json(const Value& value);

}  // namespace xp
