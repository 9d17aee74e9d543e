/** `plyfs completion`: what a shell reads to complete plyfs's words. Names of images and containers are asked of plyfs itself. */

import { PlyfsError } from '../base/errors.js';
import type { ArgumentFacts, CommandFacts, OptionFacts } from './command-facts.js';

const makers: Readonly<Record<string, (commands: readonly CommandFacts[]) => string>> = {
  bash: forBash,
  zsh: forZsh,
  fish: forFish,
};

export const shells = Object.keys(makers);

/** PlyfsError `usage`. */
export function completionFor(shell: string | undefined, commands: readonly CommandFacts[]): string {
  const make = shell !== undefined && Object.hasOwn(makers, shell) ? makers[shell] : undefined;
  if (make === undefined) throw new PlyfsError('usage', `plyfs completion ${shell ?? ''}: name the shell: ${shells.join(', ')}`);
  return make(commands);
}

type Kind = 'images' | 'containers' | 'directories' | 'commands' | 'shells' | 'files';

const kinds: readonly [argument: RegExp, kinds: readonly Kind[]][] = [
  [/^images?$/, ['images', 'files']],
  [/^containers?$/, ['containers']],
  [/^names$/, ['images', 'containers']],
  [/^(words|tree|a|b|source|stack\|image)$/, ['images', 'containers', 'files']],
  [/^targets?$/, ['directories']],
  [/^command$/, ['commands']],
  [/^shell$/, ['shells']],
];

/** What may stand where a command's operands stand. */
function kindsOf(operands: readonly ArgumentFacts[]): Kind[] {
  const found = operands.flatMap(({ name }) => kinds.find(([pattern]) => pattern.test(name))?.[1] ?? ['files' as const]);
  return [...new Set(found)];
}

const askImages = `plyfs images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null | grep -v '<none>'`;
const askContainers = `plyfs ps -a --format '{{.Names}}' 2>/dev/null`;

const valued = (options: readonly OptionFacts[]): string[] =>
  options.filter(({ value }) => value !== undefined).flatMap(({ names }) => names);

function forBash(commands: readonly CommandFacts[]): string {
  const rows = commands.map(({ name, options, operands }) => {
    const names = options.flatMap((option) => option.names).join(' ');
    return `    ${name}) options='${names} --help' valued=' ${valued(options).join(' ')} ' kinds='${kindsOf(operands).join(' ')}' ;;`;
  });
  return `# bash completion of plyfs: source <(plyfs completion bash)
_plyfs() {
  local cur words cword options valued kinds kind
  if declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref -n : cur words cword
  else
    cur=\${COMP_WORDS[COMP_CWORD]} words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD
  fi
  COMPREPLY=()
  if [ "$cword" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')} help --help --version' -- "$cur"))
    return
  fi
  case \${words[1]} in
${rows.join('\n')}
    help) options='' valued='' kinds='commands' ;;
    *) return ;;
  esac
  case $cur in
    -*) COMPREPLY=($(compgen -W "$options" -- "$cur")); return ;;
  esac
  case "$valued" in
    *" \${words[cword-1]} "*) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  local IFS=$'\\n'
  for kind in \${kinds// /$'\\n'}; do
    case $kind in
      images) COMPREPLY+=($(compgen -W "$(${askImages})" -- "$cur")) ;;
      containers) COMPREPLY+=($(compgen -W "$(${askContainers})" -- "$cur")) ;;
      commands) COMPREPLY+=($(compgen -W "${commands.map(({ name }) => name).join('\n')}" -- "$cur")) ;;
      shells) COMPREPLY+=($(compgen -W "${shells.join('\n')}" -- "$cur")) ;;
      directories) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -d -- "$cur")) ;;
      files) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$cur")) ;;
    esac
  done
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$cur"; fi
}
complete -F _plyfs plyfs
`;
}

function forZsh(commands: readonly CommandFacts[]): string {
  const summaries = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  const rows = commands.map(({ name, options, operands }) => {
    const specs = [...options.map(zshOption), `'*: :_plyfs_words ${kindsOf(operands).join(' ')}'`];
    return `    ${name})\n      _arguments -s \\\n        ${specs.join(' \\\n        ')} ;;`;
  });
  return `#compdef plyfs
# zsh completion of plyfs: plyfs completion zsh > /usr/local/share/zsh/site-functions/_plyfs
_plyfs_words() {
  local kind
  local -a found
  for kind in $@; do
    case $kind in
      images) found=(\${(f)"$(${askImages})"}); compadd -a found ;;
      containers) found=(\${(f)"$(${askContainers})"}); compadd -a found ;;
      commands) compadd ${commands.map(({ name }) => name).join(' ')} ;;
      shells) compadd ${shells.join(' ')} ;;
      directories) _files -/ ;;
      files) _files ;;
    esac
  done
}
_plyfs() {
  local -a commands
  commands=(
${summaries.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${rows.join('\n')}
    help) _plyfs_words commands ;;
  esac
}
if [ "$funcstack[1]" = _plyfs ]; then _plyfs "$@"; else compdef _plyfs plyfs; fi
`;
}

/** \`'(-a --all)'{-a,--all}'[what it does]:value:_files'\` */
function zshOption({ names, value, summary }: OptionFacts): string {
  const action = value === undefined ? '' : `:${value.replaceAll(/[^\w ]/g, ' ')}:_files`;
  const what = `[${summary.replaceAll(/[[\]:\\]/g, (one) => `\\${one}`)}]${action}`;
  const all = names.length > 1 ? `{${names.join(',')}}` : (names[0] ?? '');
  return `${names.length > 1 ? `'(${names.join(' ')})'` : ''}${all}${quoted(what)}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const fishKinds: Readonly<Record<Kind, string>> = {
  images: `-a "(${askImages})"`,
  containers: `-a "(${askContainers})"`,
  directories: '-a "(__fish_complete_directories)"',
  commands: '',
  shells: `-a "${shells.join(' ')}"`,
  files: '-F',
};

function forFish(commands: readonly CommandFacts[]): string {
  const lines = commands.flatMap(({ name, summary, options, operands }) => {
    const within = `complete -c plyfs -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c plyfs -n __fish_use_subcommand -a ${name} -d ${fishQuoted(summary)}`,
      ...options.map((option) => `${within} ${fishOption(option)}`),
      ...kindsOf(operands).flatMap((kind) => (fishKinds[kind] === '' ? [] : [`${within} ${fishKinds[kind]}`])),
    ];
  });
  const names = commands.map(({ name }) => name).join(' ');
  return `# fish completion of plyfs: plyfs completion fish > ~/.config/fish/completions/plyfs.fish
complete -c plyfs -f
complete -c plyfs -n '__fish_seen_subcommand_from help' -a '${names}'
${lines.join('\n')}
`;
}

function fishOption({ names, value, summary }: OptionFacts): string {
  const spelled = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  return `${spelled.join(' ')} -d ${fishQuoted(summary)}${value === undefined ? '' : ' -r -F'}`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, (one) => `\\${one}`)}'`;
}
