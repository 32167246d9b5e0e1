// Evaluates a module of the user's: TypeScript too (Node 20 reads none), by the text it has now. Nothing is cached, so
// that a file edited between two calls in one process is read again.

import { readFile } from 'node:fs/promises'
import { createJiti } from 'jiti'

/** The exports. What the module throws, and what does not parse, is thrown as it is. */
export async function loadModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  const source = await readFile(path, 'utf8')
  const jiti = createJiti(path, { fsCache: false, moduleCache: false, interopDefault: false })
  return (await jiti.evalModule(source, { filename: path, async: true, forceTranspile: true })) as Record<
    string,
    unknown
  >
}
