// COPY … FROM STDIN on the connection of a transaction, with back-pressure: the source is read as fast as the server takes.
// Promises: on any failure, of the source or of the server, the COPY is given up, and what the source said is thrown before
// what the server said about it. The server is told only that it ended, not why: its log is not the place for values.

import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from as copyFrom } from 'pg-copy-streams'
import { StrataError } from '../../base/errors.ts'
import { parseSql } from '../../sql/parse.ts'
import type { Sql } from '../../sql/sql.ts'
import type { TxRun } from './tx-run.ts'

export type CopySource = Readable | AsyncIterable<Buffer | Uint8Array | string> | Iterable<Buffer | Uint8Array | string>

export interface CopyJob {
  readonly statement: Sql
  readonly source: CopySource
}

export async function copyInto(run: TxRun, level: number, job: CopyJob): Promise<{ readonly count: number }> {
  await checkCopy(job.statement)
  const count = await sendCopy(run, level, { text: job.statement.text, chunks: job.source as AsyncIterable<Buffer> })
  return { count }
}

/** Returns the number of rows, as the server counts them. */
export async function sendCopy(
  run: TxRun,
  level: number,
  { text, chunks }: { readonly text: string; readonly chunks: AsyncIterable<unknown> | Iterable<unknown> },
): Promise<number> {
  const copy = copyFrom(text)
  let failure: { readonly error: unknown } | undefined
  // A chunk of bytes as they are, or text.
  const guarded = async function* (): AsyncGenerator<Buffer | Uint8Array | string> {
    try {
      for await (const chunk of chunks) {
        yield chunk as Buffer
        // A socket that takes everything at once, and a source that is always ready, would keep the process from all else,
        // from the server's refusal, too.
        await run.pause()
      }
    } catch (error) {
      failure = { error }
      throw new Error('The source ended before its end', { cause: error })
    }
  }
  try {
    await run.stream(level, copy, () => pipeline(guarded, copy))
  } catch (error) {
    throw failure === undefined ? error : failure.error
  }
  return copy.rowCount
}

/** Anything else than COPY FROM STDIN would be answered with what the stream does not understand. */
async function checkCopy(statement: Sql): Promise<void> {
  const [first, ...others] = await parseSql(statement.text)
  const { is_from: isFrom, filename, is_program: isProgram } = first?.node ?? {}
  const isCopyIn = first?.kind === 'CopyStmt' && isFrom === true && filename === undefined && isProgram !== true
  if (isCopyIn && others.length === 0 && statement.values.length === 0) return
  throw new StrataError('VALUE_INVALID', {
    message: 'Not a statement that takes in a stream',
    expected: 'one copy … from stdin, without parameters',
    got: first?.kind ?? 'nothing',
  })
}
