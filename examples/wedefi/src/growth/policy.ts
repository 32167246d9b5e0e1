// When a month of snapshots is packed, and when it goes to the archive: by how old its end is.

export const packAfterDays = 30
export const archiveAfterMonths = 12
/** Between the proven archive and the drop. */
export const graceDays = 7

export interface Policy {
  readonly packAfterDays: number
  readonly archiveAfterMonths: number
  readonly graceDays: number
}

export const policy: Policy = { packAfterDays, archiveAfterMonths, graceDays }
