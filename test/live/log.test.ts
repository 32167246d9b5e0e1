// Following a numbered log: each message once and in order, and nothing is passed over in silence.

import { expect, onTestFinished, test } from 'vitest'
import { silentLogger } from '../../src/base/logger.ts'
import { LogFollower, type LogPage } from '../../src/live/through/log.ts'
import { encodeMessage } from '../../src/live/wire.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { waitUntil } from '../support/wait.ts'
import { batch } from './support.ts'

class Log {
  life: string | undefined = 'a'
  last = 0
  kept: { n: number; text: string }[] = []
  reads = 0
  pageSize = 2
  fails = false

  add(count = 1): void {
    for (; count > 0; count--) this.kept.push({ n: ++this.last, text: encodeMessage(batch(BigInt(this.last))) })
  }

  read = (after: number): Promise<LogPage> => {
    this.reads++
    if (this.fails) return Promise.reject(new Error('it is away'))
    const page = this.kept.filter(({ n }) => n > after).slice(0, this.pageSize)
    const first = page[0]?.n ?? this.last + 1
    return Promise.resolve({ life: this.life, last: this.last, first, texts: page.map(({ text }) => text) })
  }
}

function follow(log: Log) {
  const heard: string[] = []
  const clock = fakeClock()
  const follower = new LogFollower({
    follower: {
      onMessage: (message) => heard.push(String(message.lsn)),
      onLost: (why) => heard.push(why.split(' ')[0] === 'what' ? 'another' : 'lost'),
    },
    read: log.read,
    clock,
    logger: silentLogger,
  })
  onTestFinished(() => follower.stop())
  const settled = async (expected: readonly string[]): Promise<void> => {
    await waitUntil(() => heard.length >= expected.length, { what: expected.join(', '), timeoutMs: 1_000 }).catch(
      () => 0,
    )
    expect(heard).toEqual(expected)
  }
  return { follower, clock, settled, heard }
}

test('what is kept comes first, page by page, then what is rung for, or found without a ring', async () => {
  const log = new Log()
  log.add(5)
  const { follower, clock, settled } = follow(log)
  await follower.start()
  await settled(['1', '2', '3', '4', '5'])
  log.add()
  follower.ring()
  await settled(['1', '2', '3', '4', '5', '6'])
  log.add()
  clock.advance(1_000)
  await settled(['1', '2', '3', '4', '5', '6', '7'])
})

test('who begins where the log was cut has lost nothing; who has followed is told', async () => {
  const log = new Log()
  log.add(3)
  log.kept.shift()
  const { follower, settled } = follow(log)
  await follower.start()
  await settled(['2', '3'])
  log.add(3)
  log.kept.splice(0, 3)
  follower.ring()
  await settled(['2', '3', 'lost', '5', '6'])
})

test('where all of it is gone, that is told as well', async () => {
  const log = new Log()
  log.add()
  const { follower, settled } = follow(log)
  await follower.start()
  log.add(2)
  log.kept = []
  follower.ring()
  await settled(['1', 'lost'])
  log.add()
  follower.ring()
  await settled(['1', 'lost', '4'])
})

test.each([
  ['begun anew', 'b'],
  ['gone', undefined],
  ['set back', 'a'],
])('a log that is %s is another one', async (_, life) => {
  const log = new Log()
  log.add(3)
  const { follower, settled } = follow(log)
  await follower.start()
  log.kept = []
  log.last = 0
  log.life = life
  if (life !== undefined) log.add()
  follower.ring()
  await settled(['1', '2', '3', 'another', ...(life === undefined ? [] : ['1'])])
  follower.ring()
  log.life = 'c'
  if (life === undefined) log.add()
  follower.ring()
  await settled(['1', '2', '3', 'another', ...(life === undefined ? ['1'] : ['1', 'another', '1'])])
})

test('a log that was empty and is begun is not another one', async () => {
  const log = new Log()
  log.life = undefined
  const { follower, settled } = follow(log)
  await follower.start()
  log.life = 'a'
  log.add(2)
  follower.ring()
  await settled(['1', '2'])
})

test('a log that cannot be read is read when it can be, a message that cannot be is passed over aloud', async () => {
  const log = new Log()
  log.fails = true
  const { follower, clock, settled, heard } = follow(log)
  await expect(follower.start()).rejects.toThrow('it is away')
  log.fails = false
  log.add(1)
  log.kept.push({ n: ++log.last, text: 'nonsense' })
  log.add(1)
  clock.advance(1_000)
  await settled(['1', 'lost', '3'])
  expect(heard).toHaveLength(3)
})

test('what this process has published itself is handed on without a read, unless something is still to come before it', async () => {
  const log = new Log()
  log.add(2)
  const { follower, settled } = follow(log)
  const publish = (): { life: string; n: number; text: string } => {
    log.add()
    return { life: 'a', n: log.last, text: log.kept.at(-1)?.text ?? '' }
  }
  await follower.start()
  await settled(['1', '2'])
  const readsBefore = log.reads
  const third = publish()
  follower.offer(third)
  follower.ring(3)
  follower.offer(third)
  await settled(['1', '2', '3'])
  expect(log.reads).toBe(readsBefore)
  // Another process was quicker.
  log.add()
  follower.offer(publish())
  await settled(['1', '2', '3', '4', '5'])
  expect(log.reads).toBeGreaterThan(readsBefore)
  // Of another log than the one that is followed.
  follower.offer({ ...publish(), life: 'b' })
  await settled(['1', '2', '3', '4', '5', '6'])
})

test('what is offered while a page is read comes once', async () => {
  const log = new Log()
  const { follower, settled } = follow(log)
  await follower.start()
  log.add(2)
  follower.ring()
  follower.offer({ life: 'a', n: 1, text: log.kept[0]?.text ?? '' })
  follower.offer({ life: 'a', n: 2, text: log.kept[1]?.text ?? '' })
  await settled(['1', '2'])
})
