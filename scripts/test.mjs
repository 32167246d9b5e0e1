// npm test: everything, from a bare clone. --fast: the inner loop, under a minute. --soak: models at full length.
// Further arguments go to vitest (a file name, -t a test name). The last line counts for programs that read it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { mkdtempSync, rmSync } from 'node:fs'
import { check } from './check.mjs'
import { bin, ensureBuilt, ensureInstalled, run } from './lib.mjs'
import { ensureSystem, skipMissing } from './system.mjs'

const args = process.argv.slice(2)
const fast = args.includes('--fast')
const soak = args.includes('--soak')
const rest = args.filter((arg) => arg !== '--fast' && arg !== '--soak')

await ensureInstalled()
if (!fast) await ensureSystem()
await ensureBuilt()
const checked = rest.length > 0 || fast ? [] : await check()

const folder = mkdtempSync(join(tmpdir(), 'pgstrata-test-'))
const report = join(folder, 'report.json')
const env = {
  ...process.env,
  ...(soak ? { PGSTRATA_SOAK: '1' } : {}),
  ...(fast ? { PGSTRATA_FAST: '1', PGSTRATA_SKIP: skipMissing() } : {}),
}
const code = await run(
  bin('vitest'),
  ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...rest],
  { env },
)
const counts = readCounts(report)
rmSync(folder, { recursive: true, force: true })

for (const { name, ok } of checked) {
  if (ok) counts.passed++
  else counts.failed++
  if (!ok) console.error(`check failed: ${name}`)
}
// A run that broke outside any test (a hook, the set-up) has failed, whatever it counted.
if (code !== 0 && counts.failed === 0) counts.failed = 1
console.log(
  `\n${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`,
)
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0

function readCounts(path) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(path, 'utf8'))
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}
