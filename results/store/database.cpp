// The schema, and messages for SQLite's result codes.
#include "results/store/database.h"

#include <sqlite3.h>
#include <sys/vfs.h>

namespace xp {
namespace {

constexpr const char* kFull = "cannot grow: no space left on the disk; free some";

// Every table is keyed by content ids, never by row numbers, so that a database that grew over
// months equals one rebuilt from the folders.
constexpr const char* kSchema = R"sql(
CREATE TABLE experiments(
  name TEXT PRIMARY KEY,
  stamp TEXT NOT NULL               -- of plan.json when it was read
) WITHOUT ROWID;
CREATE TABLE points(
  experiment TEXT NOT NULL,
  position INTEGER NOT NULL,        -- in the plan, from 0
  training TEXT,                    -- ids of runs; NULL if not known yet
  evaluation TEXT,
  seed INTEGER NOT NULL,
  axes TEXT NOT NULL,               -- JSON object: setting -> value
  name TEXT NOT NULL,               -- exchange=gshard seed=1
  PRIMARY KEY(experiment, position)
) WITHOUT ROWID;
CREATE INDEX points_training ON points(training);
CREATE INDEX points_evaluation ON points(evaluation);
CREATE TABLE runs(
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,               -- training | evaluation
  state TEXT NOT NULL,              -- done | failed
  attempt INTEGER NOT NULL,
  started_s REAL NOT NULL,          -- seconds since 1970
  ended_s REAL NOT NULL,
  cause TEXT NOT NULL,              -- why it failed
  stamp TEXT NOT NULL               -- of status.json when it was read; '' = read it again
) WITHOUT ROWID;
CREATE TABLE sources(               -- changes that engines were built with
  sha256 TEXT PRIMARY KEY,          -- diff_sha256 in provenance
  diff TEXT NOT NULL                -- a patch to the revision in provenance
) WITHOUT ROWID;
CREATE TABLE unfinished(            -- running when last looked at: read again when it changes
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  stamp TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE settings(
  run TEXT NOT NULL,
  path TEXT NOT NULL,               -- train.optimizer.lr
  type TEXT NOT NULL,               -- text | integer | number | boolean | list
  text TEXT NOT NULL,
  number REAL,                      -- of integers, numbers and booleans
  PRIMARY KEY(run, path)
) WITHOUT ROWID;
CREATE TABLE summary(
  run TEXT NOT NULL,
  name TEXT NOT NULL,               -- bleu, step_ms, ...
  value REAL,                       -- NULL: not a finite number
  PRIMARY KEY(run, name)
) WITHOUT ROWID;
CREATE TABLE metrics(
  run TEXT NOT NULL,
  name TEXT NOT NULL,               -- loss; of validations valid_bleu
  step INTEGER NOT NULL,            -- number of the update
  value REAL,
  attempt INTEGER NOT NULL,         -- the last one that reached this update
  PRIMARY KEY(run, name, step)
) WITHOUT ROWID;
CREATE TABLE scores(
  evaluation TEXT NOT NULL,
  subset TEXT NOT NULL,
  direction TEXT NOT NULL,
  name TEXT NOT NULL,
  value REAL,
  unit TEXT NOT NULL,
  signature TEXT NOT NULL,
  higher_is_better INTEGER NOT NULL,
  label TEXT NOT NULL DEFAULT '',   -- name in tables; '' = name
  PRIMARY KEY(evaluation, subset, direction, name)
) WITHOUT ROWID;
CREATE TABLE provenance(
  run TEXT NOT NULL,
  path TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY(run, path)
) WITHOUT ROWID;
CREATE TABLE attempts(
  run TEXT NOT NULL,
  attempt INTEGER NOT NULL,         -- from 1
  first_update INTEGER,             -- that it logged; NULL: none
  last_update INTEGER,
  seconds REAL,                     -- from its start to its last event
  launcher TEXT NOT NULL,           -- launcher.json: host, command, Slurm job
  PRIMARY KEY(run, attempt)
) WITHOUT ROWID;
CREATE TABLE artefacts(             -- what an evaluation left; checkpoints come and go
  run TEXT NOT NULL,
  path TEXT NOT NULL,               -- below the run's folder
  bytes INTEGER NOT NULL,
  PRIMARY KEY(run, path)
) WITHOUT ROWID;

CREATE VIEW point_axes AS
  SELECT experiment, position, seed, key AS path, value
  FROM points, json_each(points.axes);

CREATE VIEW runs_wide AS
  SELECT p.experiment, p.position, p.axes, p.seed, p.training, t.state AS training_state,
    p.evaluation, e.state AS evaluation_state,
    (SELECT value FROM summary WHERE run = p.evaluation AND name = 'bleu') AS bleu,
    (SELECT value FROM summary WHERE run = p.evaluation AND name = 'chrf') AS chrf,
    (SELECT value FROM summary WHERE run = p.training AND name = 'train_loss') AS train_loss,
    (SELECT value FROM summary WHERE run = p.training AND name = 'valid_perplexity')
      AS valid_perplexity,
    (SELECT value FROM summary WHERE run = p.training AND name = 'tokens_per_second')
      AS tokens_per_second,
    (SELECT value FROM summary WHERE run = p.training AND name = 'step_ms') AS step_ms,
    (SELECT value FROM summary WHERE run = p.training AND name = 'inter_node_bytes')
      AS inter_node_bytes,
    (SELECT value FROM summary WHERE run = p.training AND name = 'cpu_seconds') AS cpu_seconds,
    (SELECT value FROM summary WHERE run = p.training AND name = 'parameters') AS parameters,
    coalesce(nullif(t.cause, ''), e.cause) AS cause
  FROM points p LEFT JOIN runs t ON t.id = p.training LEFT JOIN runs e ON e.id = p.evaluation;

CREATE VIEW seed_groups AS
  SELECT experiment, json_remove(axes, '$."train.seed"') AS axes, count(bleu) AS n,
    avg(bleu) AS bleu, min(bleu) AS bleu_min, max(bleu) AS bleu_max,
    avg(tokens_per_second) AS tokens_per_second, avg(step_ms) AS step_ms,
    avg(inter_node_bytes) AS inter_node_bytes
  FROM runs_wide GROUP BY 1, 2;
)sql";

// File systems on which the shared memory of a write-ahead log is not shared between machines.
bool is_network(const fs::path& folder) {
  struct statfs about {};
  if (::statfs(folder.empty() ? "." : folder.c_str(), &about) != 0) return false;
  switch (static_cast<uint32_t>(about.f_type)) {
    case 0x6969:      // NFS
    case 0xFF534D42:  // CIFS
    case 0xFE534D42:  // SMB2
    case 0x0BD00BD0:  // Lustre
    case 0x47504653:  // GPFS
    case 0x19830326:  // BeeGFS
    case 0x00C36400:  // Ceph
    case 0x65735546:  // FUSE: sshfs and others
    case 0x01021997:  // 9p
      return true;
    default:
      return false;
  }
}

bool is_empty(SQLite::Database& database) {
  return database.execAndGet("PRAGMA user_version").getInt() == 0 &&
         database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 0;
}

void make_schema(SQLite::Database& database) {
  SQLite::Transaction transaction(database);
  database.exec(kSchema);
  database.exec(fmt::format("PRAGMA application_id = {}", kApplication));
  database.exec(fmt::format("PRAGMA user_version = {}", kDatabaseVersion));
  transaction.commit();
}

int version_of(SQLite::Database& database) {
  return database.execAndGet("PRAGMA user_version").getInt();
}

// What makes a schema of version i one of version i + 1, for i = 1, 2, ...; old ones never change.
constexpr const char* kMigrations[] = {
    // Clocks and routers' health are taken from the events: every run is read again.
    "UPDATE runs SET stamp = ''",
    // Attempts and artefacts became tables.
    "CREATE TABLE attempts( "
    "  run TEXT NOT NULL, "
    "  attempt INTEGER NOT NULL, "
    "  first_update INTEGER, "
    "  last_update INTEGER, "
    "  seconds REAL, "
    "  launcher TEXT NOT NULL, "
    "  PRIMARY KEY(run, attempt) "
    ") WITHOUT ROWID; "
    "CREATE TABLE artefacts( "
    "  run TEXT NOT NULL, "
    "  path TEXT NOT NULL, "
    "  bytes INTEGER NOT NULL, "
    "  PRIMARY KEY(run, path) "
    ") WITHOUT ROWID; "
    "UPDATE runs SET stamp = ''",
    // Points have names.
    "ALTER TABLE points ADD COLUMN name TEXT NOT NULL DEFAULT ''; "
    "UPDATE experiments SET stamp = ''",
    // Changes of the code became a table.
    "CREATE TABLE sources( "
    "  sha256 TEXT PRIMARY KEY, "
    "  diff TEXT NOT NULL "
    ") WITHOUT ROWID",
    // Scores have labels; those of older evaluations have none.
    "ALTER TABLE scores ADD COLUMN label TEXT NOT NULL DEFAULT ''",
    // Ids of a point may be unknown: the plans are read again.
    "DROP TABLE points; "
    "CREATE TABLE points( "
    "  experiment TEXT NOT NULL, "
    "  position INTEGER NOT NULL, "
    "  training TEXT, "
    "  evaluation TEXT, "
    "  seed INTEGER NOT NULL, "
    "  axes TEXT NOT NULL, "
    "  name TEXT NOT NULL, "
    "  PRIMARY KEY(experiment, position) "
    ") WITHOUT ROWID; "
    "CREATE INDEX points_training ON points(training); "
    "CREATE INDEX points_evaluation ON points(evaluation); "
    "UPDATE experiments SET stamp = ''",
};
static_assert(std::size(kMigrations) == kDatabaseVersion - 1);

void migrate(SQLite::Database& database) {
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  for (int version = version_of(database); version < kDatabaseVersion; ++version)
    database.exec(kMigrations[version - 1]);
  database.exec(fmt::format("PRAGMA user_version = {}", kDatabaseVersion));
  transaction.commit();
}

void check_version(SQLite::Database& database, const fs::path& path) {
  if (database.execAndGet("PRAGMA application_id").getInt() != kApplication) {
    machine_error("'{}' is not a database of xp; move it away", path.string());
  }
  const int version = version_of(database);
  if (version <= kDatabaseVersion && version > 0) return;
  machine_error(
      "database '{}' is of a newer xp (schema {}, this one knows {}); use that xp, or `xp db "
      "rebuild` to rebuild it from the run folders",
      path.string(), version, kDatabaseVersion);
}

}  // namespace

const char* journal_pragma(const fs::path& path) {
  return is_network(path.parent_path()) ? "PRAGMA journal_mode = DELETE"
                                        : "PRAGMA journal_mode = WAL";
}

fs::path lock_path(const fs::path& path) {
  fs::path out = path;
  out += ".lock";
  return out;
}

std::unique_ptr<SQLite::Database> open_database(const fs::path& path) {
  return with_database(path, [&] {
    std::error_code code;
    if (path.has_parent_path()) fs::create_directories(path.parent_path(), code);
    const bool log = !is_network(path.parent_path());
    auto database = std::make_unique<SQLite::Database>(
        path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyTimeoutMs);
    if (is_empty(*database)) {
      const auto lock = FileLock::wait(lock_path(path));
      if (is_empty(*database)) {
        database->execAndGet(journal_pragma(path));
        make_schema(*database);
      }
    }
    check_version(*database, path);
    if (version_of(*database) < kDatabaseVersion) {
      const auto lock = FileLock::wait(lock_path(path));
      migrate(*database);
    }
    // An index that was copied here from a local disk.
    if (!log && database->execAndGet("PRAGMA journal_mode").getString() == "wal") {
      const auto lock = FileLock::wait(lock_path(path));
      database->execAndGet(journal_pragma(path));
    }
    // A lost last transaction costs nothing, since the folders are folded in again.
    database->exec(log ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
    return database;
  });
}

bool is_replaced(SQLite::Database& database) {
  int answer = 0;
  return ::sqlite3_file_control(database.getHandle(), "main", SQLITE_FCNTL_HAS_MOVED, &answer) ==
             SQLITE_OK &&
         answer != 0;
}

std::unique_ptr<SQLite::Database> open_memory_database() {
  return with_database(":memory:", [] {
    auto database = std::make_unique<SQLite::Database>(
        ":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    make_schema(*database);
    return database;
  });
}

Error database_error(const fs::path& path, const SQLite::Exception& error) {
  const std::string name = path.string();
  const auto machine = [&](std::string_view rest) {
    return Error(Blame::kMachine, fmt::format("database '{}' {}", name, rest));
  };
  switch (error.getErrorCode() & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return machine("is locked by another program; end that program, or wait");
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return machine("cannot be written; give yourself the right to write it");
    case SQLITE_CANTOPEN:
      if (path.has_parent_path() && !fs::is_directory(path.parent_path())) {
        return machine(
            fmt::format("cannot be opened: '{}' is not a folder", path.parent_path().string()));
      }
      return machine("cannot be opened; look at the rights of the file and its folder");
    case SQLITE_FULL:
      return machine(kFull);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return machine("is damaged; delete it: it is rebuilt from the run folders");
    case SQLITE_IOERR:
      // The log's shared memory that cannot grow is an I/O error to SQLite.
      if (path.has_parent_path() && free_bytes(path.parent_path()) < kMinFreeBytes)
        return machine(kFull);
      return Error(Blame::kMachine,
                   fmt::format("database '{}': {}; look at the disk", name, error.getErrorStr()));
    case SQLITE_ERROR:
      // A statement of ours that a table of ours cannot answer: somebody changed the schema.
      if (std::string_view(error.what()).starts_with("no such ") ||
          std::string_view(error.what()).starts_with("duplicate column "))
        return machine(fmt::format(
            "is not as xp made it ({}); `xp db rebuild` rebuilds it from the run folders",
            error.what()));
      [[fallthrough]];
    default:
      return Error(Blame::kBug, fmt::format("database '{}': {}", name, error.what()));
  }
}

}  // namespace xp
