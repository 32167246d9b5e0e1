// Families of samples as the text that Prometheus reads (exposition format 0.0.4).
//
// Promises: each family once, with its HELP and TYPE; families and their samples always in the same order; no series twice,
// for a scrape with one is refused as a whole.

export interface Sample {
  /** Of summaries: '_sum', '_count'. */
  readonly suffix?: '_sum' | '_count' | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  /** One sentence. */
  readonly help: string
  readonly type: 'gauge' | 'counter' | 'summary'
  readonly samples: readonly Sample[]
}

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

/** Families of one name are one, as the first of them says what it is. Those without samples are left out. */
export function formatExposition(families: readonly Family[]): string {
  const byName = new Map<string, { readonly family: Family; readonly lines: Map<string, string> }>()
  for (const family of families) {
    const { name } = family
    const known = byName.get(name) ?? { family, lines: new Map<string, string>() }
    byName.set(name, known)
    for (const { suffix = '', labels, value } of family.samples) {
      const series = `${name}${suffix}${formatLabels(labels)}`
      if (!known.lines.has(series)) known.lines.set(series, `${series} ${formatValue(value)}\n`)
    }
  }
  return [...byName.values()]
    .filter(({ lines }) => lines.size > 0)
    .toSorted((a, b) => compare(a.family.name, b.family.name))
    .map(({ family: { name, help, type }, lines }) => {
      const sorted = [...lines].toSorted(([a], [b]) => compare(a, b)).map(([, line]) => line)
      return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${sorted.join('')}`
    })
    .join('')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function formatLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function escapeHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function formatValue(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  return String(value)
}
