// What the server answers of views, and how it says of anything what should be seen to.

import { flag, list, nullable, number, object, text, time, type Shape } from '../shape.ts'

/** What should be seen to, and what to do. */
export interface FindingText {
  readonly what: string
  readonly todo: string
}

export const findingTexts: Shape<readonly FindingText[]> = list(object<FindingText>({ what: text(), todo: text() }))

interface ViewAnswer {
  readonly name: string
  readonly schema: string
  /** 'materialized' or 'plain', which holds nothing and is never stale. */
  readonly kind: string
  readonly state: string
  readonly lastRefreshed: string | null
  readonly staleMs: number | null
  readonly tookMs: number | null
  readonly rows: number | null
  readonly sizeBytes: number | null
  readonly dueAt: string | null
  readonly failed: boolean
  readonly findings: readonly FindingText[]
}

export interface ViewsAnswer {
  readonly views: readonly ViewAnswer[]
}

export const viewsShape: Shape<ViewsAnswer> = object<ViewsAnswer>({
  views: list(
    object<ViewAnswer>({
      name: text(),
      schema: text(),
      kind: text(),
      state: text(),
      lastRefreshed: nullable(time()),
      staleMs: nullable(number()),
      tookMs: nullable(number()),
      rows: nullable(number()),
      sizeBytes: nullable(number()),
      dueAt: nullable(time()),
      failed: flag(),
      findings: findingTexts,
    }),
  ),
})
