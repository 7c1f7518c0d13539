// An authorizer of SQLite lets a statement read and nothing else.
#include "results/store/query.h"

#include "engine/base/text.h"
#include "results/store/database.h"

#include <sqlite3.h>
#include <string_view>

namespace xp {
namespace {

int only_reading(void*, int action, const char*, const char*, const char*, const char*) {
  const bool reads = action == SQLITE_SELECT || action == SQLITE_READ ||
                     action == SQLITE_FUNCTION || action == SQLITE_RECURSIVE;
  return reads ? SQLITE_OK : SQLITE_DENY;
}

/// While it lives the connection can only read.
class ReadOnly {
 public:
  explicit ReadOnly(SQLite::Database& database) : handle_(database.getHandle()) {
    ::sqlite3_set_authorizer(handle_, &only_reading, nullptr);
  }
  ~ReadOnly() { ::sqlite3_set_authorizer(handle_, nullptr, nullptr); }
  ReadOnly(const ReadOnly&) = delete;
  ReadOnly& operator=(const ReadOnly&) = delete;

 private:
  sqlite3* handle_;
};

Value value_of(const SQLite::Column& column) {
  if (column.isNull()) return nullptr;
  if (column.isInteger()) return column.getInt64();
  if (column.isFloat()) return column.getDouble();
  return column.getString();
}

// SQLite's own message about a statement.
[[noreturn]] void refuse(const SQLite::Exception& error) {
  if (error.getErrorCode() == SQLITE_AUTH)
    user_error("only SELECT can be asked: the figures come from the run folders");
  user_error("{}; `SELECT sql FROM sqlite_schema` shows tables and views", error.what());
}

// Statements after the first would be ignored silently.
void refuse_more(SQLite::Database& database, const std::string& sql) {
  sqlite3_stmt* first = nullptr;
  const char* rest = nullptr;
  const int code = ::sqlite3_prepare_v2(database.getHandle(), sql.c_str(), -1, &first, &rest);
  ::sqlite3_finalize(first);
  if (code != SQLITE_OK) return;  // the statement itself says what is wrong
  if (std::string_view(rest).find_first_not_of("; \t\r\n") != std::string_view::npos)
    user_error("one statement at a time; '{}' would be left out", trim(rest));
}

}  // namespace

void run_query(SQLite::Database& database, const fs::path& path, const std::string& sql,
               const std::function<void(const std::vector<std::string>&)>& head,
               const std::function<void(const std::vector<Value>&)>& row) {
  const ReadOnly guard(database);
  refuse_more(database, sql);
  try {
    SQLite::Statement statement(database, sql);
    std::vector<std::string> names;
    for (int i = 0; i < statement.getColumnCount(); ++i)
      names.emplace_back(statement.getColumnName(i));
    if (names.empty()) user_error("no statement is there; write SELECT ... FROM runs_wide, say");
    head(names);
    std::vector<Value> values(names.size());
    while (statement.executeStep()) {
      for (int i = 0; i < statement.getColumnCount(); ++i)
        values[static_cast<size_t>(i)] = value_of(statement.getColumn(i));
      row(values);
    }
  } catch (const SQLite::Exception& error) {
    const int code = error.getErrorCode() & 0xFF;
    if (code == SQLITE_ERROR || code == SQLITE_AUTH || code == SQLITE_RANGE ||
        code == SQLITE_MISUSE || code == SQLITE_TOOBIG)
      refuse(error);
    throw database_error(path, error);
  }
}

}  // namespace xp
