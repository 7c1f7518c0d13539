// Maintenance of the database.
#include "results/store/index_file.h"

#include "results/store/database.h"
#include "results/store/store.h"

namespace xp {
namespace {

fs::path beside(const fs::path& path, const char* ending) {
  fs::path out = path;
  out += ending;
  return out;
}

void remove_with_logs(const fs::path& path) {
  std::error_code code;
  for (const char* ending : {"-wal", "-shm", "-journal", ""})
    fs::remove(beside(path, ending), code);
}

uintmax_t size_of(const fs::path& path) {
  std::error_code code;
  const uintmax_t size = fs::file_size(path, code);
  return code ? 0 : size;
}

void need_index(const Workspace& workspace) {
  std::error_code code;
  if (fs::exists(workspace.database(), code)) return;
  machine_error("there is no '{}'; `xp db rebuild` builds it from the run folders",
                workspace.database().string());
}

// A rebuild replaces whatever is there, except a database of another program.
void refuse_foreign(const fs::path& path) {
  std::error_code code;
  if (!fs::exists(path, code)) return;
  try {
    SQLite::Database database(path.string(), SQLite::OPEN_READONLY);
    if (database.execAndGet("PRAGMA application_id").getInt() == kApplication) return;
    if (database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 0) return;
  } catch (const SQLite::Exception&) {
    return;  // damaged
  }
  machine_error("'{}' is not a database of xp; move it away", path.string());
}

}  // namespace

std::vector<std::string> check_index(const Workspace& workspace) {
  need_index(workspace);
  const fs::path path = workspace.database();
  std::vector<std::string> out;
  const auto database = open_database(path);
  with_database(path, [&] {
    SQLite::Statement rows(*database, "PRAGMA integrity_check");
    while (rows.executeStep()) {
      const std::string found = rows.getColumn(0).getString();
      if (found != "ok") out.push_back(found);
    }
  });
  Store stored = Store::open(path), anew = Store::in_memory();
  const FoldResult folded = stored.fold_in(workspace);
  out.insert(out.end(), folded.problems.begin(), folded.problems.end());
  anew.fold_in(workspace);
  if (stored.dump() != anew.dump()) {
    out.push_back(fmt::format("'{}' differs from the run folders; `xp db rebuild` rebuilds it",
                              path.string()));
  }
  return out;
}

Rebuilt rebuild_index(const Workspace& workspace) {
  const fs::path path = workspace.database(), fresh = beside(path, ".new");
  std::error_code code;
  if (!fs::is_directory(workspace.root, code))
    machine_error("there is no workspace '{}'", workspace.root.string());
  const auto only_one = FileLock::wait(beside(path, ".rebuild-lock"));
  refuse_foreign(path);
  const auto leave_nothing = [&] {
    remove_with_logs(fresh);
    fs::remove(lock_path(fresh), code);
    fs::remove(beside(path, ".rebuild-lock"), code);
  };
  remove_with_logs(fresh);
  FoldResult folded;
  try {
    Store store = Store::open(fresh);
    folded = store.fold_in(workspace);
  } catch (...) {
    leave_nothing();
    throw;
  }
  // Closing wrote the log back; the file alone is the database.
  const auto only_writer = FileLock::wait(lock_path(path));
  // The old log goes first: SQLite would take it for the new file's.
  for (const char* ending : {"-wal", "-shm", "-journal"})
    fs::remove(beside(path, ending), code);
  fs::rename(fresh, path);
  leave_nothing();
  return {folded.taken, folded.problems};
}

std::pair<uintmax_t, uintmax_t> vacuum_index(const Workspace& workspace) {
  need_index(workspace);
  const fs::path path = workspace.database();
  open_database(path);  // upgrades an older one, which takes the lock
  const auto only_writer = FileLock::wait(lock_path(path));
  const uintmax_t before = size_of(path) + size_of(beside(path, "-wal"));
  {
    // With the lock held nobody can replace the file, and it needs no upgrade.
    const auto database = open_database(path);
    with_database(path, [&] {
      database->exec("VACUUM");
      // The pragma answers with a row if there is a log.
      SQLite::Statement(*database, "PRAGMA wal_checkpoint(TRUNCATE)").executeStep();
    });
  }
  return {before, size_of(path) + size_of(beside(path, "-wal"))};
}

}  // namespace xp
