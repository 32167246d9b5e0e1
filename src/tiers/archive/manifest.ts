// What an archive is: with its files it is all that is needed to read it, without any catalog. It is written last, so that where
// there is a manifest, every file was read back.

import type { Content } from '../model/content.ts'
import type { FileStats } from './stats.ts'
import type { ArchivedColumn } from './types.ts'

export interface ManifestFile {
  readonly number: number
  readonly key: string
  readonly rows: number
  readonly bytes: number
  readonly sha256: string
  /** Of the partition's column. */
  readonly least: string | null
  readonly most: string | null
  readonly content: Content
  readonly columns: FileStats
}

export interface Manifest {
  readonly format: 1
  /** The archive's number in the catalog of its database. */
  readonly archive: string
  readonly table: { readonly schema: string; readonly table: string }
  /** To know a column again that was renamed since. */
  readonly tableOid: number
  readonly axis: string
  readonly partition: string
  readonly lower: string
  readonly upper: string
  readonly serverVersion: number
  readonly columns: readonly ArchivedColumn[]
  /** Statements that make the table anew, as it was. */
  readonly definition: string
  readonly files: readonly ManifestFile[]
  readonly content: Content
  readonly archivedAt: string
}
