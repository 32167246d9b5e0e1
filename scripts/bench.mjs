// npm run bench: measures, side by side. What it takes and prints: bench/run.ts.

import { join } from 'node:path'
import { root, run } from './lib.mjs'

// Standard output is for results: with --json a program reads it.
const toStderr = { stdio: ['ignore', process.stderr, process.stderr] }
const built = await run(process.execPath, [join(root, 'scripts', 'build.mjs')], toStderr)
if (built !== 0) process.exit(built)

// Ctrl-C reaches the whole process group: the child stops its clusters in order, and we wait for it.
process.on('SIGINT', () => {})
let child
process.on('SIGTERM', () => child?.kill('SIGTERM'))
process.exitCode = await run(
  process.execPath,
  ['--import', 'jiti/register', join('bench', 'run.ts'), ...process.argv.slice(2)],
  { onSpawn: (spawned) => (child = spawned) },
)
