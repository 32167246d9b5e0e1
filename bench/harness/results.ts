// bench/results: one file a scenario, committed. A quick run never takes the place of a full one.

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Published } from './result.ts'

/** By scenario. */
export async function readResults(folder: string): Promise<ReadonlyMap<string, Published>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).toSorted()
  const all = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as Published),
  )
  return new Map(all.map((published) => [published.scenario, published]))
}

export function mayReplace(existing: Published | undefined, fresh: Published): boolean {
  return existing === undefined || existing.quick || !fresh.quick
}

export async function writeResult(folder: string, published: Published): Promise<void> {
  await writeFile(join(folder, `${published.scenario}.json`), `${JSON.stringify(published, undefined, 2)}\n`)
}
