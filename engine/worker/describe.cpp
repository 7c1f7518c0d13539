// The registry as JSON.
#include "engine/worker/commands.h"
#include "registry/registry.h"

namespace xp {

std::string describe_components() {
  Value declarations = Value::array();
  for (const AnyEntry* entry : entries())
    declarations.push_back(to_json(entry->describe(*entry)));
  return Value{{"schema", 1}, {"declarations", declarations}}.dump(1) + "\n";
}

}  // namespace xp
