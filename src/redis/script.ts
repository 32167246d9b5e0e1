// A Lua script that Redis knows by its digest: its text is sent once to each server.

import { createHash } from 'node:crypto'

export interface RedisScript {
  readonly text: string
  readonly sha: string
}

export function createScript(text: string): RedisScript {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}
