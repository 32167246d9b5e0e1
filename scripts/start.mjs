// npm start: from a bare clone to a running primary and replica with the demo's schema. Ctrl-C stops all of it.

import { join } from 'node:path'
import { ensureBuilt, ensureInstalled, root, run } from './lib.mjs'

await ensureInstalled()
await ensureBuilt()
// Ctrl-C reaches the whole process group: the child stops its cluster in order, and we wait for it.
process.on('SIGINT', () => {})
let child
process.on('SIGTERM', () => child?.kill('SIGTERM'))
const code = await run(process.execPath, [join(root, 'dist', 'cli', 'main.js'), 'dev', ...process.argv.slice(2)], {
  cwd: join(root, 'examples', 'mycelix'),
  onSpawn: (spawned) => (child = spawned),
})
process.exitCode = code
