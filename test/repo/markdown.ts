// Markdown as far as the checks of the pages need it: fenced blocks, headings with their anchors, links, code spans.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export interface Fence {
  readonly language: string
  /** What follows the language on the opening line. */
  readonly note: string
  readonly text: string
  /** Line of the first line inside, from 1. */
  readonly line: number
}

export interface Page {
  /** From the root of the repository, with slashes. */
  readonly path: string
  readonly fences: readonly Fence[]
  readonly anchors: ReadonlySet<string>
  readonly links: readonly { readonly target: string; readonly line: number }[]
  /** Code inside a sentence. */
  readonly spans: readonly { readonly text: string; readonly line: number }[]
}

export function parsePage(path: string, text: string): Page {
  const { fences, prose } = splitFences(text)
  const bare = prose.map((line) => line.replaceAll(/(`+)(.*?)\1/g, (code) => ' '.repeat(code.length)))
  return {
    path,
    fences,
    anchors: anchorsOf(prose),
    links: bare.flatMap((line, index) => linksIn(line).map((target) => ({ target, line: index + 1 }))),
    spans: prose.flatMap((line, index) =>
      [...line.matchAll(/(`+)(.*?)\1/g)].map((match) => ({ text: (match[2] ?? '').trim(), line: index + 1 })),
    ),
  }
}

/** `prose` keeps its line numbers: lines of fences and of comments are empty in it. */
function splitFences(text: string): { fences: Fence[]; prose: string[] } {
  const fences: Fence[] = []
  const prose: string[] = []
  let open: { mark: string; indent: string; language: string; note: string; line: number; lines: string[] } | undefined
  const withoutComments = text.replaceAll(/<!--[\s\S]*?-->/g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
  for (const [index, line] of withoutComments.split('\n').entries()) {
    const [, indent = '', mark = '', info = ''] = /^(\s*)(`{3,}|~{3,})(.*)$/.exec(line) ?? []
    if (open !== undefined && mark.startsWith(open.mark) && info.trim() === '') {
      fences.push({ language: open.language, note: open.note, line: open.line, text: open.lines.join('\n') })
      open = undefined
      prose.push('')
    } else if (open !== undefined) {
      open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line.trimStart())
      prose.push('')
    } else if (mark !== '') {
      const [language = '', ...rest] = info.trim().split(/\s+/)
      open = { mark, indent, language, note: rest.join(' '), line: index + 2, lines: [] }
      prose.push('')
    } else {
      prose.push(line)
    }
  }
  if (open !== undefined) throw new Error(`A fence that opens before line ${open.line} is not closed`)
  return { fences, prose }
}

/** As GitHub makes them: lower case, punctuation dropped, blanks to dashes, repeated ones numbered. */
function anchorsOf(prose: readonly string[]): ReadonlySet<string> {
  const counts = new Map<string, number>()
  const anchors = new Set<string>()
  for (const line of prose) {
    for (const [, name = ''] of line.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(name)
    const [, title] = /^#{1,6}\s+(.*?)\s*#*$/.exec(line) ?? []
    if (title === undefined) continue
    const shown = title.replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '')
    const slug = shown
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
      .replaceAll(' ', '-')
    const count = counts.get(slug) ?? 0
    counts.set(slug, count + 1)
    anchors.add(count === 0 ? slug : `${slug}-${count}`)
  }
  return anchors
}

function linksIn(line: string): string[] {
  const inline = [...line.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)]
  const references = [...line.matchAll(/^\s{0,3}\[[^\]]+\]:\s*<?([^\s>]+)>?/g)]
  const html = [...line.matchAll(/\b(?:href|src)="([^"]+)"/g)]
  return [...inline, ...references, ...html].map((match) => match[1] ?? '')
}

/** Links to files and headings that are not there. Links that leave the repository are not followed. */
export function checkLinks(pages: readonly Page[], root: string): readonly string[] {
  const known = new Map(pages.map((page) => [page.path, page]))
  return pages.flatMap((page) =>
    page.links.flatMap(({ target, line }) => {
      if (/^[a-z][a-z+.-]*:/i.test(target)) return []
      const [file = '', anchor] = decodeURIComponent(target).split('#')
      const absolute = file === '' ? join(root, page.path) : resolve(root, dirname(page.path), file)
      if (relative(root, absolute).startsWith('..')) return [`${page.path}:${line} ${target} leaves the repository`]
      if (!existsSync(absolute)) return [`${page.path}:${line} there is no ${target}`]
      if (anchor === undefined || !absolute.endsWith('.md')) return []
      const path = relative(root, absolute).replaceAll('\\', '/')
      const other = known.get(path) ?? parsePage(path, readFileSync(absolute, 'utf8'))
      return other.anchors.has(anchor) ? [] : [`${page.path}:${line} ${path} has no heading #${anchor}`]
    }),
  )
}
