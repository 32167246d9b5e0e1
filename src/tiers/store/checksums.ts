// Bytes that are hashed while they go from one place to another.

import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { dirname } from 'node:path'
import { Transform, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { inFolder } from './room.ts'
import type { FileFacts } from './store.ts'

/** Writes a stream to a file. The file is complete when this returns; on failure what there is of it stays. */
export async function saveStream(source: Readable, path: string, signal?: AbortSignal): Promise<FileFacts> {
  const hash = createHash('sha256')
  let bytes = 0
  const counting = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      bytes += chunk.length
      done(null, chunk)
    },
  })
  await inFolder(dirname(path), () =>
    pipeline(source, counting, createWriteStream(path), signal === undefined ? {} : { signal }),
  )
  return { bytes, sha256: hash.digest('hex') }
}

export async function factsOf(path: string): Promise<FileFacts> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { bytes, sha256: hash.digest('hex') }
}
