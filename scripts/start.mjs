// npm start: from a bare clone to a running primary and replica with the demo's schema, watched. Ctrl-C stops all of it.
// npm start -- top, in another terminal: any other command, on the demo.

import { join } from 'node:path'
import { ensureBuilt, ensureInstalled, root, run } from './lib.mjs'

await ensureInstalled()
await ensureBuilt()
const given = process.argv.slice(2)
const isCommand = given[0] !== undefined && !given[0].startsWith('-')
const args = isCommand ? given : ['dev', ...given]
if (!isCommand && !given.includes('--json') && !given.includes('--help')) {
  console.error('The demo is in examples/mycelix. Any command on it, in another terminal: npm start -- top')
}
// Ctrl-C reaches the whole process group: the child stops its cluster in order, and we wait for it.
process.on('SIGINT', () => {})
let child
process.on('SIGTERM', () => child?.kill('SIGTERM'))
const code = await run(process.execPath, [join(root, 'dist', 'cli', 'main.js'), ...args], {
  cwd: join(root, 'examples', 'mycelix'),
  onSpawn: (spawned) => (child = spawned),
})
process.exitCode = code
