// The SQLite file behind the store: opening it, its schema and version, its failures as errors.
#pragma once

#include "engine/base/error.h"
#include "engine/base/file.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <memory>

namespace xp {

/// The version of the schema, kept in PRAGMA user_version. A database of an older one is upgraded,
/// of a newer one refused: it is an index that can be made anew from the folders.
constexpr int kDatabaseVersion = 6;

/// PRAGMA application_id, "xpdb": tells our file from any other SQLite database.
constexpr int kApplication = 0x78706462;

/// With less on its disk no page of the log fits.
constexpr uint64_t kLeastFreeBytes = 64 << 10;

/// Opens `path` for reading and writing; makes it with the schema where it does not exist. Readers
/// never wait for a writer on a local disk (write-ahead log); on a network file system, where the
/// log's shared memory does not work, the rollback journal is used. Raises kMachine.
std::unique_ptr<SQLite::Database> open_database(const fs::path& path);

/// The file whose lock the one writer of the database at `path` holds.
fs::path lock_path(const fs::path& path);

/// The same schema in memory.
std::unique_ptr<SQLite::Database> open_memory_database();

/// What `error` means for the user of the database at `path`, with the way out.
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
