// A trained model that translates: what the evaluation gave for its subset, and whatever else a
// person may type.
#include "engine/base/json_text.h"
#include "engine/base/shell.h"
#include "engine/base/text.h"
#include "engine/base/toml.h"
#include "engine/testing/user.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <regex>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

/// A person whose smoke experiment is done for one exchange.
struct Translator {
  User user;
  fs::path evaluation;
  Value spec;

  explicit Translator(const std::string& exchange, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"run", "experiments/smoke.toml", "--set",
                                      "exchange=" + exchange};
    words.insert(words.end(), more.begin(), more.end());
    const Finished ran = user.xp(words);
    INFO(ran.errors);
    REQUIRE(ran.exit_code == 0);
    evaluation = fs::directory_iterator(user.workspace / "evaluations")->path();
    spec = load_toml(evaluation / "spec.toml");
  }
  std::string id() const { return evaluation.filename(); }
  fs::path training() const {
    return user.workspace / "trainings" / spec["training_id"].get<std::string>();
  }
  fs::path test_text(const std::string& direction) const {
    return user.workspace / "corpora" / spec["corpus_id"].get<std::string>() /
           ("test." + direction + ".source.txt");
  }
  std::string hypotheses(const std::string& direction) const {
    return read_file(evaluation / "hypotheses" / ("test." + direction + ".txt"));
  }
  std::string command(std::vector<std::string> words) const {
    words.insert(words.begin(), "translate");
    std::string out;
    for (const auto& word : user.command(words))
      out += shell_word(word) + " ";
    return out;
  }
  Finished shell(const std::string& script) const { return run_program({"bash", "-c", script}); }
  /// Translates bytes.
  Finished given(const std::string& input, const std::vector<std::string>& words = {"last"}) const {
    write_atomic(user.folder.path() / "input", input);
    return shell(command(words) + "< " + (user.folder.path() / "input").string());
  }
  std::string refusal(const std::vector<std::string>& words, int exit_code) const {
    const Finished ended = given("x\n", words);
    CHECK(ended.exit_code == exit_code);
    CHECK(ended.output.empty());
    return ended.errors;
  }
};

std::string json_line(const std::string& source, const std::string& direction, size_t id) {
  return json_text({{"source", source}, {"direction", direction}, {"id", id}}) + "\n";
}

/// A program with both ends of its conversation in this test's hands.
class Conversation {
 public:
  explicit Conversation(const std::string& script) {
    REQUIRE(::pipe2(in_, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out_, O_CLOEXEC) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(in_[0], 0);
      ::dup2(out_[1], 1);
      ::execl("/bin/bash", "bash", "-c", ("exec " + script).c_str(), nullptr);
      ::_exit(127);
    }
    ::close(in_[0]);
    ::close(out_[1]);
  }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;
  ~Conversation() {
    send(SIGKILL);
    end();
    ::close(out_[0]);
  }
  void say(const std::string& text) const {
    REQUIRE(::write(in_[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  /// Waits for a line.
  std::string hear() {
    std::string line;
    char byte = 0;
    while (::read(out_[0], &byte, 1) == 1 && byte != '\n')
      line += byte;
    return line;
  }
  /// To the program alone, while it runs: kill(2) of -1 would end every process of this user.
  void send(int signal) const {
    if (pid_ > 0) ::kill(pid_, signal);
  }
  /// Closes its input and waits for its end.
  int end() {
    if (in_[1] >= 0) ::close(in_[1]);
    in_[1] = -1;
    if (pid_ < 0) return -1;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return exit_code_of(status);
  }

 private:
  int in_[2] = {-1, -1}, out_[2] = {-1, -1};
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("a dense model gives the evaluation's translations, line by line or all at once",
          "[slow]") {
  const Translator one("dense");
  const std::string source = read_file(one.test_text("en-fr"));
  const std::string expected = one.hypotheses("en-fr");

  const Finished whole = one.given(source);
  INFO(whole.errors);
  CHECK(whole.exit_code == 0);
  CHECK(whole.output == expected);

  // A file to a file, by the training's name, without the last line end.
  const fs::path text = one.user.folder.path() / "in", out = one.user.folder.path() / "out";
  write_atomic(text, source.substr(0, source.size() - 1));
  CHECK(one.given("", {one.training().filename().string(), "--input", text.string(), "--output",
                       out.string(), "--direction", "en-fr"})
            .exit_code == 0);
  CHECK(read_file(out) == expected);

  // Each line is answered before the next one is typed.
  const auto sources = split(source, '\n'), translations = split(expected, '\n');
  Conversation typed(one.command({one.id().substr(0, 6)}));
  for (size_t i = 0; i < 3; ++i) {
    typed.say(sources[i] + "\n");
    CHECK(typed.hear() == translations[i]);
  }
  CHECK(typed.end() == 0);

  // The best of several is the same, and its score the highest.
  const Finished scored =
      one.given(sources[0] + "\n\n", {"last", "--n-best", "2", "--beam", "2", "--json"});
  const auto lines = split(scored.output, '\n');
  REQUIRE(lines.size() == 3);
  const Value first = Value::parse(lines[0]);
  CHECK(first["source"] == sources[0]);
  CHECK(first["direction"] == "en-fr");
  REQUIRE(first["hypotheses"].size() == 2);
  CHECK(first["hypotheses"][0]["text"] == translations[0]);
  CHECK(first["hypotheses"][0]["score"] > first["hypotheses"][1]["score"]);
  CHECK(Value::parse(lines[1])["hypotheses"].empty());
  CHECK(split(one.given(sources[0] + "\n", {"last", "--n-best", "2"}).output, '\n')[1].starts_with(
      "1\t-"));
}

TEST_CASE("options change how a model translates, and it says what its pieces attend to",
          "[slow]") {
  const Translator one("dense");
  const std::string source = split(read_file(one.test_text("en-fr")), '\n')[0];
  const std::string twice = source + "\n" + source + "\n";
  const auto best = [&](const std::string& input, std::vector<std::string> words) {
    words.insert(words.begin(), "last");
    const Finished ended = one.given(input, words);
    INFO(ended.errors);
    CHECK(ended.exit_code == 0);
    return ended.output;
  };
  const auto with_pieces = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--alignment", "--json"});
    return Value::parse(best(source + "\n", words));
  };

  // The same draws for a line of the same number only.
  const auto drawn = [&](const std::string& seed) {
    return best(twice, {"--temperature", "2", "--beam", "1", "--seed", seed});
  };
  CHECK(drawn("7") == drawn("7"));
  CHECK(drawn("7") != drawn("8"));
  CHECK(split(drawn("7"), '\n')[0] != split(drawn("7"), '\n')[1]);
  CHECK(best(source + "\n", {"--top-k", "1"}) == best(source + "\n", {"--beam", "1"}));

  CHECK(with_pieces({"--max-length", "3"})["hypotheses"][0]["pieces"].size() <= 3);
  CHECK(with_pieces({"--min-length", "9", "--max-length", "9"})["hypotheses"][0]["pieces"].size() ==
        9);
  CHECK(with_pieces({"--precision", "int8"})["hypotheses"][0]["text"].is_string());

  const Value aligned = with_pieces({});
  const size_t num_source = aligned["source_pieces"].size();
  CHECK(num_source > 0);
  for (const auto& pair : aligned["hypotheses"][0]["alignment"]) {
    CHECK(pair[0].get<size_t>() < num_source);
    CHECK(pair[1].get<size_t>() < aligned["hypotheses"][0]["pieces"].size());
  }
  CHECK(split(best(source + "\n", {"--alignment"}), '\t').size() == 4);

  const std::string prefix = split(one.hypotheses("en-fr"), ' ')[0];
  CHECK(best(source + "\n", {"--prefix", prefix, "--max-length", "30"}).starts_with(prefix));
}

TEST_CASE("input that is no sentence loses no line and ends nothing", "[slow]") {
  const Translator one("dense");
  const std::string source = split(read_file(one.test_text("en-fr")), '\n')[0];
  const std::string translation = split(one.hypotheses("en-fr"), '\n')[0];

  const Finished odd = one.given("\n \n" + source + "\n\xff\xfe\n\xe6\x97\xa5\xe6\x9c\xac\n" +
                                 source + "\r\n" + source);
  INFO(odd.errors);
  CHECK(odd.exit_code == 0);
  const auto lines = split(odd.output, '\n');
  REQUIRE(lines.size() == 8);
  CHECK(lines[0].empty());
  CHECK(lines[1].empty());
  CHECK(lines[2] == translation);
  CHECK(lines[5] == translation);
  CHECK(lines[6] == translation);
  CHECK(odd.errors.find("line 4: bytes that are not UTF-8 became U+FFFD\n") != std::string::npos);

  std::string words;
  for (int i = 0; i < 50; ++i)
    words += source + " ";
  const Finished longer =
      one.given(source + "\n" + words + "\n" + source + "\n", {"last", "--set", "max_tokens=100"});
  CHECK(longer.exit_code == 4);
  CHECK(longer.output == translation + "\n\n" + translation + "\n");
  CHECK(std::regex_search(longer.errors,
                          std::regex("line 2 is left empty: [0-9]+ pieces, more than the 100 of "
                                     "'max_tokens' in \\[eval\\]\n")));
  CHECK(one.given("").output.empty());
  CHECK(one.given("").exit_code == 0);

  // Nobody reads any more: `yes` never ends by itself.
  const Finished cut = one.shell("yes " + shell_word(source) + " | " + one.command({"last"}) +
                                 " | head -1; echo ${PIPESTATUS[1]}");
  CHECK(cut.output == translation + "\n141\n");
  CHECK(cut.errors.find("standard output") == std::string::npos);

  // A kill leaves neither ranks nor files.
  const fs::path place = one.user.folder.path() / "temporary";
  fs::create_directories(place);
  Conversation killed("env TMPDIR=" + place.string() + " " + one.command({"last"}));
  killed.say(source + "\n");
  CHECK(killed.hear() == translation);
  CHECK_FALSE(fs::is_empty(place));
  killed.send(SIGTERM);
  CHECK(killed.end() == 128 + SIGTERM);
  CHECK(fs::is_empty(place));
}

TEST_CASE("what cannot be translated with is said before ranks start", "[slow]") {
  const Translator one("dense");
  CHECK(one.refusal({"last", "--direction", "en-fx"}, 2) ==
        "no direction named 'en-fx', did you mean 'en-fr'? known: en-fr\n");
  CHECK(one.refusal({"last", "--n-best", "7"}, 2) ==
        "--n-best 7 needs --beam 7 or more; it is 2\n");
  CHECK(one.refusal({"last", "--set", "beam"}, 2) ==
        "--set takes KEY=VALUE, such as max_tokens=20000\n");
  CHECK(one.refusal({"last", "--set", "max_token=1"}, 2)
            .starts_with(
                "no setting of [eval] named 'max_token', did you mean 'max_tokens'? known: "));
  CHECK(one.refusal({"last", "--precision", "fp8"}, 2) ==
        "no value of --precision named 'fp8'; known: fp32, bf16, int8\n");
  CHECK(one.refusal({"last", "--top-p", "1.5"}, 2) == "--top-p is 1.5; must be at most 1\n");
  CHECK(one.refusal({"last", "--temperature", "hot"}, 2) ==
        "--temperature must be a number, not \"hot\"\n");
  CHECK(one.refusal({"last", "--beam", "0"}, 2) == "--beam is 0; must be at least 1\n");
  CHECK(one.refusal({"last", "--set", "max_tokens=0"}, 3) ==
        "'max_tokens' is 0; must be at least 1 token\n");
  CHECK(one.refusal({"last", "--input", "no/such"}, 3) ==
        "'no/such' cannot be read: No such file or directory\n");
  CHECK(one.refusal({"last", "--input", "README.md", "--output", "README.md"}, 2) ==
        "--input and --output are the same file\n");
  CHECK(one.refusal({"nothing"}, 2).find("nothing") != std::string::npos);
  fs::remove_all(one.training() / "checkpoints");
  CHECK(one.refusal({"last"}, 1) == fmt::format("training '{}' has no best checkpoint; `xp run` "
                                                "trains it again\n",
                                                one.training().string()));
  fs::remove_all(one.evaluation);
  CHECK(one.refusal({one.training().filename().string()}, 2) ==
        fmt::format("training {} has no evaluation, whose [eval] is used; `xp run` evaluates it\n",
                    one.training().filename().string()));
}

TEST_CASE("experts on several ranks translate in all directions with one load", "[slow]") {
  const Translator one("scomoe-seq", {"--set", "corpus.pairs=['en-fr', 'fr-en']", "--set",
                                      "corpus.language_tokens.source='target'"});
  CHECK(one.refusal({"last"}, 2) == "the model translates en-fr, fr-en; choose with --direction\n");
  for (const std::string direction : {"en-fr", "fr-en"}) {
    const Finished whole =
        one.given(read_file(one.test_text(direction)), {"last", "--direction", direction});
    INFO(whole.errors);
    CHECK(whole.exit_code == 0);
    CHECK(whole.output == one.hypotheses(direction));
  }
  // Dropless, so that a translation depends on its own sentence only.
  const auto french = split(read_file(one.test_text("fr-en")), '\n');
  const auto english = split(read_file(one.test_text("en-fr")), '\n');
  std::string mixed;
  for (size_t i = 0; i < 3; ++i) {
    mixed += json_line(english[i], "en-fr", 2 * i);
    mixed += json_line(french[i], "fr-en", 2 * i + 1);
  }
  const auto dropless = [&](const std::string& text, std::vector<std::string> words) {
    words.insert(words.begin(), {"last", "--set", "capacity_fraction=0"});
    return split(one.given(text, words).output, '\n');
  };
  const auto objects = dropless(mixed, {"--json-input", "--json"});
  REQUIRE(objects.size() == 7);
  const auto to_french =
      dropless(english[0] + "\n" + english[1] + "\n" + english[2] + "\n", {"--direction", "en-fr"});
  const auto to_english =
      dropless(french[0] + "\n" + french[1] + "\n" + french[2] + "\n", {"--direction", "fr-en"});
  for (size_t i = 0; i < 6; ++i) {
    const Value object = Value::parse(objects[i]);
    CHECK(object["id"] == i);
    CHECK(object["hypotheses"][0]["text"] == (i % 2 == 0 ? to_french : to_english)[i / 2]);
  }
}
