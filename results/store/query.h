// SQL that users wrote: a single statement that can only read.
#pragma once

#include "engine/base/file.h"
#include "engine/base/value.h"

#include <functional>
#include <string>
#include <vector>

namespace SQLite {
class Database;
}

namespace xp {

/// Runs one SELECT: `head` gets the names of its columns, then `row` the values of each row (null,
/// integer, number or text). Raises kUser for text that is not SQL, and for SQL that writes;
/// `path` names the database in messages.
void run_query(SQLite::Database& database, const fs::path& path, const std::string& sql,
               const std::function<void(const std::vector<std::string>&)>& head,
               const std::function<void(const std::vector<Value>&)>& row);

}  // namespace xp
