import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { quoteIdent, quoteLiteral } from '../../src/sql/quote.ts'
import { isSql, sql } from '../../src/sql/sql.ts'
import { onlyRow } from '../../src/db/db.ts'
import { checkProperty } from '../support/property.ts'
import { describeOnEachVersion } from '../support/postgres.ts'

describe('sql', () => {
  test('a value is a parameter, whatever it looks like', () => {
    const statement = sql`select * from t where a = ${"'; drop table t"} and b = ${2}`
    expect(statement).toEqual({ text: 'select * from t where a = $1 and b = $2', values: ["'; drop table t", 2] })
    expect(Object.isFrozen(statement) && Object.isFrozen(statement.values)).toBe(true)
  })

  test('fragments are spliced and their parameters renumbered', () => {
    const where = sql`a = ${1} or ${sql.ident('x', 'y"z')} = ${2}`
    expect(sql`select ${0} where (${where}) limit ${3}`).toEqual({
      text: 'select $1 where (a = $2 or "x"."y""z" = $3) limit $4',
      values: [0, 1, 2, 3],
    })
    expect(sql.join([sql`${1}`, sql`now()`, sql`${2}`])).toEqual({ text: '$1, now(), $2', values: [1, 2] })
    expect(sql.join([])).toEqual({ text: '', values: [] })
  })

  test('an object that only looks like SQL is a parameter', () => {
    const forged = { text: 'drop table t', values: [] }
    expect(isSql(forged)).toBe(false)
    expect(sql`select ${forged}`).toEqual({ text: 'select $1', values: [forged] })
  })

  test.each(['', 'x'.repeat(64), 'é'.repeat(32), 'a\0b'])('%j is no identifier', (name) => {
    expect(() => quoteIdent(name)).toThrow(expect.objectContaining({ code: 'IDENTIFIER_INVALID' }))
  })
})

describeOnEachVersion('quoting', (_version, database) => {
  test('whatever is quoted comes back as it was', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((value) => !value.includes('\0'))
    await checkProperty('quoting', text, async (value) => {
      // A lone surrogate has no UTF-8 form.
      if (!value.isWellFormed()) return
      const answer = await database().db.query<{ value: string }>(sql`select ${sql.literal(value)}::text as value`)
      expect(onlyRow(answer).value).toBe(value)
      if (value === '' || Buffer.byteLength(value) > 63) return
      const named = await database().db.query(sql.raw(`select 1 as ${quoteIdent(value)}`))
      expect(Object.keys(named.rows[0] ?? {})).toEqual([value])
    })
  })

  test('a literal does not depend on standard_conforming_strings', async () => {
    await database().db.withSession(async (session) => {
      await session.query(sql`set standard_conforming_strings = off`)
      const answer = await session.query<{ value: string }>(sql.raw(`select ${quoteLiteral("a\\'b")} as value`))
      expect(onlyRow(answer).value).toBe("a\\'b")
    })
  })
})
