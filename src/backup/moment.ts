// A moment as PostgreSQL reads it: '2026-11-22 18:00:00.123+00'.

export const momentText = (at: Date): string => at.toISOString().replace('T', ' ').replace('Z', '+00')
