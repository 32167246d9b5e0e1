// Server-Sent Events out of bytes, as the HTML standard has them (9.2.6): lines end with LF, CR or CRLF, wherever chunks are cut.
//
// What must be true: the id counts once its event is complete, also of one without data; an event that was cut off is dropped.

export interface SseEvent {
  readonly name: string
  readonly data: string
}

export class SseReader {
  #decoder = new TextDecoder()
  #rest = ''
  #name = ''
  #data: string[] = []
  #id: string | undefined
  #lastEventId: string | undefined
  #retryMs: number | undefined

  constructor(lastEventId?: string) {
    this.#lastEventId = lastEventId
    this.#id = lastEventId
  }

  get lastEventId(): string | undefined {
    return this.#lastEventId
  }

  /** What the server asked for. */
  get retryMs(): number | undefined {
    return this.#retryMs
  }

  /** A new connection. */
  begin(): void {
    this.#decoder = new TextDecoder()
    this.#rest = ''
    this.#name = ''
    this.#data = []
    this.#id = this.#lastEventId
  }

  /** The id moves on with what is taken of it: whoever stops in the middle comes back to there. */
  *read(chunk: Uint8Array): Generator<SseEvent> {
    const text = this.#rest + this.#decoder.decode(chunk, { stream: true })
    // A CR at the end may be half of an ending.
    const cut = text.endsWith('\r') ? text.length - 1 : text.length
    const lines = text.slice(0, cut).split(/\r\n|\r|\n/)
    this.#rest = (lines.pop() ?? '') + text.slice(cut)
    for (const line of lines) {
      const event = this.#take(line)
      if (event !== undefined) yield event
    }
  }

  #take(line: string): SseEvent | undefined {
    if (line === '') return this.#complete()
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.#name = value
    else if (field === 'data') this.#data.push(value)
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    else if (field === 'retry' && /^\d+$/.test(value)) this.#retryMs = Number(value)
    return undefined
  }

  #complete(): SseEvent | undefined {
    this.#lastEventId = this.#id
    const name = this.#name === '' ? 'message' : this.#name
    const data = this.#data
    this.#name = ''
    this.#data = []
    return data.length === 0 ? undefined : { name, data: data.join('\n') }
  }
}
