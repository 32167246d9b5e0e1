// What somebody reported of a session, and what moderators make of it.

export const reasons = ['spam', 'scam', 'abuse', 'impersonation', 'other'] as const

export type Reason = (typeof reasons)[number]

type ReportStatus = 'open' | 'claimed' | 'dismissed' | 'upheld'

export interface Report {
  readonly report_id: string
  readonly session_id: string
  readonly reporter: string
  readonly reported: string
  readonly reason: Reason
  readonly detail: string | null
  readonly status: ReportStatus
  readonly created_at: Date
  readonly claimed_by: string | null
  readonly claimed_at: Date | null
  readonly resolved_at: Date | null
  readonly resolution: string | null
}
