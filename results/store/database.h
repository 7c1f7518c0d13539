// The SQLite file behind the store: opening it, its schema and version, its failures as errors.
#pragma once

#include "engine/base/error.h"
#include "engine/base/file.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <memory>

namespace xp {

/// The version of the schema, kept in PRAGMA user_version. A database of an older one is upgraded,
/// of a newer one refused: the index can be rebuilt from the folders.
constexpr int kDatabaseVersion = 7;

/// PRAGMA application_id, "xpdb": distinguishes our file from any other SQLite database.
constexpr int kApplication = 0x78706462;

/// How long a statement waits for another process's lock of SQLite.
constexpr int kBusyTimeoutMs = 10'000;

/// A page of the log needs at least this much free disk space.
constexpr uint64_t kMinFreeBytes = 64 << 10;

/// Opens `path` for reading and writing; makes it with the schema if it does not exist. Readers
/// never wait for a writer on a local disk (write-ahead log); on a network file system, where the
/// log's shared memory does not work, the rollback journal is used. Takes the lock of `lock_path`
/// to make, upgrade or convert the file: the caller must not hold it. Raises kMachine.
///
/// SQLite before 3.51.3 can lose pages if one connection resets the write-ahead log while another
/// writes a checkpoint (https://sqlite.org/wal.html#walresetbug). Here that cannot happen: who
/// writes holds the lock, checkpoints are part of a commit or of `vacuum_index`, both under the
/// lock, and the checkpoint of the last connection that closes is exclusive in SQLite itself.
std::unique_ptr<SQLite::Database> open_database(const fs::path& path);

/// The statement that gives the database at `path` the journal that `open_database` speaks of.
const char* journal_pragma(const fs::path& path);

/// The file that whoever writes the database at `path` must have locked.
fs::path lock_path(const fs::path& path);

/// Whether the file that `database` was opened from has been removed since, by hand or because it
/// was damaged. Whoever writes asks this with the lock held, and opens the new file: SQLite finds
/// the log by its name, so that the log of the new file could be taken for that of the old one.
bool is_replaced(SQLite::Database& database);

/// The same schema in memory.
std::unique_ptr<SQLite::Database> open_memory_database();

/// `error` of the database at `path` as a message that says what to do.
Error database_error(const fs::path& path, const SQLite::Exception& error);

/// Runs `work`; SQLite's exceptions come out as `database_error`.
template <class Work>
auto with_database(const fs::path& path, Work&& work) {
  try {
    return work();
  } catch (const SQLite::Exception& error) {
    throw database_error(path, error);
  }
}

}  // namespace xp
