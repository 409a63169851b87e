#include <fmt/format.h>

#include "base/strings.h"
#include "cli/usage.h"
#include "cli/verb.h"

namespace timbre::cli {
namespace {

struct CompletionOptions {
  std::string what;
};

config::Fields fields(CompletionOptions& o) {
  config::Fields f;
  f.add("what", o.what, "the shell to print a script for").positional().required().choices({"bash", "zsh", "fish"});
  return f;
}

// The scripts hold the verbs; a verb's flags come from its own help when they are first wanted,
// so that they stay right when timbre is updated.
constexpr const char* kBash = R"SH(# timbre completion for bash:  eval "$(timbre completion bash)"
_timbre_flags() {{ timbre "$1" --help 2>/dev/null | sed -nE 's/^ +(-[a-zA-Z], )?(--[a-zA-Z0-9._-]+).*/\2/p'; }}
_timbre() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" verb="${{COMP_WORDS[1]}}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{verbs}" -- "$word"))
  elif [ "${{word:0:1}}" = "-" ]; then
    local cache="_timbre_flags_${{verb//[^a-zA-Z0-9]/_}}"
    [ -n "${{!cache+set}}" ] || printf -v "$cache" '%s' "$(_timbre_flags "$verb")"
    COMPREPLY=($(compgen -W "${{!cache}}" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -o filenames -F _timbre timbre
)SH";

constexpr const char* kZsh = R"SH(#compdef timbre
# timbre completion for zsh:  eval "$(timbre completion zsh)"
_timbre() {{
  local -a verbs flags
  verbs=({described})
  if (( CURRENT == 2 )); then
    _describe 'verb' verbs
  elif [[ "${{words[CURRENT]}}" == -* ]]; then
    flags=(${{(f)"$(timbre "${{words[2]}}" --help 2>/dev/null | sed -nE 's/^ +(-[a-zA-Z], )?(--[a-zA-Z0-9._-]+).*/\2/p')"}})
    compadd -- $flags
  else
    _files
  fi
}}
compdef _timbre timbre
)SH";

constexpr const char* kFish = R"SH(# timbre completion for fish:  timbre completion fish | source
function __timbre_flags
  set -l words (commandline -opc)
  test (count $words) -ge 2; and timbre $words[2] --help 2>/dev/null | sed -nE 's/^ +(-[a-zA-Z], )?(--[a-zA-Z0-9._-]+).*/\2/p'
end
{described}complete -c timbre -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' -a '(__timbre_flags)'
)SH";

std::string single_quoted(std::string text) {
  for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 4) text.replace(at, 1, "'\\''");
  return "'" + text + "'";
}

int run(const CompletionOptions& options, Context& context) {
  Verbs verbs;
  register_light_verbs(verbs);
  register_heavy_verbs(verbs);
  std::vector<std::string> names;
  std::string zsh, fish;
  for (const auto& [name, entry] : verbs.all()) {
    names.push_back(name);
    zsh += single_quoted(name + ":" + entry.summary) + " ";
    fish +=
        fmt::format("complete -c timbre -n __fish_use_subcommand -f -a {} -d {}\n", name, single_quoted(entry.summary));
  }
  std::string script;
  if (options.what == "bash") {
    script = fmt::format(kBash, fmt::arg("verbs", join(names, " ")));
  } else if (options.what == "zsh") {
    script = fmt::format(kZsh, fmt::arg("described", zsh));
  } else {
    script = fmt::format(kFish, fmt::arg("described", fish));
  }
  std::fputs(script.c_str(), context.out);
  return 0;
}

}  // namespace

void register_completion(Verbs& verbs) {
  add_verb<CompletionOptions>(verbs,
                              {.name = "completion",
                               .summary = "Tools: a completion script for your shell",
                               .usage = "completion bash|zsh|fish",
                               .examples = {"eval \"$(timbre completion bash)\"", "timbre completion fish | source"}},
                              fields, run);
}

}  // namespace timbre::cli
