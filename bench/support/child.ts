// Another process of the bench's own: it runs a module, says when it is ready, answers what it is asked, and is gone when asked
// to stop, or when we are. What a client's or a server's loop does is its own then, and disturbs nobody's measuring.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface Child<Ready> {
  readonly ready: Ready
  ask<Answer>(question: string): Promise<Answer>
  stop(): Promise<void>
}

const stopTimeoutMs = 20_000

/** `module` ends with `serveParent`. One question at a time. */
export async function startChild<Ready>(module: URL, input: object): Promise<Child<Ready>> {
  const child = fork(fileURLToPath(module), [JSON.stringify(input)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(child, 'exit')
  const ended = exited.then(([code]): never => {
    throw new Error(`${module.pathname} ended with ${String(code)}`)
  })
  ended.catch(() => undefined)
  const answer = async <T>(): Promise<T> => {
    const [message] = (await Promise.race([once(child, 'message'), ended])) as [T]
    return message
  }
  return {
    ready: await answer<Ready>(),
    ask: async <T>(question: string) => {
      const answered = answer<T>()
      child.send(question)
      return await answered
    },
    stop: async () => {
      child.send('stop')
      const late = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
      await exited
      clearTimeout(late)
    },
  }
}

export interface Service {
  readonly ready: object
  /** May be a promise; one that fails ends the process. */
  answer?(question: string): unknown
  close(): Promise<void>
}

/** In the other process. */
export async function serveParent<Input>(open: (input: Input) => Promise<Service>): Promise<void> {
  const service = await open(JSON.parse(process.argv[2] ?? '{}') as Input)
  const stop = (): void => {
    service.close().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  process.on('disconnect', stop)
  // The one that started us gets it too, and says when.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => undefined)
  process.on('message', (question) => {
    if (question === 'stop') stop()
    else void answer(service, String(question))
  })
  process.send?.(service.ready)
}

async function answer(service: Service, question: string): Promise<void> {
  process.send?.((await service.answer?.(question)) ?? null)
}

/** Microseconds of a clock that all processes of a machine share. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}
