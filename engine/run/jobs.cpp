// Submitting: the record is on disk before the scheduler hears of the job, so that whatever happens
// in between is found out by its name.
#include "engine/run/jobs.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/run/settle.h"

#include <fmt/format.h>

#include <algorithm>

namespace xp {
namespace {

/// The runs of one job, all of the same shape.
using Pack = std::vector<const Work*>;

std::string shape_of(const Work& work) {
  return work.launch().dump();
}

// A training and its evaluations stay together; several such go into one job where the launcher
// packs and they are of one node.
std::vector<Pack> packs_of(const std::vector<const Work*>& work, const std::vector<Work>& all) {
  std::vector<Pack> families;
  std::map<const Work*, size_t> family_of;
  for (const Work* one : work) {
    const Work* head = one->training ? &all[*one->training] : one;
    const auto [found, is_new] = family_of.try_emplace(head, families.size());
    if (is_new) families.emplace_back();
    families[found->second].push_back(one);
  }
  std::vector<Pack> out;
  std::map<std::string, std::pair<size_t, int64_t>> open;  // shape -> the pack with room, its size
  for (auto& family : families) {
    const Work& first = *family.front();
    const auto pack = make_part<Launcher>(first.launch())->pack();
    const bool packs = pack > 1 && first.launch().value("nodes", 1) == 1;
    const auto found = packs ? open.find(shape_of(first)) : open.end();
    if (found != open.end() && found->second.second < pack) {
      Pack& into = out[found->second.first];
      into.insert(into.end(), family.begin(), family.end());
      ++found->second.second;
    } else {
      if (packs) open[shape_of(first)] = {out.size(), 1};
      out.push_back(std::move(family));
    }
  }
  return out;
}

// Names are never used twice, so that a name finds one job for ever.
std::string fresh_name(const Workspace& workspace, const Work& work) {
  const std::string stem = "xp-" + work.folder.filename().string().substr(0, 8);
  for (int number = 1;; ++number) {
    const std::string name = fmt::format("{}-{}", stem, number);
    if (!fs::exists(job_folder(workspace, name))) return name;
  }
}

// Where a failure of the machine happened to these runs.
std::vector<std::string> bad_nodes(const Pack& pack) {
  std::set<std::string> out;
  for (const Work* work : pack) {
    for (int64_t number = last_attempt(work->folder); number > 0; --number) {
      const auto end = read_end(attempt_folder(work->folder, number));
      if (end && may_retry(end->outcome) && !end->host.empty()) out.insert(end->host);
    }
  }
  return {out.begin(), out.end()};
}

BatchJob batch_job(const Pack& pack, const SubmitSettings& settings, const std::string& name) {
  const Value& launch = pack.front()->launch();
  BatchJob job;
  job.name = name;
  job.folder = fs::absolute(job_folder(settings.workspace, name));
  job.command = {settings.program.string(), "work", job.folder.string()};
  job.nodes = launch.value("nodes", int64_t{1});
  job.ranks_per_node = launch.value("ranks_per_node", int64_t{1});
  job.threads_per_rank = launch.value("threads_per_rank", int64_t{1});
  job.exclude = bad_nodes(pack);
  return job;
}

// The list that `xp work` reads. An evaluation whose training is in another job, or done, has none.
Value work_json(const Pack& pack, const std::vector<Work>& all, const SubmitSettings& settings) {
  std::vector<Work> list;
  std::map<const Work*, size_t> place;
  for (const Work* one : pack) {
    Work copy = *one;
    copy.folder = fs::absolute(one->folder);
    if (copy.training) {
      const auto found = place.find(&all[*copy.training]);
      copy.training = found == place.end() ? std::nullopt : std::optional(found->second);
    }
    place[one] = list.size();
    list.push_back(std::move(copy));
  }
  return {{"schema", 1},
          {"workspace", fs::absolute(settings.workspace.root).string()},
          {"experiment", settings.experiment},
          {"command_line", settings.command_line},
          {"work", to_json(list)}};
}

bool has_open_job(const Workspace& workspace, const Work& work) {
  const std::string name = job_of(work.folder);
  if (name.empty()) return false;
  const auto job = read_job(workspace, name);
  return job && job->phase != "ended";
}

void submit_pack(const Pack& pack, const std::vector<Work>& all, const SubmitSettings& settings) {
  const Workspace& workspace = settings.workspace;
  JobRecord record;
  record.name = fresh_name(workspace, *pack.front());
  record.launcher = pack.front()->launch().value("use", "");
  record.experiment = settings.experiment;
  record.submitted_s = now_s();
  for (const Work* work : pack)
    record.runs.push_back(fs::relative(work->folder, workspace.root));
  const BatchJob job = batch_job(pack, settings, record.name);
  write_atomic(job.folder / "work.json", work_json(pack, all, settings).dump() + "\n");
  write_job(workspace, record);
  for (const Work* work : pack)
    set_job_of(work->folder, record.name);
  try {
    record.id = make_part<Launcher>(pack.front()->launch())->queue()->submit(job);
  } catch (const Error& error) {
    // Not answered is not refused: the job may be in the queue, and is looked for by its name.
    if (error.blame() != Blame::kUser) throw;
    record.phase = "ended";
    write_job(workspace, record);
    for (const Work* work : pack)
      set_job_of(work->folder, "");
    throw;
  }
  record.phase = "queued";
  record.seen_s = now_s();
  write_job(workspace, record);
}

}  // namespace

std::string queue_problem(const std::vector<Work>& work, const SubmitSettings& settings) {
  std::set<std::string> shapes;
  for (const auto& one : work) {
    if (!shapes.insert(shape_of(one)).second) continue;
    const auto queue = make_part<Launcher>(one.launch())->queue();
    if (!queue) continue;
    const BatchJob job = batch_job({&one}, settings, "xp-trial");
    if (std::string problem = queue->problem(job); !problem.empty()) return problem;
  }
  return "";
}

std::vector<Work> without(const std::vector<Work>& work,
                          const std::function<bool(const Work&)>& is_over) {
  std::vector<Work> out;
  std::map<size_t, size_t> place;
  for (size_t i = 0; i < work.size(); ++i) {
    if (is_over(work[i])) continue;
    place[i] = out.size();
    out.push_back(work[i]);
    if (!out.back().training) continue;
    const auto found = place.find(*out.back().training);
    out.back().training = found == place.end() ? std::nullopt : std::optional(found->second);
  }
  return out;
}

std::vector<Work> still_open(const std::vector<Work>& work) {
  return without(work, [&work](const Work& one) {
    const State state = read_status(one.folder).state;
    const bool is_orphan =
        one.training && read_status(work[*one.training].folder).state == State::kFailed;
    return is_orphan || state == State::kDone || state == State::kFailed;
  });
}

size_t submit(const std::vector<Work>& work, const SubmitSettings& settings) {
  const Workspace& workspace = settings.workspace;
  const FileLock turn = jobs_turn(workspace);
  std::vector<const Work*> free;
  for (const auto& one : work) {
    fs::create_directories(one.folder);
    const bool is_taken = is_held(one.folder) || has_open_job(workspace, one);
    if (!is_taken && !is_cancel_asked(one.folder)) free.push_back(&one);
  }
  // An evaluation waits for its training's job.
  const std::set<const Work*> mine(free.begin(), free.end());
  std::erase_if(free, [&](const Work* one) {
    return one->training && !mine.contains(&work[*one->training]);
  });
  const auto packs = packs_of(free, work);
  for (const auto& pack : packs)
    submit_pack(pack, work, settings);
  return packs.size();
}

Execution work_through(const fs::path& job_folder, const fs::path& program,
                       const std::function<Wish()>& wish,
                       const std::function<Outcome()>& end_meaning) {
  const Value list = Value::parse(read_file(job_folder / "work.json"), nullptr, false);
  if (!list.is_object() || !list.contains("work"))
    machine_error("'{}' is damaged", (job_folder / "work.json").string());
  auto work = work_from(list["work"]);
  check(!work.empty(), "a job has work");
  const Workspace workspace{list.at("workspace").get<std::string>()};
  const auto launcher = make_part<Launcher>(work.front().launch());
  const auto place = launcher->allocation();
  if (!place) {
    user_error("`xp work` runs inside a job of '{}'; `xp run FILE` starts one",
               work.front().launch().value("use", ""));
  }
  note_start(workspace, job_folder.filename().string(), *place);
  if (place->restarts > 0) work = still_open(work);
  ExecutorSettings settings;
  settings.attempts.command_line = list.at("command_line").get<std::vector<std::string>>();
  settings.attempts.style = Progress::Style::kLines;
  settings.attempts.warm = fs::path(work.front().command.at(0)).filename() == "xp-engine";
  settings.attempts.host = place->hosts.front();
  settings.attempts.checks_first = place->hosts.size() > 1;
  settings.jobs = launcher->pack() > 1 ? 0 : 1;
  settings.gpus = place->gpus;
  settings.retries_here = false;
  settings.wish = wish;
  settings.end_meaning = end_meaning;
  Execution out = execute(work, settings);
  if (wish() != Wish::kGoOn) return out;  // the scheduler may start this job again
  note_end(workspace, job_folder.filename().string());
  const auto left = still_open(work);
  if (left.empty()) return out;
  // Failed here with retries left: elsewhere, if this node may submit; else the next `xp` does.
  try {
    submit(left, {workspace, list.at("experiment").get<std::string>(), program,
                  settings.attempts.command_line});
  } catch (const Error& error) {
    fmt::print(stderr, "not submitted again from here: {}\n", error.what());
  }
  return out;
}

void requeue(const fs::path& job_folder) {
  const Value list = Value::parse(read_file(job_folder / "work.json"), nullptr, false);
  const auto work = work_from(list.at("work"));
  const auto launcher = make_part<Launcher>(work.front().launch());
  const auto place = launcher->allocation();
  if (!place || still_open(work).empty()) return;
  if (!launcher->queue()->requeue(place->id))
    fmt::print(stderr, "the scheduler does not start this job again; the next xp submits it\n");
}

}  // namespace xp
