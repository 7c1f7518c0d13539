// What the command line says, after parsing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace xp {

/// The documented exit codes that are not an error's own (see exit_code in engine/base/error.h).
struct Exit {
  static constexpr int kDone = 0, kMachine = 1, kUsage = 2, kSpec = 3, kFailedRuns = 4,
                       kUnfinished = 5, kPreflight = 6, kWork = 7;
};

/// The words of `xp report` that are more than settings of [report].
struct ReportWords {
  std::string rows, columns, where, baseline, pivot, sort,
      pool;            ///< as in [report]; lists by comma
  std::string at;      ///< --at KIND=VALUE
  std::string pareto;  ///< --pareto COST
  bool effects = false;
  bool write = false, check = false;  ///< the files of [report]
};

struct Options {
  std::string command;
  std::string spec;                  ///< the experiment file
  std::vector<std::string> sets;     ///< --set PATH=VALUE
  std::vector<std::string> plugins;  ///< the files of XP_PLUGINS
  std::filesystem::path workspace, mirror;
  bool names_workspace = false;  ///< by --workspace, so that what to type next needs it too
  bool json = false;
  bool exit_code = false;             ///< plan --exit-code
  bool diff = false;                  ///< plan --diff
  bool prune = false;                 ///< run --prune
  std::string other_builds = "warn";  ///< run --other-builds
  int64_t jobs = 1;                   ///< run --jobs
  bool detach = false;                ///< run --detach
  std::vector<std::string> names;  ///< selectors; the runs, the shell or the file of other commands
  std::string format;              ///< report --format
  ReportWords report;
  std::string sql;                 ///< sql STATEMENT
  std::string table;               ///< export --table
  std::filesystem::path folder;    ///< sync FOLDER
  bool checkpoints = false;        ///< sync --checkpoints
  bool yes = false;                ///< gc, cancel, retry --yes
  bool dry_run = false;            ///< cancel, retry --dry-run
  bool follow = false;             ///< logs --follow
  bool job = false;                ///< logs --job
  int64_t rank = -1;               ///< logs --rank; -1: the one that matters
  int64_t attempt = 0;             ///< logs --attempt; 0: the last
  int64_t lines = 50;              ///< logs --lines
  double interval_s = 2;           ///< watch --interval
  std::string notify;              ///< run, retry, watch --notify: a command for the shell
  std::vector<std::string> only;   ///< run --only: selectors
  std::vector<std::string> ids;    ///< of evaluations that `retry` hands on to `run`; empty: all
  std::string component;           ///< components NAME
  std::string action;              ///< data or db ACTION
  std::filesystem::path output;    ///< data export --output
  std::string engine;              ///< the program that trains and evaluates
  std::vector<std::string> words;  ///< the whole command line, for provenance
};

}  // namespace xp
