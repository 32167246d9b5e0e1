// Schema "pgstrata", version by version.
// Everything is plain SQL that a person can read in psql, and every relation carries a comment that says what it holds.

import { version1 } from './schema/version-1.ts'
import { version2 } from './schema/version-2.ts'
import { version3 } from './schema/version-3.ts'
import { version4 } from './schema/version-4.ts'
import { version5 } from './schema/version-5.ts'
import { version6 } from './schema/version-6.ts'
import { version7 } from './schema/version-7.ts'
import { version8 } from './schema/version-8.ts'
import { version9 } from './schema/version-9.ts'
import { version10 } from './schema/version-10.ts'
import type { SchemaVersion } from './schema/version.ts'

export type { SchemaVersion } from './schema/version.ts'

export const schemaVersions: readonly SchemaVersion[] = [
  version1,
  version2,
  version3,
  version4,
  version5,
  version6,
  version7,
  version8,
  version9,
  version10,
]
