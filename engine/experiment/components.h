// The walk over the components that a section of the experiment file picks.
#pragma once

#include "engine/experiment/catalog.h"

#include <string>
#include <string_view>

namespace xp {

/// A component at its table; with an empty `kind`, what all components of the section share.
struct PickedPart {
  std::string path;  ///< of the table: "model.moe.router"
  std::string_view kind, name;
  const Declaration* declaration;  ///< nullptr if there is no such component
};

/// Calls `visit(const PickedPart&)` for the component that a section picks, the components that
/// this one's settings pick, and so on, then for the declaration of the section itself.
/// `pick(path, kind, fallback)` returns the names that the key `use` takes in the table at `path`;
/// several are visited one after the other.
template <class Pick, class Visit>
class ComponentWalk {
 public:
  ComponentWalk(const Catalog& catalog, Pick pick, Visit visit)
      : catalog_(catalog), pick_(std::move(pick)), visit_(std::move(visit)) {}

  void section(const SectionRule& rule) {
    if (*rule.kind != '\0') table(rule.name, rule.kind, catalog_.default_component(rule));
    enter({rule.name, "", rule.name, &catalog_.section(rule.name)});
  }

 private:
  void table(const std::string& path, const std::string& kind, const Value& fallback) {
    for (const std::string& name : pick_(path, kind, fallback))
      enter({path, kind, name, catalog_.find(kind, name)});
  }

  void enter(const PickedPart& part) {
    visit_(part);
    if (part.declaration == nullptr) return;
    for (const auto& setting : part.declaration->settings) {
      if (setting.type == Type::kComponent)
        table(part.path + "." + setting.name, setting.component, setting.fallback);
    }
  }

  const Catalog& catalog_;
  Pick pick_;
  Visit visit_;
};

}  // namespace xp
