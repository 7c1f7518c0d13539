// The record is on disk before the scheduler hears of the job, so that whatever happens in between
// is found out by the job's name.
#include "engine/run/submit.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "engine/run/jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <unistd.h>

namespace xp {
namespace {

/// The runs of one job, all of the same shape.
using Pack = std::vector<const Work*>;

std::string shape_of(const Work& work) {
  return json_text(work.launch());
}

// Null if its launcher has none.
std::unique_ptr<BatchQueue> queue_of(const Work& work) {
  return make_part<Launcher>(work.launch())->queue();
}

// A training and its evaluations stay together; several such go into one job if the launcher
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

// Of job `index` of several that are submitted together under one name.
std::string name_in(const std::string& name, size_t index) {
  return fmt::format("{}_{}", name, index);
}

// "-3fb2", for names that no other workspace has, nor an earlier one in the same place: the same
// run of theirs would be taken for ours in the scheduler's listings.
std::string mark_of(const Workspace& workspace) {
  const fs::path file = workspace.jobs() / "mark";
  if (!fs::exists(file)) write_atomic(file, fmt::format("{:.6f} {}", now_s(), ::getpid()));
  const std::string made = read_file(file);
  if (made.empty()) return "";
  return "-" + sha256(made + fs::absolute(workspace.root).string()).substr(0, 4);
}

// Names are never used twice, so that a name finds one job for ever.
std::string fresh_name(const Workspace& workspace, const Work& work) {
  const std::string stem =
      "xp-" + work.folder.filename().string().substr(0, 8) + mark_of(workspace);
  for (int number = 1;; ++number) {
    const std::string name = fmt::format("{}-{}", stem, number);
    if (!fs::exists(job_folder(workspace, name)) &&
        !fs::exists(job_folder(workspace, name_in(name, 0))))
      return name;
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

// On disk before the scheduler hears of it.
JobRecord begin_job(const Pack& pack, const std::string& name, const std::vector<Work>& all,
                    const SubmitSettings& settings) {
  const Workspace& workspace = settings.workspace;
  JobRecord record;
  record.name = name;
  record.launcher = pack.front()->launch().value("use", "");
  record.experiment = settings.experiment;
  record.submitted_s = now_s();
  for (const Work* work : pack)
    record.runs.push_back(fs::relative(work->folder, workspace.root));
  write_atomic(work_file(job_folder(workspace, name)),
               json_text(work_json(pack, all, settings)) + "\n");
  write_job(workspace, record);
  for (const Work* work : pack)
    set_job_of(work->folder, name);
  return record;
}

void note_queued(const Workspace& workspace, JobRecord record, const std::string& id) {
  record.id = id;
  record.phase = JobPhase::kQueued;
  record.seen_s = now_s();
  write_job(workspace, record);
}

void note_refused(const Workspace& workspace, JobRecord record) {
  record.phase = JobPhase::kEnded;
  write_job(workspace, record);
  for (const auto& run : record.runs)
    set_job_of(workspace.root / run, "");
}

// One job, or several of one shape in one call; these one by one if the scheduler does not take
// so many at once.
void submit_packs(const std::vector<Pack>& packs, const std::vector<Work>& all,
                  const SubmitSettings& settings) {
  const Pack& first = packs.front();
  const bool is_one = packs.size() == 1;
  const std::string name = fresh_name(settings.workspace, *first.front());
  std::vector<JobRecord> records;
  for (size_t i = 0; i < packs.size(); ++i)
    records.push_back(begin_job(packs[i], is_one ? name : name_in(name, i), all, settings));
  BatchJob job = batch_job(first, settings, name);
  job.count = is_one ? 0 : static_cast<int64_t>(packs.size());
  std::string id;
  try {
    id = queue_of(*first.front())->submit(job);
  } catch (const Error& error) {
    // Not answered is not refused: the jobs may be in the queue, and are looked for by their names.
    if (error.blame() != Blame::kUser) throw;
    for (const auto& record : records)
      note_refused(settings.workspace, record);
    if (is_one) throw;
  }
  for (size_t i = 0; i < packs.size(); ++i) {
    if (id.empty())
      submit_packs({packs[i]}, all, settings);
    else
      note_queued(settings.workspace, records[i], is_one ? id : name_in(id, i));
  }
}

// What goes into the queue in one call each.
std::vector<std::vector<Pack>> batches_of(std::vector<Pack> packs) {
  // Fewer are worth a name each in the scheduler's listings; more than Slurm's default limit on
  // an array are refused.
  constexpr size_t kMinJobs = 4, kMaxJobs = 1000;
  std::map<std::string, std::vector<Pack>> alike;  // by shape and nodes to avoid
  std::vector<std::string> order;
  for (auto& pack : packs) {
    const std::string key = shape_of(*pack.front()) + join(bad_nodes(pack), ",");
    if (!alike.contains(key)) order.push_back(key);
    alike[key].push_back(std::move(pack));
  }
  std::vector<std::vector<Pack>> out;
  for (const auto& key : order) {
    const auto& same = alike[key];
    const bool is_together = same.size() >= kMinJobs && queue_of(*same[0].front())->takes_many();
    const size_t step = is_together ? kMaxJobs : 1;
    for (size_t i = 0; i < same.size(); i += step) {
      const auto from = same.begin() + static_cast<ptrdiff_t>(i);
      out.emplace_back(from, from + static_cast<ptrdiff_t>(std::min(step, same.size() - i)));
    }
  }
  return out;
}

}  // namespace

std::string queue_problem(const std::vector<Work>& work, const SubmitSettings& settings) {
  std::set<std::string> shapes;
  for (const auto& one : work) {
    if (!shapes.insert(shape_of(one)).second) continue;
    const auto queue = queue_of(one);
    if (!queue) continue;
    const BatchJob job = batch_job({&one}, settings, "xp-trial");
    if (std::string problem = queue->problem(job); !problem.empty()) return problem;
  }
  return "";
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
  size_t out = 0;
  for (const auto& packs : batches_of(packs_of(free, work))) {
    if (settings.stop_request() != StopRequest::kNone) break;
    submit_packs(packs, work, settings);
    out += packs.size();
  }
  return out;
}

}  // namespace xp
