// ?fields=a,b: only those fields of each row, so that a phone loads no more than it shows.

import { badInput } from './http-error.ts'

/**
 * The fields a client may choose from; without a choice it gets all of them. A name that is none of them is refused.
 *
 *     const songFields = defineFields('song_id', 'title', 'plays')
 *     const pick = songFields(request.query.fields)
 *     return { songs: rows.map(pick) }
 */
export function defineFields<const Name extends string>(...names: readonly Name[]): FieldChoice<Name> {
  const known: ReadonlySet<string> = new Set(names)
  return (asked) => {
    const wanted = new Set((asked ?? '').split(',').map((name) => name.trim()))
    wanted.delete('')
    if ([...wanted].some((name) => !known.has(name))) {
      throw badInput({ where: 'query.fields', expected: `names out of ${names.join(', ')}, with commas between them` })
    }
    const chosen = wanted.size === 0 ? names : names.filter((name) => wanted.has(name))
    return (row) => {
      const picked: Partial<Record<Name, unknown>> = {}
      for (const name of chosen) picked[name] = row[name]
      return picked as Partial<typeof row>
    }
  }
}

/** Rows that have all of the fields; what they have besides does not go out. */
export type FieldChoice<Name extends string> = (
  asked: string | undefined,
) => <Row extends Readonly<Record<Name, unknown>>>(row: Row) => Partial<Pick<Row, Name>>
