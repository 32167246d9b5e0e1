// What long work says while it runs. The library never prints: the caller passes a Logger, and the default is silent.

export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
}

export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore }

function ignore(): void {}

/** How far a long piece of work has come; `total` is absent where it cannot be known. */
export interface Progress {
  readonly label: string
  readonly done: number
  readonly total?: number | undefined
  readonly unit: string
  readonly note?: string | undefined
}

export type OnProgress = (progress: Progress) => void
