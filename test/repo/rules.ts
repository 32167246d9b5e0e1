// What the architecture promises, as functions from the source tree to complaints: 'path:line what is wrong'.

import type { Source } from './sources.ts'

/** From below to above: a folder (or file) of src may import only what stands before it. Features stand side by side. */
const features: readonly string[] = [
  'migrate',
  'partitions',
  'rollups',
  'views',
  'tiers',
  'backup',
  'cache',
  'live',
  'watch',
  'advise',
  'maintain',
]

const layers: readonly (readonly string[])[] = [
  ...['base', 'sql', 'db', 'catalog', 'embedded', 'redis', 'changes', 'plan'].map((name) => [name]),
  features,
  ...['config', 'strata', 'strata.ts', 'index.ts'].map((name) => [name]),
  ['http', 'otel', 'live-client'],
  ['server'],
  ['cli'],
]

/** Folders (or files) within a feature, from below to above; what lies beside them puts them together, and none of them imports it. */
const inner: Readonly<Record<string, readonly string[]>> = {
  rollups: ['model', 'declared', 'kept', 'read', 'capture', 'merge', 'job', 'plan'],
  tiers: ['model', 'content', 'pack', 'history', 'store', 'archive', 'move', 'read'],
  backup: ['model', 'account.ts', 'presence.ts', 'tool.ts', 'pgbackrest'],
  watch: ['model', 'calls', 'probes', 'sampler', 'store', 'rules', 'prometheus', 'monitor'],
  advise: ['model.ts', 'plan', 'insights', 'suggest', 'checks', 'slow'],
}

/** Of what stands before it, a face that knows the rest by shape alone imports only this. */
const narrow: Readonly<Record<string, readonly string[]>> = {
  http: ['base', 'sql', 'db'],
  otel: ['base', 'sql', 'db'],
  'live-client': ['base'],
}

export interface Exception {
  /** A file, or a folder. */
  readonly from: string
  /** What it may import, touch or contain all the same. */
  readonly to: string
  readonly reason: string
}

/** Which exceptions were needed; the rest should go. */
export interface Verdict {
  readonly complaints: readonly string[]
  readonly unused: readonly Exception[]
}

function excuse(exceptions: readonly Exception[]): {
  allows: (from: string, to: string) => boolean
  unused: () => Exception[]
} {
  const used = new Set<Exception>()
  return {
    allows: (from, to) => {
      const found = exceptions.find((exception) => isWithin(from, exception.from) && isWithin(to, exception.to))
      if (found !== undefined) used.add(found)
      return found !== undefined
    },
    unused: () => exceptions.filter((exception) => !used.has(exception)),
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}

const top = (path: string): string => path.split('/')[0] ?? path

export function checkLayers(sources: readonly Source[], exceptions: readonly Exception[]): Verdict {
  const { allows, unused } = excuse(exceptions)
  const complaints = sources.flatMap((source) => {
    const own = layerOf(source.path)
    if (own < 0) return [`${source.path}:1 is in no layer; add ${top(source.path)} to the list`]
    return source.imports.flatMap(({ file, line }) => {
      if (file === undefined || top(file) === top(source.path)) return []
      const other = layerOf(file)
      const isBefore = other >= 0 && other < own
      if (isBefore && narrow[top(source.path)]?.includes(top(file)) !== false) return []
      if (allows(source.path, file)) return []
      const wrong = isBefore ? 'more than it may know' : other === own ? 'a sibling' : 'above it'
      return [`${source.path}:${line} imports ${file}, which is ${wrong}`]
    })
  })
  return { complaints, unused: unused() }
}

function layerOf(path: string): number {
  return layers.findIndex((names) => names.includes(top(path)))
}

export function checkInnerLayers(sources: readonly Source[]): readonly string[] {
  return sources.flatMap((source) => {
    const own = innerLayerOf(source.path)
    if (own === undefined) return []
    return source.imports.flatMap(({ file, line }) => {
      if (file === undefined || top(file) !== top(source.path)) return []
      const other = innerLayerOf(file)
      return other === undefined || other <= own ? [] : [`${source.path}:${line} imports ${file}, which is above it`]
    })
  })
}

/** Undefined: its folder has no order within. */
function innerLayerOf(path: string): number | undefined {
  const [feature = '', folder = '', ...rest] = path.split('/')
  const order = inner[feature]
  if (order === undefined) return undefined
  return rest.length === 0 && !order.includes(folder) ? order.length : order.indexOf(folder)
}

/** Strongly connected files, type imports included: each as the files of the knot. */
export function findCycles(sources: readonly Source[]): readonly (readonly string[])[] {
  const edges = new Map(sources.map(({ path, imports }) => [path, imports.flatMap(({ file }) => file ?? [])]))
  const reach = new Map([...edges.keys()].map((path) => [path, reachable(path, edges)]))
  const seen = new Set<string>()
  return [...edges.keys()].flatMap((path) => {
    if (seen.has(path) || reach.get(path)?.has(path) !== true) return []
    const knot = [...edges.keys()].filter(
      (other) => reach.get(path)?.has(other) === true && reach.get(other)?.has(path) === true,
    )
    for (const member of knot) seen.add(member)
    return [knot]
  })
}

function reachable(from: string, edges: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const found = new Set<string>()
  const queue = [...(edges.get(from) ?? [])]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (found.has(next)) continue
    found.add(next)
    queue.push(...(edges.get(next) ?? []))
  }
  return found
}

export function checkSizes(
  sources: readonly Source[],
  limits: { readonly fileLines: number; readonly functionLines: number },
): readonly string[] {
  return sources.flatMap(({ path, lines, functions }) => [
    ...(lines > limits.fileLines ? [`${path}:1 has ${lines} lines; ${limits.fileLines} is the limit`] : []),
    ...functions
      .filter((item) => item.lines > limits.functionLines)
      .map(
        ({ name, line, lines: long }) =>
          `${path}:${line} ${name} has ${long} lines; ${limits.functionLines} is the limit`,
      ),
  ])
}

/** The modules that hand out what `globals` watches, by another way. */
const globalModules: Readonly<Record<string, string>> = {
  'node:process': 'process',
  'node:console': 'console',
  'node:perf_hooks': 'performance.now',
  'node:timers': 'setTimeout',
  'node:timers/promises': 'setTimeout',
}

export function checkGlobals(sources: readonly Source[], exceptions: readonly Exception[]): Verdict {
  const { allows, unused } = excuse(exceptions)
  const complaints = sources.flatMap(({ path, globals, imports }) => {
    const imported = imports.flatMap(({ specifier, line }) => {
      const name = globalModules[specifier] ?? globalModules[`node:${specifier}`]
      return name === undefined ? [] : [{ name, line }]
    })
    return [...globals, ...imported]
      .filter(({ name }) => !allows(path, name))
      .map(({ name, line }) => `${path}:${line} touches ${name}`)
  })
  return { complaints, unused: unused() }
}

/** `owners`: package → the folder or file that alone imports it. A package that is not listed may not be imported at all. */
export function checkPackages(sources: readonly Source[], owners: Readonly<Record<string, string>>): readonly string[] {
  return sources.flatMap(({ path, imports }) =>
    imports.flatMap(({ specifier, file, line }) => {
      if (file !== undefined || specifier.startsWith('.') || specifier.startsWith('node:')) return []
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/')
      const owner = owners[name]
      if (owner === undefined) return [`${path}:${line} imports ${name}, which has no owner`]
      return isWithin(path, owner) ? [] : [`${path}:${line} imports ${name}; only ${owner} may`]
    }),
  )
}

export function checkSqlPlaces(
  sources: readonly Source[],
  without: readonly string[],
  exceptions: readonly Exception[],
): Verdict {
  const { allows, unused } = excuse(exceptions)
  const complaints = sources
    .filter(({ path }) => without.some((folder) => isWithin(path, folder)))
    .flatMap(({ path, sql }) =>
      sql.filter(() => !allows(path, 'SQL')).map(({ line, text }) => `${path}:${line} writes SQL: ${text}`),
    )
  return { complaints, unused: unused() }
}

export function checkHeaders(sources: readonly Source[], exempt: readonly string[]): readonly string[] {
  return sources
    .filter((source) => !source.isBarrel && !exempt.some((folder) => isWithin(source.path, folder)))
    .filter(({ text }) => !/^(#!.*\n)?(\/\/ \S|\/\*\*?\s)/.test(text))
    .map(({ path }) => `${path}:1 does not begin with what it is for`)
}

export function checkMarks(sources: readonly Source[]): readonly string[] {
  return sources.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        /\b(TODO|FIXME|XXX|HACK)\b/.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [],
      ),
  )
}

/** What a file does as soon as somebody imports it. */
export function checkEffects(sources: readonly Source[], entries: readonly string[]): readonly string[] {
  return sources
    .filter(({ path }) => !entries.includes(path))
    .flatMap(({ path, effects }) => effects.map(({ line }) => `${path}:${line} runs at import`))
}
