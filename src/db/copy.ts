// COPY on a session of ours, in either direction, as fast as the slower side.
// What must be true: when it ends well, every byte was taken. On failure of what takes the rows, the connection is given up, for
// the server would go on sending; on failure of what gives them, the COPY is called off and the session can be used.

import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { messageOf, StrataError } from '../base/errors.ts'
import type { Session, Wire } from './db.ts'

/** `copy … to stdout`. `take` reads the stream to its end. */
export async function copyOut(session: Session, text: string, take: (rows: Readable) => Promise<void>): Promise<void> {
  const wire = wireOf(session)
  const stream = copyTo(text)
  let refusal: { readonly error: unknown } | undefined
  // The server's own refusal leaves the connection ready for the next statement. An 'error' can be that of the other side, too.
  const told = stream as unknown as { handleError(error: Error): void }
  const tell = told.handleError.bind(stream)
  told.handleError = (error) => {
    refusal = { error }
    tell(error)
  }
  wire.submit(stream)
  try {
    await take(stream)
  } catch (error) {
    if (refusal !== undefined) throw refusal.error
    if (!stream.readableEnded) wire.giveUp(new StrataError('DATABASE_LOST', { message: broken(error), cause: error }))
    throw error
  }
}

/** `copy … from stdin`. Returns the number of rows, as the server counts them. */
export async function copyIn(session: Session, text: string, source: Readable): Promise<number> {
  const wire = wireOf(session)
  const stream = copyFrom(text)
  let failure: { readonly error: unknown } | undefined
  source.on('error', (error) => void (failure ??= { error }))
  wire.submit(stream)
  try {
    await pipeline(source, stream)
  } catch (error) {
    throw failure === undefined ? error : failure.error
  }
  return stream.rowCount
}

const broken = (error: unknown): string => `A COPY was left in its middle (${messageOf(error)})`

function wireOf(session: Session): Wire {
  if (session.wire !== undefined) return session.wire
  throw new StrataError('INTERNAL', { message: 'This session takes no streams' })
}
