// Bytes as PostgreSQL 15 sent them (fixtures/pgoutput-15.txt, one message a line), through the parser and the assembler.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Assembler, type AssemblerLimits, type Piece } from '../../../src/changes/feed/wal/assembler.ts'
import { parseStreamMessage, renderStatus } from '../../../src/changes/feed/wal/pgoutput.ts'

const long = 'é'.repeat(1500)
const recorded = readFileSync(new URL('fixtures/pgoutput-15.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => Buffer.from(line.replaceAll('[é*1500]', Buffer.from(long).toString('hex')), 'hex'))

const wide: AssemblerLimits = { holdBytes: 1e9, partChanges: 1e9, partBytes: 1e9 }

function assemble(limits: AssemblerLimits, ends = new Map<bigint, bigint>()): { pieces: Piece[]; measured: number } {
  const pieces: Piece[] = []
  let measured = 0
  const assembler = new Assembler({
    limits,
    ends,
    primaryKeyOf: () => undefined,
    tableOf: () => undefined,
    emit: (assembled) => (assembled.type === 'piece' ? pieces.push(assembled.piece) : measured++),
  })
  for (const bytes of recorded) {
    const message = parseStreamMessage(bytes)
    if (message.type === 'data') assembler.push(message.message, message.sizeBytes)
  }
  expect(assembler.isIdle).toBe(true)
  return { pieces, measured }
}

test('what was recorded becomes the changes that were made', () => {
  const { pieces } = assemble(wide)
  const t = { schema: 'public', table: 'T', keyBefore: undefined, unchanged: [] }
  const whole = { ...t, table: 'whole' }
  expect(pieces.map(({ changes }) => changes)).toEqual([
    [
      { ...t, kind: 'insert', key: { id: '1' }, row: { id: '1', n: '1.50', body: long, m: 'fine' } },
      { ...t, kind: 'insert', key: { id: '2' }, row: { id: '2', n: null, body: '', m: null } },
    ],
    [{ ...t, kind: 'update', key: { id: '1' }, row: { id: '1', n: 'NaN', m: 'fine' }, unchanged: ['body'] }],
    [
      {
        ...t,
        kind: 'update',
        key: { id: '3' },
        keyBefore: { id: '2' },
        row: { id: '3', n: null, body: '', m: null },
      },
    ],
    [{ ...t, kind: 'delete', key: { id: '3' }, row: undefined }],
    [
      { ...whole, kind: 'insert', key: { a: '1', b: 'x' }, row: { a: '1', b: 'x' } },
      { ...whole, kind: 'update', key: { a: '1', b: 'y' }, keyBefore: { a: '1', b: 'x' }, row: { a: '1', b: 'y' } },
      { ...whole, kind: 'delete', key: { a: '1', b: 'y' }, row: undefined },
    ],
    [
      { ...t, kind: 'truncate', key: undefined, row: undefined },
      { ...whole, kind: 'truncate', key: undefined, row: undefined },
    ],
  ])
  expect(pieces[0]).toMatchObject({ xid: 0x2da, lsn: 0x14ff6b8n, seq: 0, isLast: true })
  expect(pieces[0]?.committedAt.getUTCFullYear()).toBe(2026)
})

test('a transaction that is too large is let go once and comes in parts when its end is known, under the same ids', () => {
  const limits = { holdBytes: 1_000, partChanges: 2, partBytes: 1e9 }
  const ends = new Map<bigint, bigint>()
  const first = assemble(limits, ends)
  expect(first.measured).toBeGreaterThan(0)
  expect(first.pieces.length + first.measured).toBe(6)
  const second = assemble(limits, ends)
  expect(second.measured).toBe(0)
  expect(ends.size).toBe(0)
  const idsOf = (pieces: readonly Piece[]): string[] =>
    pieces.flatMap(({ lsn, seq, changes }) => changes.map((change, index) => `${lsn} ${seq + index} ${change.kind}`))
  expect(idsOf(second.pieces)).toEqual(idsOf(assemble(wide).pieces))
  expect(idsOf(assemble({ ...wide, partChanges: 1 }).pieces)).toEqual(idsOf(second.pieces))
  expect(second.pieces.every(({ changes }) => changes.length <= 2)).toBe(true)
  expect(second.pieces.filter(({ isLast }) => isLast)).toHaveLength(6)
})

test('bytes that are cut off anywhere, or of a kind that there is not, are refused', () => {
  // Of a type nothing is read.
  for (const bytes of recorded.filter((message) => message[25] !== 'Y'.charCodeAt(0))) {
    for (let length = 0; length < Math.min(bytes.length, 200); length++) {
      expect(
        () => parseStreamMessage(bytes.subarray(0, length)),
        `${length} of ${bytes.toString('hex', 0, 30)}`,
      ).toThrow(expect.objectContaining({ code: 'FEED_PROTOCOL' }))
    }
  }
  expect(() => parseStreamMessage(Buffer.from('x'))).toThrow(expect.objectContaining({ code: 'FEED_PROTOCOL' }))
})

test('an acknowledgement says what was written, flushed and applied, and when', () => {
  const bytes = renderStatus({
    received: 0x2_00000001n,
    handled: 0x1_00000001n,
    nowMs: Date.UTC(2000, 0, 1, 0, 0, 1),
    replyRequested: true,
  })
  expect(bytes.toString('hex')).toBe(`720000000200000001${'0000000100000001'.repeat(2)}00000000000f424001`)
})
