// `stepwell completion`: scripts that ask the hidden `__complete` for candidates, so that they never go out of date.

import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import type { Context } from "../context.ts";
import { didYouMean } from "../format/suggestion.ts";

const scripts: Readonly<Record<string, string>> = {
  bash: `_stepwell() {
  local IFS=$'\\n'
  COMPREPLY=($(stepwell __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]] && compopt -o nospace
}
complete -o default -F _stepwell stepwell
`,
  zsh: `#compdef stepwell
_stepwell() {
  local -a candidates
  candidates=("\${(@f)$(stepwell __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${candidates[1]}" ]]; then compadd -Q -a candidates; else _files; fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _stepwell stepwell
`,
  fish: `complete -c stepwell -e
function __stepwell_candidates
  set -l words (commandline -opc) (commandline -ct)
  set -l found (stepwell __complete -- $words[2..-1] 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c stepwell -f -a '(__stepwell_candidates)'
`,
};

export function completion(context: Context): Promise<ExitCode> {
  const shell = context.operands[0] ?? "";
  const script = scripts[shell];
  const shells = Object.keys(scripts);
  if (script === undefined)
    throw new CliError("badValue", `there is no completion for "${shell}": ${shells.join(", ")}`, { hint: didYouMean(shell, shells) });
  context.terminal.out.write(script);
  return Promise.resolve(exitCodes.ok);
}
