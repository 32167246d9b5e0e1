// What the table says of an error, and the kinds that share an exit code and an HTTP status.

export interface ErrorEntry {
  /** One sentence: what is wrong, whatever the particulars. */
  readonly title: string
  /** Exit code of the command line. 0 is success and 2 is "there is something to do"; neither is an error. */
  readonly exit: number
  /** HTTP status where the error leaves through the server. */
  readonly status: number
  /** What a person does next. The throw site may say something more exact. */
  readonly advice: string
}

type Kind = Pick<ErrorEntry, 'exit' | 'status'>

export const usage: Kind = { exit: 3, status: 400 }
export const database: Kind = { exit: 4, status: 503 }
export const refused: Kind = { exit: 5, status: 409 }
export const failed: Kind = { exit: 6, status: 500 }
export const busy: Kind = { exit: 7, status: 409 }
export const environment: Kind = { exit: 8, status: 500 }
