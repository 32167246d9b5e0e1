// Conversions as text: what becomes of what, every statement with its lock, and how far one has come. Pure.

import { plural } from '../base/units.ts'
import type { ConversionPreview, ConversionRecord } from '../partitions/convert/index.ts'
import { paint, type CliContext, type Style } from './context.ts'
import { formatTable } from './output.ts'

type Items = ConversionPreview['items']

const verdicts: Readonly<Record<Items[number]['verdict'], { readonly text: string; readonly style: Style }>> = {
  carried: { text: 'carried over', style: 'green' },
  consent: { text: 'needs consent', style: 'yellow' },
  refused: { text: 'refused', style: 'red' },
}

export function renderItems(context: CliContext, items: Items): string[] {
  const rows = formatTable(
    items.map(({ kind, name, verdict, how }) => [verdicts[verdict].text, `${kind} ${name}`, how]),
  )
  return items.flatMap(({ verdict, wayOut, consent }, index) => {
    const row = rows[index] ?? ''
    const { text, style } = verdicts[verdict]
    const way = [wayOut, consent === undefined ? undefined : `--accept ${consent}`].filter((part) => part !== undefined)
    return [
      paint(context, style, row.slice(0, text.length)) + row.slice(text.length),
      ...(way.length === 0 ? [] : [`  ${paint(context, 'cyan', '→')} ${way.join(' · ')}`]),
    ]
  })
}

export function renderPreview(context: CliContext, preview: ConversionPreview): string[] {
  return [
    ...renderItems(context, preview.items),
    '',
    ...preview.notes,
    ...preview.steps.flatMap(({ state, what, statements }) => [
      '',
      paint(context, 'bold', `${state}: ${what}`),
      ...statements.flatMap(({ text, locks, cost }) => [
        ...text.split('\n').map((line) => `  ${line}`),
        paint(
          context,
          'dim',
          `  -- ${locks.map((lock) => `${lock.mode} on ${lock.on}`).join(', ') || 'no lock on a table that exists'}; ${cost}`,
        ),
      ]),
    ]),
    '',
    'Nothing was changed.',
  ]
}

export function renderRecord(context: CliContext, record: ConversionRecord): string[] {
  const { names, method, state, request, position, blocks, rowsCopied, rowsSynced, failure } = record
  const share = blocks === null || blocks === 0 ? '' : `, ${Math.floor((position / blocks) * 100)}% of the pages`
  return [
    `${names.schema}.${names.table}: ${method}, ${paint(context, 'bold', state)}${request === 'run' ? '' : ` (asked to ${request})`}`,
    ...(method === 'copy'
      ? [`  ${plural(rowsCopied, 'row')} copied${share}; ${plural(rowsSynced, 'change')} carried over`]
      : []),
    `  begun ${record.startedAt}, last heard of ${record.updatedAt}${record.finishedAt === null ? '' : `, ended ${record.finishedAt}`}`,
    ...(failure === null ? [] : [paint(context, 'red', `  ${failure}`)]),
  ]
}
