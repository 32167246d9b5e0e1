// When a month of snapshots is packed, and when it goes to the archive: by how old its end is.

export const packAfterDays = 30
export const archiveAfterMonths = 12
/** What is younger is in the table by itself, for sure: two days less, for clocks differ. */
export const unpackedDays: number = packAfterDays - 2
/** What is younger the policy leaves in the database: a month is archived when its end is older than a year. */
export const unarchivedDays: number = (archiveAfterMonths - 1) * 30
/** Between the proven archive and the drop. */
export const graceDays = 7

export interface Policy {
  readonly packAfterDays: number
  readonly archiveAfterMonths: number
  readonly graceDays: number
}

export const policy: Policy = { packAfterDays, archiveAfterMonths, graceDays }
