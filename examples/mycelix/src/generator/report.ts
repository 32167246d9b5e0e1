// What was generated, for a person.

import type { GenerateReport } from './generate.ts'

export function describeReport(report: GenerateReport): string {
  const count = (number: number, what: string): string => `${number.toLocaleString('en-US')} ${what}`
  const { plays, payments, songs, artists, listeners, tookMs } = report
  const rows = [
    count(plays, 'plays'),
    count(payments, 'payments'),
    count(songs, 'songs'),
    count(artists, 'artists'),
    count(listeners, 'listeners'),
  ]
  const mended = report.mended ? ['What a load had left that was killed is mended.'] : []
  return [...mended, `${rows.join(', ')} in ${Math.round(tookMs / 1000)} s.`].join('\n')
}
