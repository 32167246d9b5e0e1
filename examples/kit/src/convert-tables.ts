// Tables that a deployment finds with rows in them, cut into partitions while they are used: what `pgstrata convert` does of each.
//
// Promises: a table that is partitioned already is left alone, so it may be asked for at each deployment. One that was stopped on the way
// goes on where it was.

import { loadConfig, openStrata } from 'pgstrata'
import { KitError } from './kit-error.ts'

export interface ConvertTables {
  /** The app's, with its pgstrata.config.ts. */
  readonly folder: string
  /** As they stand in `tables` of the configuration. */
  readonly keys: readonly string[]
  readonly signal: AbortSignal
  readonly tell: (line: string) => void
}

/** Gives those that were converted. */
export async function convertTables({ folder, keys, signal, tell }: ConvertTables): Promise<readonly string[]> {
  const { config } = await loadConfig({ cwd: folder })
  const known = config.tables.map(({ key }) => key)
  const unknown = keys.find((key) => !known.includes(key))
  if (unknown !== undefined)
    throw new KitError(`${unknown}: expected a table of the configuration: ${known.join(', ') || 'it has none'}`)
  const strata = openStrata(config)
  const converted: string[] = []
  try {
    for (const table of config.tables.filter(({ key }) => keys.includes(key))) {
      const [status] = await strata.partitions.status(table.key)
      if (status?.state !== 'plain' && status?.state !== 'converting') continue
      tell(`${table.key} is cut into partitions, while it is used.`)
      const { ending } = await strata.conversion.convert(table, {
        signal,
        onEvent: (event) => {
          if (event.type === 'state') tell(`  ${event.state}`)
        },
      })
      if (ending !== 'done')
        throw new KitError(
          `${table.key}: expected its conversion to be done, and it is ${ending}. See \`pgstrata convert ${table.key} --status\`.`,
        )
      converted.push(table.key)
    }
  } finally {
    await strata.close()
  }
  return converted
}
