// Friends by distance where the server has what comes with PostgreSQL: cube and earthdistance.

import { testDatabase } from '../../support/postgres.ts'
import { describeGeo } from './geo-cases.ts'

describeGeo('earthdistance', () => testDatabase(18))
