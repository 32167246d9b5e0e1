// npm run check: everything that looks at the code without running it. Also the first part of npm test.

import { pathToFileURL } from 'node:url'
import { bin, ensureBuilt, ensureInstalled, run } from './lib.mjs'

const checks = [
  { name: 'types', command: [bin('tsc'), '-p', 'tsconfig.dev.json'] },
  { name: 'types of pages', command: [bin('tsc'), '-p', 'examples/tsconfig.web.json'] },
  { name: 'lint', command: [bin('oxlint'), '--type-aware', '--deny-warnings'] },
  { name: 'format', command: [bin('oxfmt'), '--check'] },
  { name: 'unused', command: [bin('knip'), '--no-progress'] },
]

/** Runs all, so that one run shows every complaint. */
export async function check() {
  const results = []
  for (const { name, command } of checks) {
    const [program, ...args] = command
    results.push({ name, ok: (await run(program, args)) === 0 })
  }
  return results
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await ensureInstalled()
  // The examples are checked against the types that are published.
  await ensureBuilt()
  const failed = (await check()).filter((result) => !result.ok)
  for (const { name } of failed) console.error(`check failed: ${name}`)
  process.exitCode = failed.length > 0 ? 1 : 0
}
