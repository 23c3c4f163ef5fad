/**
 * What shells load. They ask `lifeboat __complete -- WORDS...` at each Tab: its first line says what kind of answer it is (candidates.ts), each other
 * line is a word, a tab and what it is about. So they need not change when commands do.
 */

/** For bash 3.2 (which macOS has) and later. */
const BASH = String.raw`# lifeboat completion for bash. Load it with:  source <(lifeboat completion bash)
_lifeboat() {
  local line="\${COMP_LINE:0:COMP_POINT}" current kind word prefix IFS=$' \t\n'
  local -a words
  # COMP_WORDS is cut at every @, = and : as well, which refs hold.
  read -ra words <<< "$line"
  current="\${words[\${#words[@]}-1]}"
  case $line in *[[:space:]]) current='' words+=('') ;; esac
  COMPREPLY=()
  {
    IFS= read -r kind || return 0
    while IFS=$'\t' read -r word _; do COMPREPLY+=("$word"); done
  } < <("$1" __complete -- "\${words[@]:1}" 2> /dev/null)
  IFS=$'\n'
  case $kind in
    files) compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -f -- "$current")) ;;
    folders) compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -d -- "$current")) ;;
    open) compopt -o nospace 2> /dev/null ;;
  esac
  # bash puts a reply after its last word break, not after the whole word.
  prefix="\${current%"\${current##*[$COMP_WORDBREAKS]}"}"
  case $prefix in ?*) COMPREPLY=("\${COMPREPLY[@]#"$prefix"}") ;; esac
}
complete -F _lifeboat lifeboat
`.replaceAll("\\$", "$");

const ZSH = String.raw`#compdef lifeboat
# lifeboat completion for zsh. Load it with:  source <(lifeboat completion zsh)
# or write it to a file named _lifeboat in a folder of fpath.
_lifeboat() {
  local kind line word about
  local -a lines described
  lines=("\${(@f)$("$words[1]" __complete -- "\${(@Q)words[2,CURRENT]}" 2> /dev/null)}")
  kind=$lines[1]
  case $kind in
    files) _files; return ;;
    folders) _files -/; return ;;
  esac
  for line in "\${(@)lines[2,-1]}"; do
    # A colon parts a word from what it is about.
    word="\${\${line%%$'\t'*}//:/\\:}" about="\${line#*$'\t'}"
    described+=("$word\${about:+:$about}")
  done
  if [[ $kind == open ]]; then _describe lifeboat described -S ''; else _describe lifeboat described; fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _lifeboat "$@"
else
  compdef _lifeboat lifeboat
fi
`.replaceAll("\\$", "$");

export const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH };
