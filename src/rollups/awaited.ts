// What can be read of rollups that are declared, and is not there yet: whoever keeps views asks, to say why one has to wait.

import type { Session } from '../db/db.ts'
import type { Awaited } from '../plan/index.ts'
import { readInstalled, type InstalledRollup } from './kept/queries.ts'
import type { Rollup } from './model/options.ts'
import { functionSuffixes } from './model/own-functions.ts'
import { ownRelations } from './model/own-relations.ts'

export async function readAwaited(session: Session, rollups: readonly Rollup[]): Promise<readonly Awaited[]> {
  const installed = await readInstalled(session)
  return rollups.flatMap((rollup) => {
    const said = whyOf(
      rollup,
      installed.find(({ name }) => name === rollup.name),
    )
    if (said === undefined) return []
    const { schema, name } = rollup
    const views = ownRelations(rollup).flatMap((one) => (one.kind === 'view' ? [one.name] : []))
    const functions = functionSuffixes.map((suffix) => `${name}${suffix}`)
    return [...views, ...functions].map((one) => ({ schema, name: one, ...said }))
  })
}

function whyOf({ name }: Rollup, kept: InstalledRollup | undefined): Omit<Awaited, 'schema' | 'name'> | undefined {
  const fill = `apply again when it is filled: \`pgstrata serve\` fills it, or \`pgstrata rollup fill ${name}\``
  switch (kept?.state) {
    case undefined:
      return {
        why: `it reads rollup ${name}, which is not made yet`,
        todo: 'apply makes the rollup first and this behind it, unless something holds the rollup back',
        waits: true,
      }
    case 'filling':
      return { why: `it reads rollup ${name}, which is still to be filled`, todo: fill, waits: true }
    case 'refilling':
      return { why: `it reads rollup ${name}, whose new measures are still to be filled`, todo: fill, waits: true }
    default:
      return undefined
  }
}
