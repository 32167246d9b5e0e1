// The data folder of the primary, made ready for a start: what earlier runs left is stopped, data of another major version
// is refused, and where there is none it is made. What was written without fsync is flushed where the server is to be durable.
// Promises: a folder named "primary" is complete, for it is made under another name and renamed.

import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { StrataError } from '../base/errors.ts'
import type { Context } from './context.ts'
import { dataVersion, initCluster } from './initdb.ts'
import { retireData, stopLeftovers } from './leftovers.ts'
import { makeDurable } from './make-durable.ts'

/** Whether there was data already. */
export async function prepareData(context: Context, signal: AbortSignal | undefined): Promise<boolean> {
  const { root, binaries, logger } = context
  const dataDir = join(root, 'primary')
  if (context.kept) await stopLeftovers(root, context)
  if (context.forsaken) {
    const aside = await retireData(root)
    logger.warn('The folder asked for is new, so data found for it was put aside', { aside })
  }
  if (context.reset) await rm(dataDir, { recursive: true, force: true })
  const version = await dataVersion(dataDir)
  if (version !== undefined && version !== binaries.major) {
    throw new StrataError('EMBEDDED_FAILED', {
      message: `The data in ${root} is of PostgreSQL ${version}, and ${binaries.major} was asked for`,
      advice: `Ask for version ${version}, give another dataDir, or remove ${root} to begin anew.`,
      details: { dataDir: root, version },
    })
  }
  if (version !== undefined) {
    await makeDurable(context)
    return true
  }
  const draft = `${dataDir}.draft`
  await rm(draft, { recursive: true, force: true })
  await initCluster({ ...context, dataDir: draft, signal })
  await rename(draft, dataDir)
  return false
}
