// What a set of rows comes to, whatever keeps them: how many there are, and two sums of their hashes. Numbers as text: they
// are beyond 64 bits.

export interface Content {
  readonly rows: string
  readonly one: string
  readonly two: string
}
