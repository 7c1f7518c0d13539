// The commands: each takes the options and returns an exit code. Results go to standard output,
// progress and messages to standard error.
#pragma once

#include "engine/cli/terminal/options.h"

namespace xp {

int check_command(const Options& options);
int plan_command(const Options& options);
int run_command(const Options& options);
int status_command(const Options& options);
int watch_command(const Options& options);
int logs_command(const Options& options);
int why_command(const Options& options);
int retry_command(const Options& options);
int cancel_command(const Options& options);
int report_command(const Options& options);
int data_command(const Options& options);
int db_command(const Options& options);
int sql_command(const Options& options);
int export_command(const Options& options);
int sync_command(const Options& options);
int gc_command(const Options& options);
int components_command(const Options& options);
int show_command(const Options& options);
int diff_command(const Options& options);
int prune_command(const Options& options);
int init_command(const Options& options);
int doctor_command(const Options& options);
int schema_command(const Options& options);
int completions_command(const Options& options);

}  // namespace xp
