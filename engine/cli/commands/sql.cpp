// `xp sql STATEMENT`: a read-only query of the index.
#include "engine/cli/commands/store_rows.h"
#include "engine/cli/parser/command.h"

namespace xp {
namespace {

struct Options : RowsOptions {
  std::string statement;

  Options() : RowsOptions("table") {}
  void declare(Arguments& arguments) {
    arguments.positional("STATEMENT", &statement, "such as 'SELECT * FROM runs_wide'").required();
    RowsOptions::declare(arguments);
  }
};

int query(const Options& options) {
  return print_rows(options, options.statement);
}

XP_COMMAND(Options, query, "sql", Group::kResults, "query the index, read-only");

}  // namespace
}  // namespace xp
