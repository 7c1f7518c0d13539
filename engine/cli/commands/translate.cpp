// `xp translate RUN`: sentences from standard input to standard output, by a trained model.
#include "engine/base/descriptor.h"
#include "engine/base/progress.h"
#include "engine/base/text.h"
#include "engine/cli/commands/translation_lines.h"
#include "engine/cli/commands/translation_ranks.h"
#include "engine/cli/commands/translation_settings.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/points/named_run.h"
#include "engine/cli/points/programs.h"
#include "engine/cli/terminal/signals.h"
#include "engine/data/prepared_corpus.h"
#include "engine/experiment/resolve.h"
#include "registry/sections.h"
#include "results/runs/checkpoints.h"

#include <climits>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace xp {
namespace {

constexpr size_t kWindow = 1024;           // lines sorted by length and translated together
constexpr size_t kMaxUnwritten = 1 << 20;  // bytes; no more is translated while nobody reads
constexpr int kMaxNotes = 10;              // about single lines

struct Options : WorkspaceOptions {
  static constexpr std::string_view kDetails =
      "echo 'The file is missing.' | xp translate last\n"
      "xp translate 3fa9 --direction en-de --input news.en --output news.de\n"
      "xp translate gshard --n-best 5 --beam 10 --json < news.en\n"
      "xp translate gshard --beam 3 --n-best 3 --temperature 0.8 --top-p 0.9 --seed 7 < news.en\n"
      "xp translate last --json-input --json < mixed.jsonl\n"
      "\n"
      "RUN is an evaluation, or a training, of which the newest evaluation counts: its [eval] "
      "says\n"
      "how to translate. Text is cut into pieces, tagged and joined again as in the evaluation.\n"
      "Each line of the input becomes one line of the output: an empty one stays empty, and one\n"
      "that cannot be translated is reported and left empty (exit code 4). Lines that come\n"
      "together are translated together, up to 1024, so that a line that is typed is answered at\n"
      "once and files are quick. The ranks are processes of this machine: as many as trained a\n"
      "model with experts; for others one, or for files as many as there are processors.\n"
      "\n"
      "With --json-input every line is an object with a text \"source\" and, if the model has\n"
      "several directions, \"direction\"; a text \"prefix\" is what its translation begins with.\n"
      "--json copies other keys to the output.\n"
      "With --n-best N and without --json: number of the line, score and translation, separated\n"
      "by tabs, on N lines. A score is log p / length ^ length_penalty. With --temperature, "
      "--top-k\n"
      "or --top-p, --beam says how many translations are drawn.\n"
      "With --alignment three columns follow: the pieces of the source, those of the translation,\n"
      "and for each of these which source piece the last decoder layer attends to most, as pairs\n"
      "0-0 1-2 of their numbers from 0, source first; pieces that attend to the end or a tag have\n"
      "no pair. With --json: \"source_pieces\", and \"pieces\" and \"alignment\" of each "
      "hypothesis.";

  std::string run, direction, prefix;
  fs::path input, output;
  int64_t num_best = 1;
  EvalChanges changes;
  bool json = false, json_input = false, alignment = false;

  void declare(Arguments& arguments) {
    declare_run(arguments, run, *this);
    arguments.option("--direction", "FROM-TO", &direction,
                     "languages; needed if the model has several directions");
    arguments.option("--input", "FILE", &input, "sentences, one a line").otherwise("stdin");
    arguments.option("--output", "FILE", &output, "translations; replaced").otherwise("stdout");
    arguments.option("--n-best", "N", &num_best, "translations of each sentence, with scores")
        .from(1);
    arguments.option("--prefix", "TEXT", &prefix,
                     "what every translation begins with, up to the end of a word");
    arguments.flag("--alignment", alignment, "which source piece each piece attends to");
    changes.declare(arguments);
    arguments.flag("--json-input", json_input, "read objects with \"source\" and \"direction\"");
    declare_json(arguments, json);
    WorkspaceOptions::declare(arguments);
  }
};

/// Where lines come from.
struct Input {
  Descriptor own;
  int descriptor = STDIN_FILENO;
  bool is_terminal = false;
  int64_t num_lines = 0;  // of a file; 0 = not known
};

// How many lines a file has from where it is read; 0 if it is none.
int64_t lines_ahead(int descriptor) {
  struct stat about {};
  const off_t begin = ::lseek(descriptor, 0, SEEK_CUR);
  if (::fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode) || begin < 0) return 0;
  int64_t count = 0;
  std::vector<char> piece(1 << 20);
  char last = '\n';
  off_t at = begin;
  for (ssize_t got = 0; (got = ::pread(descriptor, piece.data(), piece.size(), at)) > 0;
       at += got) {
    count += std::count(piece.begin(), piece.begin() + got, '\n');
    last = piece[static_cast<size_t>(got) - 1];
  }
  return count + (last == '\n' ? 0 : 1);
}

Input open_input(const fs::path& path) {
  Input out;
  if (!path.empty()) {
    out.own = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    out.descriptor = out.own.get();
    if (out.descriptor < 0)
      user_error("'{}' cannot be read: {}", path.string(), std::strerror(errno));
    if (fs::is_directory(path)) user_error("'{}' is a folder", path.string());
  }
  out.is_terminal = ::isatty(out.descriptor) == 1;
  out.num_lines = lines_ahead(out.descriptor);
  return out;
}

/// Where translations go. Never waits for whoever reads them.
class Output {
 public:
  Output(const fs::path& path, const fs::path& input) {
    if (path.empty()) return;
    std::error_code none;
    if (!input.empty() && fs::equivalent(path, input, none))
      usage_error("--input and --output are the same file");
    own_ = Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    descriptor_ = own_.get();
    name_ = "'" + path.string() + "'";
    if (descriptor_ < 0) user_error("{} cannot be written: {}", name_, std::strerror(errno));
  }

  void add(std::string_view text) { waiting_ += text; }
  size_t num_waiting() const { return waiting_.size() - written_; }
  pollfd news() const {
    constexpr short kNone = 0, kRoom = POLLOUT;
    return {descriptor_, num_waiting() > 0 ? kRoom : kNone, 0};
  }

  /// What can be written now. False if nobody reads it any more.
  bool flush(short events) {
    if ((events & POLLERR) != 0) return false;
    if ((events & POLLOUT) == 0 || num_waiting() == 0) return true;
    // A pipe that is ready takes so much without waiting.
    const size_t count = std::min<size_t>(num_waiting(), PIPE_BUF);
    const ssize_t done = ::write(descriptor_, waiting_.data() + written_, count);
    if (done < 0 && errno == EPIPE) return false;
    if (done < 0 && errno != EINTR && errno != EAGAIN)
      machine_error("{} cannot be written: {}", name_, std::strerror(errno));
    written_ += static_cast<size_t>(std::max<ssize_t>(done, 0));
    if (num_waiting() == 0 || written_ > kMaxUnwritten) {
      waiting_.erase(0, written_);
      written_ = 0;
    }
    return true;
  }

 private:
  Descriptor own_;
  int descriptor_ = STDOUT_FILENO;
  std::string name_ = "standard output";
  std::string waiting_;
  size_t written_ = 0;
};

/// Signals that the reader of a pipe is gone come as errors while it lives.
class NoPipeSignal {
 public:
  NoPipeSignal() : before_(std::signal(SIGPIPE, SIG_IGN)) {}
  ~NoPipeSignal() { std::signal(SIGPIPE, before_); }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  void (*before_)(int);
};

void check_num_best(const Options& options, int64_t beam) {
  if (options.num_best <= beam) return;
  usage_error("--n-best {} needs --beam {} or more; it is {}", options.num_best, options.num_best,
              beam);
}

// The ranks of the training if its experts are on them; else what makes files quick.
void choose_ranks(TranslationSetup& setup, bool is_typed) {
  const Value& launch = setup.spec.at("launch");
  const int64_t nodes = launch.value("nodes", int64_t{1});
  const int64_t each = launch.value("ranks_per_node", int64_t{1});
  setup.nodes = nodes;
  setup.ranks_per_node = each;
  if (!evaluation_exchange(build_catalog(), setup.spec.at("model")).is_null()) return;
  const int64_t cores = std::max<int64_t>(1, std::thread::hardware_concurrency());
  const int64_t room = cores / launch.value("threads_per_rank", int64_t{1});
  setup.nodes = 1;
  setup.ranks_per_node = is_typed ? 1 : std::clamp<int64_t>(room, 1, nodes * each);
}

/// The conversation: lines to requests, answers to lines.
class Translation {
 public:
  Translation(const Options& options, LineFormat format, Input input)
      : options_(options),
        format_(format),
        input_(std::move(input)),
        output_(options.output, options.input),
        lines_(std::move(format)),
        shows_progress_(!input_.is_terminal &&
                        (!options.output.empty() || ::isatty(STDOUT_FILENO) == 0)),
        progress_("translating", input_.num_lines, "sentences",
                  shows_progress_ ? Progress::Style::kAuto : Progress::Style::kQuiet) {}

  int run(TranslationRanks& ranks) {
    while (SignalWatch::count() == 0) {
      if (!is_asking_ && output_.num_waiting() < kMaxUnwritten) ask(ranks);
      if (is_over()) return finish();
      std::array<pollfd, 3> news = {pollfd{ranks.handle(), POLLIN, 0}, output_.news(),
                                    pollfd{wants_input() ? input_.descriptor : -1, POLLIN, 0}};
      if (ranks.has_ended()) news[0].fd = -1;
      ::poll(news.data(), news.size(), ranks.has_ended() ? 20 : 1000);
      if (!output_.flush(news[1].revents)) return 128 + SIGPIPE;
      if (news[2].revents != 0) read();
      while (const auto said = ranks.poll())
        take(*said);
    }
    return 128 + SignalWatch::received();
  }

 private:
  bool wants_input() const { return !is_at_end_ && lines_.num_ready() < 2 * kWindow; }
  bool is_over() const {
    return is_at_end_ && lines_.num_ready() == 0 && !is_asking_ && output_.num_waiting() == 0;
  }

  void read() {
    std::array<char, 1 << 16> piece{};
    const ssize_t count = ::read(input_.descriptor, piece.data(), piece.size());
    if (count > 0) return lines_.add({piece.data(), static_cast<size_t>(count)});
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count < 0) machine_error("the input cannot be read: {}", std::strerror(errno));
    is_at_end_ = true;
    lines_.end();
  }

  // Everything that has come is one request.
  void ask(TranslationRanks& ranks) {
    if (!is_ready_) return;
    window_.clear();
    std::vector<SourceLine> asked;
    while (window_.size() < kWindow) {
      auto line = lines_.next();
      if (!line) break;
      if (line->is_translated()) asked.push_back(*line);
      window_.push_back(std::move(*line));
    }
    if (window_.empty()) return;
    if (asked.empty()) return write({});
    is_asking_ = true;
    ranks.request(asked, {options_.num_best, options_.alignment});
  }

  void take(const TranslationNews& said) {
    if (said.is_ready) {
      is_ready_ = true;
      progress_.restart(0, input_.num_lines);
    }
    if (said.finished > 0) progress_.update(num_done_ + said.finished);
    if (!said.answers) return;
    is_asking_ = false;
    write(*said.answers);
  }

  void write(const std::vector<TranslatedLine>& answers) {
    auto answer = answers.begin();
    for (auto& line : window_) {
      TranslatedLine translated;
      if (line.is_translated()) {
        check(answer != answers.end(), "every sentence is answered");
        translated = *answer;
        ++answer;
      }
      if (!translated.problem.empty()) line.problem = translated.problem;
      if (!line.problem.empty()) ++num_problems_;
      tell(line);
      output_.add(output_text(line, translated, format_));
    }
    num_done_ += static_cast<int64_t>(window_.size());
    window_.clear();
    progress_.update(num_done_);
  }

  void tell(const SourceLine& line) {
    const bool has_problem = !line.problem.empty();
    if (!has_problem && (line.note.empty() || num_notes_++ >= kMaxNotes)) return;
    if (has_problem && num_problems_ > kMaxNotes) return;
    fmt::print(stderr, "line {}{}: {}\n", line.number, has_problem ? " is left empty" : "",
               has_problem ? line.problem : line.note);
  }

  int finish() {
    if (shows_progress_) progress_.finish();
    if (num_notes_ > kMaxNotes)
      fmt::print(stderr, "{} lines had bytes that are not UTF-8\n", num_notes_);
    if (num_problems_ > kMaxNotes) fmt::print(stderr, "{} lines were left empty\n", num_problems_);
    return num_problems_ > 0 ? Exit::kPartlyFailed : Exit::kDone;
  }

  const Options& options_;
  LineFormat format_;
  Input input_;
  Output output_;
  SourceLines lines_;
  bool shows_progress_;
  Progress progress_;
  std::vector<SourceLine> window_;
  bool is_ready_ = false, is_asking_ = false, is_at_end_ = false;
  int64_t num_done_ = 0;
  int num_problems_ = 0, num_notes_ = 0;
};

LineFormat format_of(const Options& options, const fs::path& corpus) {
  LineFormat out;
  const PreparedCorpus opened = open_corpus(corpus);
  for (const auto& direction : opened.directions())
    out.directions.push_back(direction.name());
  out.direction = options.direction;
  const auto& known = out.directions;
  const bool is_known = std::find(known.begin(), known.end(), options.direction) != known.end();
  if (!options.direction.empty() && !is_known)
    usage_error("{}", unknown_name("direction", options.direction, known));
  if (out.direction.empty() && known.size() == 1) out.direction = known.front();
  if (out.direction.empty() && !options.json_input)
    usage_error("the model translates {}; choose with --direction", join(known, ", "));
  out.reads_json = options.json_input;
  out.writes_json = options.json;
  out.has_scores = options.num_best > 1;
  out.has_alignment = options.alignment;
  out.prefix = options.prefix;
  return out;
}

int translate(const Options& options) {
  const Workspace workspace{options.workspace};
  const RunFolder run = named_evaluation(options, options.run);
  TranslationSetup setup;
  setup.spec = options.changes.applied_to(run.spec);
  setup.engine = existing_engine();
  setup.corpus = workspace.corpus(run.spec.at("corpus_id"));
  setup.training = workspace.training(run.spec.at("training_id"));
  const auto eval = bind_settings<EvalSection>(setup.spec.at("eval"));
  check_num_best(options, eval.beam);
  required_checkpoints(setup.training, eval.checkpoint, eval.average.value_or(0));
  const LineFormat format = format_of(options, setup.corpus);
  Input input = open_input(options.input);
  choose_ranks(setup, input.is_terminal);
  if (input.is_terminal) {
    fmt::print(stderr, "{} by evaluation {}; one sentence a line, Ctrl-D ends\n",
               format.direction.empty() ? "translating" : format.direction, run.id);
  }
  const NoPipeSignal quiet;
  const SignalWatch signals;
  Translation translation(options, format, std::move(input));
  TranslationRanks ranks(setup);
  return translation.run(ranks);
}

XP_COMMAND(Options, translate, "translate", Group::kRuns,
           "translate sentences with a trained model", "generate interactive decode infer predict");

}  // namespace
}  // namespace xp
