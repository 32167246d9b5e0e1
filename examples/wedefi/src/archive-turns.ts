// Who reads what may be in the archive: two at once in a process, and few who wait.
//
// What must be true: such a read fetches whole months, however few of their rows it gives, and holds a transaction of the primary open meanwhile;
// moves of the table wait for it. So however many are asked for, no more than `atOnce` are under way, and whoever would be behind `waiting`
// others is refused at once.

import { unavailable } from 'pgstrata-example-kit'
import { packAfterDays, unarchivedDays } from './growth/policy.ts'

const dayMs = 86_400_000

export type TakeTurns = <T>(work: () => Promise<T>) => Promise<T>

export function createTurns({ atOnce, waiting }: { readonly atOnce: number; readonly waiting: number }): TakeTurns {
  let free = atOnce
  const queue: (() => void)[] = []
  return async (work) => {
    if (free > 0) free--
    else if (queue.length < waiting) await new Promise<void>((resolve) => void queue.push(resolve))
    else throw unavailable('Many ask for times that are long ago: ask again in a moment')
    try {
      return await work()
    } finally {
      const next = queue.shift()
      if (next === undefined) free++
      else next()
    }
  }
}

const inTurn = createTurns({ atOnce: 2, waiting: 20 })

/** It may be in the archive, if only because somebody put it there by hand: a month is packed before it is archived. */
export function isLongAgo(at: Date): boolean {
  return isOlder(at, packAfterDays)
}

/** `since`: of the oldest rows that `work` reads. It must not wait for another turn. */
export async function readInTurn<T>(since: Date, work: () => Promise<T>): Promise<T> {
  return isOlder(since, unarchivedDays) ? await inTurn(work) : await work()
}

function isOlder(at: Date, days: number): boolean {
  return at.getTime() < Date.now() - days * dayMs
}
