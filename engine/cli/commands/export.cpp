// `xp export`: one table or view of the index.
#include "engine/cli/commands/store_rows.h"
#include "engine/cli/parser/command.h"

namespace xp {
namespace {

struct Options : RowsOptions {
  std::string table = "runs_wide";

  Options() : RowsOptions("csv") {}
  void declare(Arguments& arguments) {
    arguments.option("--table", "TABLE", &table, "a table or view of the index")
        .one_of({"runs_wide", "seed_groups", "point_axes", "points", "runs", "settings", "summary",
                 "metrics", "scores", "provenance", "attempts", "artefacts", "sources",
                 "experiments"});
    RowsOptions::declare(arguments);
  }
};

int export_table(const Options& options) {
  return print_rows(options, "SELECT * FROM " + options.table);
}

XP_COMMAND(Options, export_table, "export", Group::kResults,
           "print a table of the index, for spreadsheets and dataframes");

}  // namespace
}  // namespace xp
