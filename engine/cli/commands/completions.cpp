// `xp completions SHELL`: a script that asks `xp complete -- WORDS`.
#include "engine/cli/parser/command.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {
namespace {

// Each asks the very program whose command line it is, so that build/xp completes, too.

// Bash has cut the words at = and : and replaces only what is after these.
constexpr const char* kBash = R"(_xp() {
  local line=${COMP_LINE:0:COMP_POINT} program=${COMP_WORDS[0]/#~\//$HOME/}
  local words begun cut= breaks=${COMP_WORDBREAKS//[^=:]/}
  IFS=$' \t\n' read -ra words <<<"$line"
  [[ $line == *[[:blank:]] ]] && words+=('')
  begun=${words[${#words[@]} - 1]}
  if [[ $begun == [\"\']* ]]; then
    begun=${begun:1}
  elif [[ -n $breaks && $begun == *[$breaks]* ]]; then
    cut=${begun%"${begun##*[$breaks]}"}
  fi
  words[${#words[@]} - 1]=$begun
  mapfile -t COMPREPLY < <("$program" complete -- "${words[@]:1}" 2>/dev/null)
  COMPREPLY=("${COMPREPLY[@]#"$cut"}")
  [[ ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -F _xp xp
)";

constexpr const char* kZsh = R"(#compdef xp
_xp() {
  local -a found whole begun
  found=("${(@f)$("${words[1]/#\~\//$HOME/}" complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  begun=("${(@M)found:#*[=/]}")
  whole=("${(@)found:#*[=/]}")
  [[ -n $begun[1] ]] && compadd -S '' -- $begun
  [[ -n $whole[1] ]] && compadd -- $whole
}
if [[ $funcstack[1] == _xp ]]; then _xp "$@"; else compdef _xp xp; fi
)";

constexpr const char* kFish = R"(function __xp_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
  $program complete -- $words[2..-1] 2>/dev/null
end
complete -c xp -f -a '(__xp_complete)'
)";

struct Options {
  std::string shell;

  void declare(Arguments& arguments) {
    arguments.positional("SHELL", &shell, "bash: eval the output; zsh, fish: see docs")
        .required()
        .one_of({"bash", "zsh", "fish"});
  }
};

int print_script(const Options& options) {
  fmt::print("{}", options.shell == "bash" ? kBash : options.shell == "zsh" ? kZsh : kFish);
  return Exit::kDone;
}

XP_COMMAND(Options, print_script, "completions", Group::kMachine,
           "print a script that completes xp's command lines in a shell");

}  // namespace
}  // namespace xp
