// Tests whose tool was left out by PGSTRATA_SKIP: by what they import of test/support, so that no list has to be kept.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const tools: readonly (readonly [name: string, used: RegExp])[] = [
  ['redis-server', /support\/redis\.ts'/],
  ['pgbouncer', /support\/pgbouncer\.ts'/],
  ['pg_cron', /support\/debian-postgres\.ts'/],
  ['hypopg', /support\/debian-postgres\.ts'/],
  ['pgbackrest', /support\/pgbackrest\.ts'/],
  ['postgis', /describeGeo\('postgis'/],
  ['pg_dump', /\/bin\/pg_dump'/],
  ['chromium', /chromium\.ts'/],
  ['prometheus', /support\/prometheus\.ts'/],
]

/** Files of tests that cannot run without them, told with the reason. */
export function leftOut(root: string, skip: string | undefined): readonly string[] {
  const skipped = new Set((skip ?? '').split(',').filter((name) => name !== ''))
  const patterns = tools.filter(([name]) => skipped.has(name))
  if (patterns.length === 0) return []
  const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  const tests = files.filter((file) => file.endsWith('.test.ts')).map((file) => join('test', file))
  return tests.filter((file) => {
    const text = readFileSync(join(root, file), 'utf8')
    const found = patterns.find(([, used]) => used.test(text))
    if (found !== undefined) console.log(`PGSTRATA_SKIP: ${file} is left out, it needs ${found[0]}`)
    return found !== undefined
  })
}
