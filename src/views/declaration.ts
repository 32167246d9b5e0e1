// A rollup as TypeScript, to be put under `rollups` of a configuration. Pure.

/** Aggregates that rollups keep under the same name. */
export const measureKinds = ['count', 'sum', 'avg', 'min', 'max'] as const
type MeasureKind = (typeof measureKinds)[number] | 'countDistinct'

export interface RollupDraft {
  readonly schema: string
  readonly table: string
  readonly time: string | undefined
  readonly bucket: string | undefined
  readonly zone: string | undefined
  readonly by: readonly string[]
  readonly where: string | undefined
  readonly measures: readonly {
    readonly name: string
    readonly kind: MeasureKind
    readonly of: string | undefined
    readonly filter: string | undefined
  }[]
}

export function renderDeclaration(view: string, draft: RollupDraft): string {
  const { schema, table, time, bucket, zone, by, where, measures } = draft
  const lines = [
    `from: ${schema === 'public' ? quote(table) : `[${quote(schema)}, ${quote(table)}]`},`,
    ...(time === undefined ? [] : [`time: ${quote(time)},`]),
    ...(bucket === undefined ? [] : [`bucket: ${quote(bucket)},`]),
    ...(zone === undefined ? [] : [`zone: ${quote(zone)},`]),
    ...(by.length === 0 ? [] : [`by: [${by.map(quote).join(', ')}],`]),
    ...(where === undefined ? [] : [`where: ${quote(where)},`]),
    'measures: {',
    ...measures.map((measure) => `  ${keyOf(measure.name)}: ${callOf(measure)},`),
    '},',
  ]
  return [`${keyOf(nameOf(view))}: {`, ...lines.map((line) => `  ${line}`), '},'].join('\n')
}

function callOf({ kind, of, filter }: RollupDraft['measures'][number]): string {
  if (kind === 'count' && filter !== undefined) {
    return `countIf(${quote(of === undefined ? filter : `(${of}) is not null and (${filter})`)})`
  }
  if (kind === 'sum' && filter !== undefined) return `sumIf(${quote(of ?? '')}, ${quote(filter)})`
  const options = filter === undefined ? '' : `, { filter: ${quote(filter)} }`
  return `${kind}(${of === undefined ? '' : quote(of)}${options})`
}

/** The name of the view is taken. */
function nameOf(view: string): string {
  const bare = view.replaceAll(/\W/g, '_').replace(/^(?=\d)/, '_')
  return `${bare.slice(0, 40)}_rollup`
}

const keyOf = (name: string): string => (/^[a-z_$][\w$]*$/i.test(name) ? name : quote(name))

function quote(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return escaped.includes("'") && !escaped.includes('"') ? `"${escaped}"` : `'${escaped.replaceAll("'", "\\'")}'`
}
