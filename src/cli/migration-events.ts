// What a run of migrations says while it goes, on standard error.

import { formatDuration } from '../base/units.ts'
import type { MigrationEvent } from '../migrate/index.ts'
import type { CliContext } from './context.ts'
import { createProgress } from './output.ts'

export function createEventPrinter(context: CliContext): (event: MigrationEvent) => void {
  const progress = createProgress(context)
  return (event) => {
    if (event.type !== 'backfill') progress.clear()
    switch (event.type) {
      case 'waiting':
        context.err(`Another runner is at work (${event.holder}); waiting for it\n`)
        return
      case 'started':
        if (event.resumedAt > 0) context.err(`${event.name}: going on after statement ${event.resumedAt}\n`)
        return
      case 'statement':
        return
      case 'busy':
        context.err(
          `${event.name}: a lock was not to be had; try ${event.busy.attempt} of ${event.busy.attempts}, again in ${Math.round(event.busy.pauseMs)} ms\n`,
        )
        return
      case 'backfill':
        progress.show({
          label: event.name,
          done: event.done,
          total: event.total,
          unit: 'rows',
          note: event.note === '' ? undefined : event.note,
        })
        return
      case 'done':
        context.err(`${event.direction === 'up' ? '↑' : '↓'} ${event.name}  ${formatDuration(event.durationMs)}\n`)
    }
  }
}
