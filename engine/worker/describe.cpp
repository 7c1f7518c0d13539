// The registry as JSON.
#include "engine/base/json_text.h"
#include "engine/worker/commands.h"
#include "registry/plugin.h"

#include <unistd.h>

namespace xp {
namespace {

constexpr unsigned kPluginSeconds = 60;

std::string described(const std::vector<const AnyEntry*>& components) {
  Value declarations = Value::array();
  for (const AnyEntry* entry : components)
    declarations.push_back(to_json(entry->describe(*entry)));
  return json_text(Value{{"schema", 1}, {"declarations", declarations}}, 1) + "\n";
}

/// Sends what is printed to standard output to standard error while it lives.
class QuietOutput {
 public:
  QuietOutput() : kept_(::dup(STDOUT_FILENO)) { ::dup2(STDERR_FILENO, STDOUT_FILENO); }
  ~QuietOutput() {
    std::fflush(stdout);
    ::dup2(kept_, STDOUT_FILENO);
    ::close(kept_);
  }
  QuietOutput(const QuietOutput&) = delete;
  QuietOutput& operator=(const QuietOutput&) = delete;

 private:
  int kept_;
};

}  // namespace

std::string describe_components() {
  return described(entries());
}

std::string describe_plugin(const std::filesystem::path& plugin) {
  const QuietOutput quiet;
  ::alarm(kPluginSeconds);
  return described(load_plugin(plugin));
}

}  // namespace xp
