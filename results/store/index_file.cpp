// Maintenance of the database.
#include "results/store/index_file.h"

#include "results/store/database.h"
#include "results/store/fold.h"
#include "results/store/store.h"

#include <SQLiteCpp/Backup.h>

#include <sqlite3.h>

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

// Makes the file hold what `fresh` holds, as one transaction: whoever reads sees all of the old
// rows or all of the new ones.
void replace_pages(const fs::path& path, SQLite::Database& fresh) {
  SQLite::Database live(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
                        kBusyTimeoutMs);
  const int done = SQLite::Backup(live, fresh).executeStep();
  if (done != SQLITE_DONE) throw SQLite::Exception("the old rows stay", done);
  live.execAndGet(journal_pragma(path));  // of a file that was not there
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
  const fs::path path = workspace.database();
  std::error_code code;
  if (!fs::is_directory(workspace.root, code))
    machine_error("there is no workspace '{}'", workspace.root.string());
  refuse_foreign(path);
  const auto only_writer = FileLock::wait(lock_path(path));
  auto fresh = open_memory_database();
  const FoldResult folded = fold_in(fresh, ":memory:", workspace);
  with_database(path, [&] {
    try {
      replace_pages(path, *fresh);
    } catch (const SQLite::Exception& error) {
      // The last is that of a file with pages of another size.
      const int found = error.getErrorCode();
      if (found != SQLITE_NOTADB && found != SQLITE_CORRUPT && found != SQLITE_READONLY) throw;
      remove_with_logs(path);
      replace_pages(path, *fresh);
    }
  });
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
