// Run folders: status, lease, attempts and events.
#include "results/runs/workspace.h"

#include "engine/base/error.h"
#include "engine/base/json_numbers.h"
#include "engine/base/json_text.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>

namespace xp {
namespace {

constexpr int64_t kStatusSchema = 1;
constexpr State kStates[] = {State::kNew, State::kRunning, State::kDone, State::kFailed};

State state_from(const std::string& name, const fs::path& path) {
  for (const State state : kStates) {
    if (state_name(state) == name) return state;
  }
  machine_error("'{}' is damaged: its state is '{}'; delete the file to run this again",
                path.string(), name);
}

Status status_from(const Value& value, const fs::path& path) {
  if (const int64_t schema = integer_from(value.at("schema")); schema > kStatusSchema) {
    machine_error("'{}' was written by a newer xp (schema {}, this one knows {}); use that xp",
                  path.string(), schema, kStatusSchema);
  }
  Status out;
  out.state = state_from(value.at("state"), path);
  out.attempt = integer_from(value.at("attempt"));
  out.started_s = value.at("started_s");
  out.ended_s = value.at("ended_s");
  if (!is_time(value["started_s"]) || !is_time(value["ended_s"]))
    machine_error("'{}' is damaged: its times are none; delete the file to run this again",
                  path.string());
  out.cause = value.at("cause");
  out.summary = value.at("summary");
  return out;
}

// What write_atomic leaves if its process dies: .NAME.PID.new. The lease says that nobody else
// writes here.
void remove_half_written(const fs::path& run_folder) {
  std::vector<fs::path> found;
  std::error_code code;
  for (fs::recursive_directory_iterator at(run_folder, code), end; at != end; at.increment(code)) {
    const std::string name = at->path().filename().string();
    if (name.starts_with('.') && name.ends_with(".new")) found.push_back(at->path());
  }
  for (const auto& path : found)
    fs::remove(path, code);
}

std::optional<Event> event_from(std::string_view line) {
  const Value value = Value::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) return std::nullopt;
  try {
    return Event{value.at("event"), integer_from(value.at("update")), value.at("seconds"),
                 value.at("values")};
  } catch (const Value::exception&) {
    return std::nullopt;  // JSON, but not one of our lines
  }
}

// The bytes of a file from `offset` on; "" if it does not exist.
std::string read_from(const fs::path& path, size_t offset) {
  std::ifstream file(path, std::ios::binary);
  if (!file.seekg(0, std::ios::end)) return "";
  const auto size = static_cast<size_t>(file.tellg());
  if (size <= offset) return "";
  std::string bytes(size - offset, '\0');
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

}  // namespace

std::string_view kind_name(RunKind kind) {
  return kind == RunKind::kTraining ? "training" : "evaluation";
}

std::string_view state_name(State state) {
  switch (state) {
    case State::kRunning:
      return "running";
    case State::kDone:
      return "done";
    case State::kFailed:
      return "failed";
    case State::kNew:
      break;
  }
  return "new";
}

Status read_status(const fs::path& run_folder) {
  const fs::path path = run_folder / "status.json";
  try {
    const auto bytes = read_if_there(path);
    // A status that says "running" is not flushed: a power failure may leave no bytes, or zeros.
    if (!bytes || bytes->find_first_not_of('\0') == std::string::npos) return {};
    return status_from(Value::parse(*bytes), path);
  } catch (const Value::exception&) {
    machine_error("'{}' is damaged; delete the file to run this again", path.string());
  } catch (const Error& error) {
    throw Error(Blame::kMachine, error.what());
  }
}

void write_status(const fs::path& run_folder, const Status& status) {
  const Value value = {{"schema", kStatusSchema},   {"state", state_name(status.state)},
                       {"attempt", status.attempt}, {"started_s", status.started_s},
                       {"ended_s", status.ended_s}, {"cause", status.cause},
                       {"summary", status.summary}};
  const fs::path path = run_folder / "status.json";
  const std::string text = json_text(value, 2) + "\n";
  if (status.state == State::kRunning) return replace_file(path, text);
  for (const char* record : {"spec.toml", "provenance.json", "scores.json"})
    flush_file(run_folder / record);
  write_atomic(path, text);
  // A folder may be flushed without its own name: a run that is done could still be lost.
  for (const fs::path& parent : {run_folder.parent_path(), run_folder.parent_path().parent_path()})
    flush_file(parent);
}

fs::path spec_file(const fs::path& run_folder) {
  return run_folder / "spec.toml";
}

std::optional<FileLock> take_lease(const fs::path& run_folder) {
  return FileLock::attempt(run_folder / "lease");
}

FileLock wait_for_lease(const fs::path& run_folder) {
  return FileLock::wait(run_folder / "lease");
}

bool is_held(const fs::path& run_folder) {
  return FileLock::is_held(run_folder / "lease");
}

void ask_cancel(const fs::path& run_folder, const std::string& reason) {
  write_atomic(run_folder / "cancel", reason + "\n");
}
std::string cancel_reason(const fs::path& run_folder) {
  std::string out;
  std::ifstream file(run_folder / "cancel");
  std::getline(file, out);
  return out;
}
bool is_cancel_asked(const fs::path& run_folder) {
  std::error_code code;
  return fs::exists(run_folder / "cancel", code);
}
void withdraw_cancel(const fs::path& run_folder) {
  std::error_code code;
  fs::remove(run_folder / "cancel", code);
}

int64_t attempt_number(const fs::path& attempt_folder) {
  const std::string name = attempt_folder.filename().string();
  if (name.empty() || name.size() > 9) return 0;
  if (name.find_first_not_of("0123456789") != std::string::npos) return 0;
  return std::stoll(name);
}

int64_t last_attempt(const fs::path& run_folder) {
  int64_t last = 0;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(run_folder / "attempts", code)) {
    last = std::max(last, attempt_number(entry.path()));
  }
  return last;
}

fs::path next_attempt(const fs::path& run_folder) {
  const fs::path attempts = run_folder / "attempts";
  std::error_code code;
  remove_half_written(run_folder);
  fs::create_directories(attempts, code);
  for (int64_t number = last_attempt(run_folder) + 1; !code; ++number) {
    const fs::path folder = attempts / std::to_string(number);
    if (fs::create_directory(folder, code)) return folder;
  }
  machine_error("a folder in '{}' cannot be made: {}", attempts.string(), code.message());
}

EventLog::EventLog(fs::path attempt_folder)
    : path_(std::move(attempt_folder) / "events.jsonl"), start_s_(now_s()) {}

void EventLog::write(const std::string& event, int64_t update, const Value& values) {
  const Value line = {{"event", event},
                      {"update", update},
                      {"seconds", std::round((now_s() - start_s_) * 1e4) / 1e4},
                      {"values", values}};
  append_file(path_, json_text(line) + "\n");
}

std::vector<Event> read_events(const fs::path& attempt_folder, size_t& offset) {
  const std::string bytes = read_from(attempt_folder / "events.jsonl", offset);
  std::vector<Event> out;
  size_t start = 0;
  for (size_t end = bytes.find('\n'); end != std::string::npos; end = bytes.find('\n', start)) {
    auto event = event_from(std::string_view(bytes).substr(start, end - start));
    if (event) out.push_back(std::move(*event));
    start = end + 1;
  }
  offset += start;
  return out;
}

double now_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace xp
