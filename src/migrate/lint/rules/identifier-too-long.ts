import { identifiersIn } from '../../../sql/parse.ts'
import type { Rule } from '../types.ts'

const mostBytes = 63

export const identifierTooLong: Rule = {
  name: 'identifier-too-long',
  harm: 'fails',
  summary: 'A name longer than 63 bytes.',
  why: 'PostgreSQL cuts it with no more than a notice: two long names become one, and code that looks for the whole name finds nothing.',
  bad: 'create index concurrently plays_by_track_and_country_and_device_and_subscription_and_month_idx on plays (track_id);',
  good: 'create index concurrently plays_by_track_idx on plays (track_id);',
  check: ({ statement }) => {
    // The syntax tree has it cut already. Most statements have no word that long, and are not scanned.
    if (!/\S{64}|[\u0080-\uffff]|"[^"]{32}/.test(statement.text)) return []
    const long = [...new Set(identifiersIn(statement.text))].filter((name) => Buffer.byteLength(name) > mostBytes)
    return long.map((name) => ({
      message: `"${name.slice(0, 100)}" has ${Buffer.byteLength(name)} bytes; PostgreSQL cuts it to ${mostBytes}`,
      fix: `Choose a name of at most ${mostBytes} bytes.`,
    }))
  },
}
