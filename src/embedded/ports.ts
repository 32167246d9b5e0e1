// Free ports on 127.0.0.1. A port found free can be taken a moment later: whoever starts a server on it has to be ready
// to come back for another.

import { createServer } from 'node:net'
import { StrataError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'

// Below the ports that Linux (32768) and the others (49152) give to outgoing connections: a server that is stopped and
// started again finds its own port still free.
const lowest = 20_000
const highest = 32_000
const maxTries = 100

export async function isPortFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** `preferred`, or else the next free one after it; without a preference, any. */
export async function choosePort(preferred: number | undefined, random: Random): Promise<number> {
  for (let tries = 0; tries < maxTries; tries++) {
    const port = preferred === undefined ? lowest + Math.floor(random() * (highest - lowest)) : preferred + tries
    if (port <= 65_535 && (await isPortFree(port))) return port
  }
  throw new StrataError('EMBEDDED_FAILED', {
    message: `No free port on 127.0.0.1 in ${maxTries} tries`,
    advice: 'Close some programs, or name another port.',
  })
}
