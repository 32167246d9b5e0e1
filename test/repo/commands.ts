// Command lines in the pages, held against the command itself: its subcommands, options and arguments, as --help has them.

import type { CliContext } from '../../src/cli/context.ts'
import { runCli } from '../../src/cli/program.ts'
import type { Fence } from './markdown.ts'

export interface CommandLine {
  /** What follows `pgstrata`. */
  readonly words: readonly string[]
  readonly line: number
}

/** All calls of pgstrata in a block of shell: `sh` has only commands, `console` has them after `$ `. */
export function commandLines(fence: Pick<Fence, 'language' | 'text' | 'line'>): readonly CommandLine[] {
  return shellLines(fence).flatMap(({ text, line }) => callsIn(text).flatMap((words) => pgstrataCall(words, line)))
}

/** `npm run x`, `npm test` and `npm start` in the same blocks: the scripts they name. */
export function scriptsNamed(
  fence: Pick<Fence, 'language' | 'text' | 'line'>,
): readonly { readonly name: string; readonly line: number }[] {
  return shellLines(fence).flatMap(({ text, line }) =>
    callsIn(text).flatMap(([program, verb = '', name = '']) => {
      if (program !== 'npm') return []
      if (verb === 'test' || verb === 'start') return [{ name: verb, line }]
      return verb === 'run' ? [{ name, line }] : []
    }),
  )
}

function shellLines({
  language,
  text,
  line: first,
}: Pick<Fence, 'language' | 'text' | 'line'>): { text: string; line: number }[] {
  const lines: { text: string; line: number }[] = []
  let continues = false
  for (const [index, line] of text.split('\n').entries()) {
    const last = lines.at(-1)
    const prompt = language !== 'console' || line.startsWith('$ ')
    if (continues && last !== undefined) last.text += ` ${line.trim()}`
    else if (prompt) lines.push({ text: language === 'console' ? line.slice(2) : line, line: first + index })
    continues = (continues || prompt) && line.endsWith('\\')
    const current = lines.at(-1)
    if (continues && current !== undefined) current.text = current.text.replace(/\\$/, '')
  }
  return lines
}

/** The words of each simple command of a line, without quotes, comments and `NAME=value` in front. */
function callsIn(text: string): string[][] {
  const tokens = [
    ...text.matchAll(/<[\w|.-]+>|\d?>(?:&\d)?|&&|\|\||[;|&<]|(?<!\S)#.*$|(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'|&;<>])+/g),
  ].map((match) => match[0])
  const calls: string[][] = [[]]
  for (const token of tokens) {
    if (token.startsWith('#')) break
    if (/^(&&|\|\||[;|&])$/.test(token)) calls.push([])
    else calls.at(-1)?.push(token.replaceAll(/^["']|["']$/g, ''))
  }
  return calls
    .map((words) => words.slice(words.findIndex((word) => !/^[A-Z_]+=/.test(word))))
    .filter((words) => words.length > 0)
}

function pgstrataCall(words: readonly string[], line: number): CommandLine[] {
  const rest =
    words[0] === 'npx' || (words[0] === 'npm' && words[1] === 'exec') ? words.slice(words[0] === 'npx' ? 1 : 2) : words
  const [program = '', ...args] = rest.filter((word, index) => index > 0 || word !== '--')
  const redirect = args.findIndex((word) => word === '<' || /^\d?>/.test(word))
  return /(^|\/)pgstrata$/.test(program) ? [{ words: redirect < 0 ? args : args.slice(0, redirect), line }] : []
}

interface Help {
  readonly commands: readonly string[]
  /** Flag → takes a value. */
  readonly options: ReadonlyMap<string, boolean>
  readonly least: number
  readonly most: number
}

const helps = new Map<string, Promise<Help>>()

function helpOf(path: readonly string[]): Promise<Help> {
  const key = path.join(' ')
  const known = helps.get(key) ?? readHelp(path)
  helps.set(key, known)
  return known
}

async function readHelp(path: readonly string[]): Promise<Help> {
  let text = ''
  const context: CliContext = {
    cwd: '/',
    env: {},
    out: (part) => (text += part),
    err: (part) => (text += part),
    ask: undefined,
    isTerminal: false,
    colours: false,
    screen: () => undefined,
    keys: undefined,
    signal: new AbortController().signal,
  }
  const code = await runCli([...path, '--help'], context)
  const usage = /^Usage: (.*)$/m.exec(text)?.[1]
  if (code !== 0 || usage === undefined) throw new Error(`pgstrata ${path.join(' ')} --help: ${text}`)
  const positions = [...usage.matchAll(/(?<= )([<[])(?!options|command)([\w-]+)(\.\.\.)?[>\]]/g)]
  const flags = sectionOf(text, 'Options').map((entry) => entry.split(/ {2,}/)[0] ?? '')
  return {
    commands: sectionOf(text, 'Commands').map((entry) => entry.split(/[ |]/)[0] ?? ''),
    options: new Map(
      flags.flatMap((entry) =>
        (entry.match(/(?<![\w-])--?[a-zA-Z][\w-]*/g) ?? []).map((flag) => [flag, /[<[]/.test(entry)] as const),
      ),
    ),
    least: positions.filter((match) => match[1] === '<').length,
    most: positions.some((match) => match[3] !== undefined) ? Infinity : positions.length,
  }
}

/** The entries of a section of --help, without their indent; lines that go on an entry are indented further. */
function sectionOf(text: string, title: string): string[] {
  const [, body = ''] = new RegExp(String.raw`^${title}:\n((?: .*\n?)*)`, 'm').exec(text) ?? []
  return body
    .split('\n')
    .filter((line) => /^ {2}\S/.test(line))
    .map((line) => line.trim())
}

/** What is wrong with a command line. In a sentence (`isWhole` false) arguments may be left out. */
export async function checkCommand(words: readonly string[], isWhole: boolean): Promise<string | undefined> {
  const path: string[] = []
  let rest = words
  for (let help = await helpOf([]); help.commands.length > 0; help = await helpOf(path)) {
    const [next = ''] = rest
    if (next === '' || next.startsWith('-')) break
    if (!help.commands.includes(next)) return `there is no command "${['pgstrata', ...path, next].join(' ')}"`
    path.push(next)
    rest = rest.slice(1)
  }
  const help = await helpOf(path)
  const shown = ['pgstrata', ...path].join(' ')
  let count = 0
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index] ?? ''
    const [flag = ''] = word.split('=')
    const takesValue = help.options.get(flag)
    // A dash alone is an argument: standard input.
    if (word === '-' || !word.startsWith('-')) count++
    else if (takesValue === undefined) return `"${shown}" has no option ${flag}`
    else if (takesValue && !word.includes('=')) index++
  }
  if (count > help.most) return `"${shown}" takes fewer arguments`
  return isWhole && count < help.least && !rest.includes('--help') ? `"${shown}" takes more arguments` : undefined
}
