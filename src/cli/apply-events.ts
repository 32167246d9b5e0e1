// What carrying out a plan says while it goes, on standard error.

import { plural } from '../base/units.ts'
import type { ApplyEvent } from '../plan/index.ts'

export function describeEvent(event: ApplyEvent): string {
  switch (event.type) {
    case 'waiting':
      return `Another apply is running (${event.holder}); waiting for it\n`
    case 'resumed':
      return `Going on: ${event.title} (${plural(event.statementsDone, 'statement')} done)\n`
    case 'started':
      return `[${event.number}/${event.of}] ${event.step.title}\n`
    case 'busy':
      return `  a lock was not to be had; try ${event.busy.attempt} of ${event.busy.attempts}, again in ${Math.round(event.busy.pauseMs)} ms\n`
    case 'done':
      return `  done: ${event.title}\n`
  }
}
