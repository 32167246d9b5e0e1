// npm start: from a bare clone to examples/mycelix running: a primary and a replica with some plays in them, watched, and a service with its
// page. Ctrl-C stops all of it.
// npm start -- top, in another terminal: any command of pgstrata, on the demo.

import { join } from 'node:path'
import { ensureBuilt, ensureInstalled, root, run } from './lib.mjs'

await ensureInstalled()
await ensureBuilt()
const given = process.argv.slice(2)
const isCommand = given[0] !== undefined && !given[0].startsWith('-')
if (!isCommand && !given.includes('--json') && !given.includes('--help')) {
  console.error('The demo is in examples/mycelix. Any command on it, in another terminal: npm start -- top')
}
// By its command and not by `--import jiti/register`, which would read dist and every package as TypeScript as well.
const jiti = join(root, 'node_modules', 'jiti', 'lib', 'jiti-cli.mjs')
const args = isCommand ? [join(root, 'dist', 'cli', 'main.js'), ...given] : [jiti, join('src', 'main.ts'), ...given]
// Ctrl-C reaches the whole process group: the child stops its cluster in order, and we wait for it.
process.on('SIGINT', () => {})
let child
process.on('SIGTERM', () => child?.kill('SIGTERM'))
const code = await run(process.execPath, args, {
  cwd: join(root, 'examples', 'mycelix'),
  onSpawn: (spawned) => (child = spawned),
})
process.exitCode = code
